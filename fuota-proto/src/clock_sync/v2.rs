//! TS003-2.0.0.

pub use super::{
    AppTimeAns, AppTimeReq, DEFAULT_PORT, DeviceAppTimePeriodicityAns, DeviceAppTimePeriodicityReq,
    ForceDeviceResyncReq as ForceDeviceResyncCmd, PACKAGE_IDENTIFIER,
};
pub use crate::version::{PackageVersionAns, PackageVersionReq};

use crate::package::package;

/// Version of the package.
pub const PACKAGE_VERSION: u8 = 2;

package! {
    /// What a server sends (TS003-2.0.0 §1).
    pub enum Downlink {
        /// Which version do you speak?
        PackageVersionReq(PackageVersionReq),
        /// Answer to [`AppTimeReq`].
        AppTimeAns(AppTimeAns),
        /// Ask so often.
        DeviceAppTimePeriodicityReq(DeviceAppTimePeriodicityReq),
        /// Ask now.
        ForceDeviceResyncCmd(ForceDeviceResyncCmd),
    }
}

package! {
    /// What a device sends (TS003-2.0.0 §1).
    pub enum Uplink {
        /// Answer to [`PackageVersionReq`].
        PackageVersionAns(PackageVersionAns),
        /// What time is it?
        AppTimeReq(AppTimeReq),
        /// Answer to [`DeviceAppTimePeriodicityReq`].
        DeviceAppTimePeriodicityAns(DeviceAppTimePeriodicityAns),
    }
}
