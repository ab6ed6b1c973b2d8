//! TS003-1.0.0.

pub use super::ForceDeviceResyncReq;

super::edition::edition!(1, ForceDeviceResyncReq);
