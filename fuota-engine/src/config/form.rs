//! Reading a configuration file, whatever its form.

use std::string::String;
use std::vec::Vec;

use super::Config;
use super::entry::{Entry, GLOBAL, Value, abridged};
use super::error::ConfigError;
use super::parameter::{FOREIGN_GROUPS, PARAMETERS, Parameter};
use super::{grouped, ini, toml};

/// How a configuration file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// TOML: keys at the top or in `[global]`, texts in quotes, comments behind `#`.
    Toml,
    /// Plain INI: keys in `[global]` or before any section, nothing in quotes that need not be, comments behind `;` or
    /// `#`.
    Ini,
    /// Groups in braces, `global:{ msg_retries: 2 }`: commas optional, comments behind `//` or `#` or within `/* */`,
    /// texts in quotes with `\"` for a quote.
    Grouped,
}

impl Form {
    /// The form that a file has. What is none of them counts as TOML, whose faults are then told.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if grouped::is_grouped(text) {
            Self::Grouped
        } else if !toml::is_toml(text) && ini::is_ini(text) {
            Self::Ini
        } else {
            Self::Toml
        }
    }
}

/// Something in a file that is known and changes nothing in this engine: a key, or the keys of another component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IgnoredKey {
    /// Its line, from 1.
    pub line: usize,
    /// The key or group.
    pub name: &'static str,
}

impl Config {
    /// Reads a configuration file of any [`Form`]. What it does not set keeps its default. Keys that this engine has no
    /// use for are checked, groups of other components are not; both are returned, for the caller to mention.
    ///
    /// # Errors
    /// The first fault in the order of the file: one of its form, an unknown key, a value of the wrong type or out of
    /// range, a key set twice.
    pub fn from_text(text: &str) -> Result<(Self, Vec<IgnoredKey>), ConfigError> {
        // Some editors mark their files as Unicode.
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let mut reader = Reader { config: Self::default(), seen: Vec::new(), ignored: Vec::new() };
        let take = |entry: Entry<'_>| reader.take(&entry);
        match Form::of(text) {
            Form::Toml => toml::read(text, take)?,
            Form::Ini => ini::read(text, take)?,
            Form::Grouped => grouped::read(text, take)?,
        }
        Ok((reader.config, reader.ignored))
    }
}

struct Reader {
    config: Config,
    seen: Vec<&'static str>,
    ignored: Vec<IgnoredKey>,
}

impl Reader {
    fn take(&mut self, entry: &Entry<'_>) -> Result<(), ConfigError> {
        let Entry { line, ref name, .. } = *entry;
        let group = FOREIGN_GROUPS.iter().copied().chain([GLOBAL]).find(|known| known == name);
        match (group, Parameter::find(name), &entry.value) {
            (Some(key), None, Value::Group) if key != GLOBAL => {
                self.ignored.push(IgnoredKey { line, name: key });
                Ok(())
            }
            (Some(key), None, Value::Plain(_) | Value::Text(_)) => {
                Err(ConfigError::NotASection { line, key, got: entry.written.clone() })
            }
            // A topic with its version.
            (_, Some(parameter), Value::Group) if parameter.may_be_group() => {
                self.ignored.push(IgnoredKey { line, name: parameter.name });
                Ok(())
            }
            (_, Some(parameter), _) => self.set(parameter, entry),
            (_, None, _) => Err(unknown(entry)),
        }
    }

    fn set(&mut self, parameter: &'static Parameter, entry: &Entry<'_>) -> Result<(), ConfigError> {
        let (line, key) = (entry.line, parameter.name);
        if self.seen.contains(&key) {
            return Err(ConfigError::SetTwice { line, key });
        }
        self.seen.push(key);
        let setting = parameter.domain.accept(entry.value.raw());
        if setting.and_then(|setting| parameter.set(&mut self.config, setting)).is_none() {
            let got = if entry.written.is_empty() { "nothing".into() } else { entry.written.clone() };
            return Err(ConfigError::Value { line, key, expected: parameter.domain, got });
        }
        if !parameter.is_heeded() {
            self.ignored.push(IgnoredKey { line, name: key });
        }
        Ok(())
    }
}

fn unknown(entry: &Entry<'_>) -> ConfigError {
    let written = abridged(&entry.name);
    let known = PARAMETERS.iter().map(|known| known.name);
    let nearest = match (entry.section, &entry.value) {
        (None, Value::Group) => {
            nearest(&written, known.chain(FOREIGN_GROUPS.iter().copied()).chain([GLOBAL]))
        }
        _ => nearest(&written, known),
    };
    let section = entry.section.map_or_else(String::new, |section| std::format!("{section}."));
    ConfigError::UnknownKey {
        line: entry.line,
        key: std::format!("{section}{}", written.escape_debug()),
        nearest,
    }
}

/// The known name that a slip of the finger would turn into `written`.
fn nearest(written: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '.', ' '], "_");
    let written = plain(written);
    known
        .map(|name| (strsim::damerau_levenshtein(&plain(name), &written), name))
        .filter(|&(distance, name)| distance * 3 <= name.len())
        .min()
        .map(|(_, name)| name)
}
