//! TS003-2.0.0.

pub use super::ForceDeviceResyncReq as ForceDeviceResyncCmd;

super::edition::edition!(2, ForceDeviceResyncCmd);
