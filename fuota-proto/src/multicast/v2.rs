//! TS005-2.0.0.

pub use super::{
    DEFAULT_PORT, McClassBSessionReq, McClassCSessionReq, McGroupDeleteAns, McGroupDeleteReq,
    McGroupSetupAns, McGroupSetupReq, McGroupStatusAns, McGroupStatusReq, PACKAGE_IDENTIFIER,
};
pub use crate::version::{PackageVersionAns, PackageVersionReq};

use super::SessionAns;
use crate::package::package;

/// Version of the package.
pub const PACKAGE_VERSION: u8 = 2;

/// Answer to [`McClassCSessionReq`] (TS005-2.0.0 §3.5).
pub type McClassCSessionAns = SessionAns<PACKAGE_VERSION, 0x04>;
/// Answer to [`McClassBSessionReq`] (TS005-2.0.0 §3.6).
pub type McClassBSessionAns = SessionAns<PACKAGE_VERSION, 0x05>;

package! {
    /// What a server sends (TS005-2.0.0 §2).
    pub enum Downlink {
        /// Which version do you speak?
        PackageVersionReq(PackageVersionReq),
        /// Which groups do you have?
        McGroupStatusReq(McGroupStatusReq),
        /// Take this group.
        McGroupSetupReq(McGroupSetupReq),
        /// Forget a group.
        McGroupDeleteReq(McGroupDeleteReq),
        /// Listen in class C.
        McClassCSessionReq(McClassCSessionReq),
        /// Listen in class B.
        McClassBSessionReq(McClassBSessionReq),
    }
}

package! {
    /// What a device sends (TS005-2.0.0 §2).
    pub enum Uplink {
        /// Answer to [`PackageVersionReq`].
        PackageVersionAns(PackageVersionAns),
        /// Answer to [`McGroupStatusReq`].
        McGroupStatusAns(McGroupStatusAns),
        /// Answer to [`McGroupSetupReq`].
        McGroupSetupAns(McGroupSetupAns),
        /// Answer to [`McGroupDeleteReq`].
        McGroupDeleteAns(McGroupDeleteAns),
        /// Answer to [`McClassCSessionReq`].
        McClassCSessionAns(McClassCSessionAns),
        /// Answer to [`McClassBSessionReq`].
        McClassBSessionAns(McClassBSessionAns),
    }
}
