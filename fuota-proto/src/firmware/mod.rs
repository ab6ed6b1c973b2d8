//! Firmware management (TS006), FPort 203 by default: versions, reboots and the stored image.

mod image;
pub mod v1;

/// FPort that devices listen on unless configured otherwise.
pub const DEFAULT_PORT: u8 = 203;
/// Identifier of the package.
pub const PACKAGE_IDENTIFIER: u8 = 4;
