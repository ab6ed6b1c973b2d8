//! What the forms of a configuration file have in common: keys with values, and where they stand.

use std::string::String;

use super::domain::Raw;

/// Longest part of a wrong value that an error repeats, in characters.
const QUOTED: usize = 40;
/// The section that may hold the keys instead of the top of the file.
pub(super) const GLOBAL: &str = "global";

/// A key with its value, as it stands in the file.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// Its line, from 1.
    pub(super) line: usize,
    /// The section that it stands in, if any: [`GLOBAL`].
    pub(super) section: Option<&'static str>,
    /// The key.
    pub(super) name: String,
    /// What it is set to.
    pub(super) value: Value<'a>,
    /// The same as written, abridged.
    pub(super) written: String,
}

/// What a key is set to.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// Something that stands in the file as it is.
    Plain(Raw<'a>),
    /// A text whose escapes have been resolved.
    Text(String),
    /// Keys of its own, which belong to another component.
    Group,
}

impl Value<'_> {
    /// The value for the domain of a parameter.
    pub(super) fn raw(&self) -> Raw<'_> {
        match self {
            Self::Plain(raw) => *raw,
            Self::Text(text) => Raw::Text(text),
            Self::Group => Raw::Other,
        }
    }
}

/// The line, from 1, in which an octet stands.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&octet| octet == b'\n').count()
}

/// What an error repeats of `written`: at most a line's worth of it.
pub(super) fn abridged(written: &str) -> String {
    let line = written.lines().next().unwrap_or_default();
    let printable = line.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c });
    let mut quoted: String = printable.take(QUOTED).collect();
    if quoted.len() < written.len() {
        quoted.push('…');
    }
    quoted
}
