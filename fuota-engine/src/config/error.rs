//! Why a configuration file is refused.

use std::string::String;

use super::domain::Domain;

/// Why a configuration file is refused. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It is not of the form that it seems to be.
    #[error("line {line}: {message}")]
    Syntax {
        /// Where.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A key that nobody knows.
    #[error("line {line}: unknown key `{key}`{}", Nearest(*.nearest))]
    UnknownKey {
        /// Where.
        line: usize,
        /// As written, sections included.
        key: String,
        /// The known key that resembles it most, if any does.
        nearest: Option<&'static str>,
    },
    /// A value of the wrong type or out of range.
    #[error("line {line}: `{key}` must be {expected}, not {got}")]
    Value {
        /// Where.
        line: usize,
        /// Whose value.
        key: &'static str,
        /// What it accepts.
        expected: Domain,
        /// As written, abridged.
        got: String,
    },
    /// A section's name with something else behind it.
    #[error("line {line}: `{key}` must be a section, not {got}")]
    NotASection {
        /// Where.
        line: usize,
        /// Which.
        key: &'static str,
        /// As written, abridged.
        got: String,
    },
    /// A key both at the top and in `[global]`.
    #[error("line {line}: `{key}` is set a second time")]
    SetTwice {
        /// Where it stands the second time.
        line: usize,
        /// Which.
        key: &'static str,
    },
}

struct Nearest(Option<&'static str>);

impl std::fmt::Display for Nearest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |name| write!(f, " (did you mean `{name}`?)"))
    }
}
