//! Remote multicast setup (TS005), FPort 200 by default.
//!
//! A server gives a device the keys of a multicast group and then announces when, where and how long the group
//! listens. Versions 1 and 2 differ in the answers about sessions only.

mod edition;
mod groups;
#[cfg(feature = "serde")]
mod serial;
mod session;
#[cfg(feature = "ts005-v1")]
pub mod v1;
#[cfg(feature = "ts005-v2")]
pub mod v2;

pub use groups::{
    GroupError, GroupItem, GroupItemsError, McGroupDeleteAns, McGroupDeleteReq, McGroupSetupAns,
    McGroupSetupReq, McGroupStatusAns, McGroupStatusReq,
};
pub use session::{McClassBSessionReq, McClassCSessionReq, SessionAns, SessionErrors, SessionOutcome};

/// FPort that devices listen on unless configured otherwise.
pub const DEFAULT_PORT: u8 = 200;
/// Identifier of the package.
pub const PACKAGE_IDENTIFIER: u8 = 2;
