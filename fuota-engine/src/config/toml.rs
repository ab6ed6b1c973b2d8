//! Configuration files in TOML.

use std::borrow::ToOwned as _;
use std::vec::Vec;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::domain::Raw;
use super::entry::{Entry, GLOBAL, Value, abridged, line_of};
use super::error::ConfigError;

/// The keys of the file in their order, and what is done with each.
pub(super) fn read(
    text: &str,
    mut take: impl FnMut(Entry<'_>) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let document = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().replace('\n', " "),
    })?;
    for (name, at, value) in in_file_order(document.get_ref()) {
        match value.get_ref() {
            DeValue::Table(keys) if name == GLOBAL => in_file_order(keys)
                .into_iter()
                .try_for_each(|(name, at, value)| take(entry(text, Some(GLOBAL), name, at, value)))?,
            _ => take(entry(text, None, name, at, value))?,
        }
    }
    Ok(())
}

/// Whether the file is TOML, whatever its keys and values.
pub(super) fn is_toml(text: &str) -> bool {
    DeTable::parse(text).is_ok()
}

/// A key, its place in the file and its value.
type Key<'a> = (&'a str, usize, &'a Spanned<DeValue<'a>>);

fn in_file_order<'a>(table: &'a DeTable<'_>) -> Vec<Key<'a>> {
    let keys = table.iter().map(|(name, value)| (name.get_ref().as_ref(), name.span().start, value));
    let mut keys: Vec<Key<'a>> = keys.collect();
    keys.sort_by_key(|&(_, at, _)| at);
    keys
}

fn entry<'a>(
    text: &str,
    section: Option<&'static str>,
    name: &str,
    at: usize,
    value: &'a Spanned<DeValue<'a>>,
) -> Entry<'a> {
    Entry {
        line: line_of(text, at),
        section,
        name: name.to_owned(),
        written: abridged(text.get(value.span()).unwrap_or_default()),
        value: match value.get_ref() {
            DeValue::Integer(n) => Value::Plain(Raw::Whole(u64::from_str_radix(n.as_str(), n.radix()).ok())),
            DeValue::Float(number) => Value::Plain(Raw::Decimal(number.as_str())),
            DeValue::Boolean(on) => Value::Plain(Raw::Flag(*on)),
            DeValue::String(text) => Value::Plain(Raw::Text(text)),
            DeValue::Table(_) => Value::Group,
            DeValue::Datetime(_) | DeValue::Array(_) => Value::Plain(Raw::Other),
        },
    }
}
