//! Names of the things that travel between the state machines and their surroundings.

use core::fmt;

/// A device's EUI-64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct DevEui(pub u64);

impl fmt::Display for DevEui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for DevEui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DevEui({self})")
    }
}

/// A transmission that the campaign ordered; unique within the campaign, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct TxId(pub u64);

/// A multicast group of the campaign, counted from 0 in the plan's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupId(pub u8);
