//! TS007-1.0.0.

pub use super::items::{DownlinkItem, Items, MessageItem, UplinkItem, Versions};
pub use super::own::{
    DevPackageAns, DevPackageReq, Downlink, MultiPackBufferFrag, MultiPackBufferReq, PackageItem, Uplink,
};
pub use super::set::{SetError, SetWriter};
pub use super::{DEFAULT_PORT, PACKAGE_IDENTIFIER};
pub use crate::version::{PackageVersionAns, PackageVersionReq};

/// Version of the package.
pub const PACKAGE_VERSION: u8 = 1;
