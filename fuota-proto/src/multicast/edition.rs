//! What both editions have, which is all but a bit of the answers about sessions.

/// Declares the commands of one edition.
macro_rules! edition {
    ($version:literal) => {
        pub use $crate::multicast::{
            DEFAULT_PORT, McClassBSessionReq, McClassCSessionReq, McGroupDeleteAns, McGroupDeleteReq,
            McGroupSetupAns, McGroupSetupReq, McGroupStatusAns, McGroupStatusReq, PACKAGE_IDENTIFIER,
        };
        pub use $crate::version::{PackageVersionAns, PackageVersionReq};

        use $crate::multicast::SessionAns;
        use $crate::package::package;

        /// Version of the package.
        pub const PACKAGE_VERSION: u8 = $version;

        #[doc = concat!("Answer to [`McClassCSessionReq`] (TS005-", $version, ".0.0 §3.5).")]
        pub type McClassCSessionAns = SessionAns<PACKAGE_VERSION, 0x04>;
        #[doc = concat!("Answer to [`McClassBSessionReq`] (TS005-", $version, ".0.0 §3.6).")]
        pub type McClassBSessionAns = SessionAns<PACKAGE_VERSION, 0x05>;

        package! {
            #[doc = concat!("What a server sends (TS005-", $version, ".0.0 §2).")]
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
            #[doc = concat!("What a device sends (TS005-", $version, ".0.0 §2).")]
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
    };
}
pub(super) use edition;
