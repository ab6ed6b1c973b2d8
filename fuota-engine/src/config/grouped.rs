//! Configuration files in groups, as the published agent has them:
//!
//! ```text
//! global:{
//!     msg_retries: 2      // repeats; commas between keys are optional
//!     instance_id: "agent \"0\"", /* texts are quoted */
//! }
//! kafka:{ brokers: "broker:9092" }   # another component's
//! ```
//!
//! Values have no types but texts, which stand in quotes with `\` before what is to be taken as it is.

use std::borrow::ToOwned as _;
use std::string::String;

use super::domain::Raw;
use super::entry::{Entry, GLOBAL, Value, abridged};
use super::error::ConfigError;
use super::token::{Scanner, Token};

/// The keys of the file in their order, and what is done with each. A group that is not [`GLOBAL`] is one entry, its
/// keys left out.
pub(super) fn read(
    text: &str,
    mut take: impl FnMut(Entry<'_>) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let mut scanner = Scanner::new(text);
    let mut open = Open { around: None, global: None };
    loop {
        let (line, name) = match scanner.key()? {
            (_, Token::End) => return open.at_end(),
            (_, Token::Mark(',' | ';')) => continue,
            (line, Token::Mark('}')) => {
                open.close().ok_or_else(|| syntax(line, "`}` without a group that it ends"))?;
                continue;
            }
            (line, Token::Mark('{')) if open.may_begin() => {
                open.around = Some(line);
                continue;
            }
            (line, Token::Word(word)) => (line, word.to_owned()),
            (line, Token::Text(text)) => (line, text),
            (line, Token::Mark(mark)) => {
                return Err(syntax(line, &std::format!("a key is expected, not `{mark}`")));
            }
        };
        let section = open.global.map(|_| GLOBAL);
        let start = scanner.behind_sign(&name)?;
        match scanner.value()? {
            (line, Token::Mark('{')) if section.is_none() && name == GLOBAL => open.global = Some(line),
            (_, Token::Mark('{')) => {
                scanner.skip_group()?;
                take(Entry { line, section, name, value: Value::Group, written: "{…".into() })?;
            }
            (_, Token::Mark('[')) => {
                scanner.skip_group()?;
                take(Entry { line, section, name, value: Value::Plain(Raw::Other), written: "[…".into() })?;
            }
            (_, Token::Word(word)) => {
                let value = Value::Plain(Raw::Word(word));
                take(Entry { line, section, name, value, written: abridged(word) })?;
            }
            (_, Token::Text(value)) => {
                let written = abridged(scanner.since(start));
                take(Entry { line, section, name, value: Value::Text(value), written })?;
            }
            (line, Token::Mark(_) | Token::End) => {
                return Err(syntax(line, &std::format!("a value is expected for `{}`", abridged(&name))));
            }
        }
    }
}

/// Whether the file is laid out like this: somewhere a name is followed by a brace, with a colon between them or none.
pub(super) fn is_grouped(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    let (mut is_name, mut names_value) = (false, true);
    while let Ok((_, token)) = scanner.key() {
        (is_name, names_value) = match token {
            Token::Mark('{') if is_name || names_value => return true,
            Token::End => return false,
            Token::Mark(':') => (false, is_name),
            Token::Mark(_) => (false, false),
            Token::Word(_) | Token::Text(_) => (true, false),
        };
    }
    false
}

/// What has begun and not ended, by the line of its brace.
struct Open {
    /// Braces around the whole file.
    around: Option<usize>,
    /// The group of the keys.
    global: Option<usize>,
}

impl Open {
    /// Whether braces around the whole file may begin.
    fn may_begin(&self) -> bool {
        self.around.is_none() && self.global.is_none()
    }

    fn close(&mut self) -> Option<usize> {
        self.global.take().or_else(|| self.around.take())
    }

    fn at_end(mut self) -> Result<(), ConfigError> {
        match self.close() {
            Some(line) => Err(syntax(line, "the group that begins here does not end")),
            None => Ok(()),
        }
    }
}

fn syntax(line: usize, message: &str) -> ConfigError {
    ConfigError::Syntax { line, message: String::from(message) }
}
