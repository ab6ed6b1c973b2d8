//! Configuration files in plain INI: sections in brackets, a key and its value on each line, comments behind `;` or `#`.
//!
//! Values have no types. Quotes around one are taken off. Read here, line by line, because every error names its line
//! and the usual crates for INI do not keep the lines of keys.

use std::borrow::ToOwned as _;

use super::domain::Raw;
use super::entry::{Entry, GLOBAL, Value, abridged};
use super::error::ConfigError;

/// The keys of the file in their order, and what is done with each. A section that is not [`GLOBAL`] is one entry, its
/// keys left out.
pub(super) fn read(
    text: &str,
    mut take: impl FnMut(Entry<'_>) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let (mut section, mut is_foreign) = (None, false);
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        match Line::of(line) {
            Some(Line::Nothing) => {}
            Some(Line::Section(GLOBAL)) => (section, is_foreign) = (Some(GLOBAL), false),
            Some(Line::Section(name)) => {
                is_foreign = true;
                let (name, written) = (name.to_owned(), abridged(line.trim()));
                take(Entry { line: number, section: None, name, value: Value::Group, written })?;
            }
            Some(Line::Key(_, _)) if is_foreign => {}
            Some(Line::Key(name, value)) => {
                let (name, written) = (name.to_owned(), abridged(value));
                let value = Value::Plain(Raw::Word(unquoted(value)));
                take(Entry { line: number, section, name, value, written })?;
            }
            None => {
                let message = std::format!("`key = value` is expected, not {}", abridged(line.trim()));
                return Err(ConfigError::Syntax { line: number, message });
            }
        }
    }
    Ok(())
}

/// Whether the file is laid out like this, whatever its keys and values.
pub(super) fn is_ini(text: &str) -> bool {
    text.lines().all(|line| Line::of(line).is_some())
}

/// What a line is.
enum Line<'a> {
    Nothing,
    Section(&'a str),
    Key(&'a str, &'a str),
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            return Some(Self::Nothing);
        }
        if let Some(header) = line.strip_prefix('[') {
            let (name, rest) = header.split_once(']')?;
            return without_comment(rest).is_empty().then_some(Self::Section(name.trim()));
        }
        let (name, value) = line.split_once(['=', ':'])?;
        let name = name.trim();
        (!name.is_empty()).then(|| Self::Key(name, without_comment(value)))
    }
}

/// A comment begins with its sign at the beginning or after a space, unless that is within quotes.
fn without_comment(text: &str) -> &str {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, ';' | '#') if before.is_whitespace() => return text.get(..at).unwrap_or(text).trim(),
            (None, '"' | '\'') if before.is_whitespace() => quote = Some(c),
            (Some(opened), _) if c == opened => quote = None,
            _ => {}
        }
        before = c;
    }
    text.trim()
}

fn unquoted(text: &str) -> &str {
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}
