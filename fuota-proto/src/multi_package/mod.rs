//! Multi-package access (TS007), on FPort 225: commands of several packages in one message.
//!
//! A message is a set of commands, each optionally behind the identifier of its package, and a token at the end that
//! pairs answers with requests. One command stands alone and without a token in its downlink, and its answer
//! alone with one.

mod items;
mod layout;
mod own;
#[cfg(feature = "serde")]
mod serial;
mod set;
pub mod v1;

/// FPort of multi-package access, which is not configurable and never that of another package.
pub const DEFAULT_PORT: u8 = 225;
/// Identifier of the package.
pub const PACKAGE_IDENTIFIER: u8 = 0;
