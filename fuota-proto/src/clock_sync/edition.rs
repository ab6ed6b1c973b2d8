//! What both editions have, which is all but the name of a command.

/// Declares the commands of one edition.
macro_rules! edition {
    ($version:literal, $resync:ident) => {
        pub use $crate::clock_sync::{
            AppTimeAns, AppTimeReq, DEFAULT_PORT, DeviceAppTimePeriodicityAns, DeviceAppTimePeriodicityReq,
            PACKAGE_IDENTIFIER,
        };
        pub use $crate::version::{PackageVersionAns, PackageVersionReq};

        use $crate::package::package;

        /// Version of the package.
        pub const PACKAGE_VERSION: u8 = $version;

        package! {
            #[doc = concat!("What a server sends (TS003-", $version, ".0.0 §1).")]
            pub enum Downlink {
                /// Which version do you speak?
                PackageVersionReq(PackageVersionReq),
                /// Answer to [`AppTimeReq`].
                AppTimeAns(AppTimeAns),
                /// Ask so often.
                DeviceAppTimePeriodicityReq(DeviceAppTimePeriodicityReq),
                /// Ask now.
                $resync($resync),
            }
        }

        package! {
            #[doc = concat!("What a device sends (TS003-", $version, ".0.0 §1).")]
            pub enum Uplink {
                /// Answer to [`PackageVersionReq`].
                PackageVersionAns(PackageVersionAns),
                /// What time is it?
                AppTimeReq(AppTimeReq),
                /// Answer to [`DeviceAppTimePeriodicityReq`].
                DeviceAppTimePeriodicityAns(DeviceAppTimePeriodicityAns),
            }
        }
    };
}
pub(super) use edition;
