//! Configuration files in TOML.

use core::ops::Range;
use std::string::String;
use std::vec::Vec;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::Config;
use super::domain::Raw;
use super::error::ConfigError;
use super::parameter::{FOREIGN_SECTIONS, PARAMETERS, Parameter};

/// A key that is known and right, and changes nothing in this engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IgnoredKey {
    /// Its line, from 1.
    pub line: usize,
    /// The key or section.
    pub name: &'static str,
}

/// Longest part of a wrong value that an error repeats, in characters.
const QUOTED: usize = 40;
/// The section that may hold the keys instead of the top of the file.
const GLOBAL: &str = "global";

impl Config {
    /// Reads a configuration file. What it does not set keeps its default. Keys may stand at the top or in
    /// `[global]`; those that this engine has no use for are checked and returned, for the caller to mention.
    ///
    /// # Errors
    /// The first fault in the order of the file: not TOML, an unknown key, a value of the wrong type or out of
    /// range, a key set twice.
    pub fn from_toml(text: &str) -> Result<(Self, Vec<IgnoredKey>), ConfigError> {
        let document = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            message: error.message().replace('\n', " "),
        })?;
        let mut reader = Reader { text, config: Self::default(), seen: Vec::new(), ignored: Vec::new() };
        for entry in in_file_order(document.get_ref()) {
            reader.top(entry)?;
        }
        Ok((reader.config, reader.ignored))
    }
}

/// A key with its value and the place of both.
#[derive(Clone, Copy)]
struct Entry<'a> {
    name: &'a str,
    at: usize,
    value: &'a Spanned<DeValue<'a>>,
}

struct Reader<'a> {
    text: &'a str,
    config: Config,
    seen: Vec<&'static str>,
    ignored: Vec<IgnoredKey>,
}

impl Reader<'_> {
    fn top(&mut self, entry: Entry<'_>) -> Result<(), ConfigError> {
        if entry.name == GLOBAL {
            let keys = self.section(GLOBAL, entry)?;
            return keys.into_iter().try_for_each(|key| self.key(key, GLOBAL));
        }
        if let Some(&(section, known)) = FOREIGN_SECTIONS.iter().find(|(name, _)| *name == entry.name) {
            for key in self.section(section, entry)? {
                if !known.contains(&key.name) {
                    return Err(self.unknown(key, section, known.iter().copied()));
                }
            }
            self.ignored.push(IgnoredKey { line: line_of(self.text, entry.at), name: section });
            return Ok(());
        }
        self.key(entry, "")
    }

    fn key(&mut self, entry: Entry<'_>, section: &str) -> Result<(), ConfigError> {
        let line = line_of(self.text, entry.at);
        let Some(parameter) = Parameter::find(entry.name) else {
            return Err(self.unknown(entry, section, PARAMETERS.iter().map(|known| known.name)));
        };
        let key = parameter.name;
        if self.seen.contains(&key) {
            return Err(ConfigError::SetTwice { line, key });
        }
        self.seen.push(key);
        let setting = parameter.domain.accept(raw(entry.value.get_ref()));
        if setting.and_then(|setting| parameter.set(&mut self.config, setting)).is_none() {
            let got = quote(self.text, entry.value.span());
            return Err(ConfigError::Value { line, key, expected: parameter.domain, got });
        }
        if !parameter.is_heeded() {
            self.ignored.push(IgnoredKey { line, name: key });
        }
        Ok(())
    }

    fn section<'v>(&self, key: &'static str, entry: Entry<'v>) -> Result<Vec<Entry<'v>>, ConfigError> {
        match entry.value.get_ref() {
            DeValue::Table(table) => Ok(in_file_order(table)),
            _ => Err(ConfigError::NotASection {
                line: line_of(self.text, entry.at),
                key,
                got: quote(self.text, entry.value.span()),
            }),
        }
    }

    fn unknown(
        &self,
        entry: Entry<'_>,
        section: &str,
        known: impl Iterator<Item = &'static str>,
    ) -> ConfigError {
        let dot = if section.is_empty() { "" } else { "." };
        let written: String = entry.name.chars().take(QUOTED).collect();
        ConfigError::UnknownKey {
            line: line_of(self.text, entry.at),
            key: std::format!("{section}{dot}{}", written.escape_debug()),
            nearest: nearest(&written, known),
        }
    }
}

fn in_file_order<'a>(table: &'a DeTable<'_>) -> Vec<Entry<'a>> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(name, value)| Entry { name: name.get_ref(), at: name.span().start, value })
        .collect();
    entries.sort_by_key(|entry| entry.at);
    entries
}

fn raw<'a>(value: &'a DeValue<'_>) -> Raw<'a> {
    match value {
        DeValue::Integer(n) => Raw::Whole(u64::from_str_radix(n.as_str(), n.radix()).ok()),
        DeValue::Float(number) => Raw::Decimal(number.as_str()),
        DeValue::Boolean(on) => Raw::Flag(*on),
        DeValue::String(text) => Raw::Text(text),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => Raw::Other,
    }
}

/// The line, from 1, in which an octet stands.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&octet| octet == b'\n').count()
}

/// What the file says there, at most a line's worth of it.
fn quote(text: &str, span: Range<usize>) -> String {
    let written = text.get(span).unwrap_or_default();
    let line = written.lines().next().unwrap_or_default();
    let mut quoted: String = line.chars().take(QUOTED).collect();
    if quoted.len() < written.len() {
        quoted.push('…');
    }
    quoted
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
