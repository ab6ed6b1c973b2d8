//! What the values of a column are.

use serde::{Deserialize, Serialize};

/// What the values of a column are; any of them may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ColumnKind {
    /// Whole numbers.
    Whole,
    /// Numbers.
    Real,
    /// `true` and `false`.
    Truth,
    /// Text.
    Text,
}
