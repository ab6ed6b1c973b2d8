//! Scenarios as TOML files: every key is known, every value is checked, and what is wrong is told with its line.
//!
#![doc = include_str!("format.md")]

mod build;
mod expect;
mod schema;
mod values;

use std::path::{Path, PathBuf};
use std::{fs, io};

use fuota_engine::config::{Config, ConfigError, IgnoredKey};
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

pub use self::expect::Expectation;
use super::Scenario;
use super::trace::TraceError;

/// A scenario as a file describes it.
#[derive(Clone, Debug)]
pub struct ScenarioFile {
    /// What it is called.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// The scenario.
    pub scenario: Scenario,
    /// Whether the image was named; if not, any image of that length will do.
    pub image_named: bool,
    /// What should come of it.
    pub expect: Expectation,
    /// Keys of the agent's configuration that change nothing.
    pub ignored: Vec<IgnoredKey>,
}

/// Why a file is no scenario.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error("{}: line {line}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// A key of its section `[agent]` is wrong.
    #[error("{}: {source}", path.display())]
    Agent {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: ConfigError,
    },
    /// A trace that it names is wrong.
    #[error("{}: {source}", path.display())]
    Trace {
        /// The trace.
        path: PathBuf,
        /// What is wrong.
        source: TraceError,
    },
}

impl ScenarioFile {
    /// Reads a scenario, and the files that it names relative to its own folder.
    ///
    /// # Errors
    /// [`FileError`] with the line that is wrong and what would be right.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text = read_to_string(path)?;
        Self::parse(&text, path)
    }

    /// A scenario from its text, as if it stood in the file `path`.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn parse(text: &str, path: &Path) -> Result<Self, FileError> {
        Self::assemble(toml::from_str(text), "agent", text, path)
    }

    /// A scenario that is the section `name` of a larger file.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), with the lines of the larger file.
    pub(crate) fn parse_section(
        section: &Spanned<DeValue<'_>>,
        name: &str,
        text: &str,
        path: &Path,
    ) -> Result<Self, FileError> {
        let file = schema::File::deserialize(ValueDeserializer::from(section.clone()));
        Self::assemble(file, &format!("{name}.agent"), text, path)
    }

    fn assemble(
        file: Result<schema::File, toml::de::Error>,
        agent: &str,
        text: &str,
        path: &Path,
    ) -> Result<Self, FileError> {
        let file = file.map_err(|error| {
            let (line, message) = place_of(&error, text);
            FileError::Wrong { path: path.into(), line, message }
        })?;
        let (config, ignored) = Config::from_text(&section(text, agent))
            .map_err(|source| FileError::Agent { path: path.into(), source })?;
        build::build(file, config, ignored, text, path)
    }
}

impl FileError {
    /// What is wrong, without where: for text that stands in no file.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Wrong { message, .. } => message.clone(),
            Self::Agent { source, .. } => {
                let text = source.to_string();
                text.split_once(": ").map_or(text.clone(), |(_, message)| message.to_owned())
            }
            other => other.to_string(),
        }
    }
}

/// The line of a mistake in TOML, and what is wrong there.
pub(crate) fn place_of(error: &toml::de::Error, text: &str) -> (usize, String) {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    (line, error.message().split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The text with every line blanked but those of one section, so that lines keep their numbers.
fn section(text: &str, name: &str) -> String {
    let header = format!("[{name}]");
    let mut inside = false;
    let lines = text.lines().map(|line| {
        let trimmed = line.trim_start();
        if trimmed.starts_with('[') {
            inside = trimmed.starts_with(&header);
            return "";
        }
        if inside { line } else { "" }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The line of an octet, counted from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

fn read_to_string(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|source| FileError::Read { path: path.into(), source })
}

#[cfg(test)]
mod tests;
