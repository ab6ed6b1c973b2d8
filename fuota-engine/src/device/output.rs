//! What a [`DeviceSession`](super::DeviceSession) wants done.

use fuota_proto::keys::{McAppSKey, McNwkSKey};
use fuota_proto::{DataRate, Descriptor, FragIndex, Frequency, McAddr, McGroupId, PingSlotPeriodicity};

use crate::time::GpsInstant;

/// Longest payload of answers, in octets: what every EU868 data rate carries.
pub const MAX_UPLINK: usize = 51;

/// Something the firmware has to do, in order.
///
/// Exhaustive on purpose: firmware that overlooks a new kind would fall out of the session.
#[derive(Debug)]
#[must_use]
pub enum Output {
    /// Send an uplink now. Its times count from this moment: encode late, not early.
    Uplink {
        /// FPort.
        port: u8,
        /// FRMPayload in clear.
        payload: heapless::Vec<u8, MAX_UPLINK>,
    },
    /// Give the LoRaWAN stack a multicast context, in place of an earlier one of the same group.
    InstallGroup(McContext),
    /// Take a group's context from the LoRaWAN stack.
    RemoveGroup(McGroupId),
    /// Listen for a group's frames from now until [`Output::CloseWindow`].
    OpenWindow(Window),
    /// Stop listening.
    CloseWindow,
    /// A data block is whole, and its integrity code is right if it has one:
    /// [`DeviceSession::store`](super::DeviceSession::store) holds it.
    Complete {
        /// Its session.
        frag_index: FragIndex,
        /// What the server said it is (TS004-1.0.0 §3.3).
        descriptor: Descriptor,
    },
    /// A data block is whole and its integrity code is wrong: it is to be thrown away (TS004-2.0.0 §3.5).
    Corrupt {
        /// Its session.
        frag_index: FragIndex,
    },
    /// Set the device's clock forward by so many seconds, or back if negative, before the session is called again:
    /// from then on `now` is the new time (TS003-1.0.0 §2.3).
    AdjustClock {
        /// Seconds.
        seconds: i32,
    },
    /// Reboot now, and install the image that waits for it, if it is valid. The session ends with it: the firmware
    /// that starts makes a new one and, if it is new itself, has it
    /// [`report_upgrade`](super::DeviceSession::report_upgrade).
    Reboot,
    /// Nothing more to do until this moment or the next downlink; `None`: until the next downlink.
    Wait(Option<GpsInstant>),
}

/// What a LoRaWAN stack needs to receive a group's frames (TS005-1.0.0 §3.3).
#[derive(Debug)]
pub struct McContext {
    /// The device's name for the group.
    pub mc_group_id: McGroupId,
    /// Address of its frames.
    pub mc_addr: McAddr,
    /// Encrypts the payload of its frames.
    pub mc_app_s_key: McAppSKey,
    /// Authenticates its frames.
    pub mc_nwk_s_key: McNwkSKey,
    /// Smallest frame counter to accept.
    pub min_mc_fcnt: u32,
    /// Frame counters from here up are refused.
    pub max_mc_fcnt: u32,
}

/// Where and when a group's frames come (TS005-1.0.0 §3.5 and §3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Whose frames.
    pub mc_group_id: McGroupId,
    /// On which frequency; in class B it may be [`Frequency::HOPPING`].
    pub frequency: Frequency,
    /// At which data rate.
    pub data_rate: DataRate,
    /// At which times.
    pub class: WindowClass,
}

/// When a group's frames come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowClass {
    /// In ping slots, which follow from the beacons and the group's address.
    B {
        /// Every 2^Periodicity seconds.
        periodicity: PingSlotPeriodicity,
    },
    /// At any time.
    C,
}
