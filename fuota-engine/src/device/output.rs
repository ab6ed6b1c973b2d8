//! What a [`DeviceSession`](super::DeviceSession) wants done.

use fuota_proto::keys::{McAppSKey, McNwkSKey};
use fuota_proto::{DataRate, Frequency};
use fuota_proto::{Descriptor, FragIndex, McAddr, McGroupId};

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
    /// Listen for a group's frames without pause, from now until [`Output::CloseClassC`].
    OpenClassC(ClassCWindow),
    /// Stop listening.
    CloseClassC,
    /// A data block is whole: [`DeviceSession::store`](super::DeviceSession::store) holds it.
    Complete {
        /// Its session.
        frag_index: FragIndex,
        /// What the server said it is (TS004-1.0.0 §3.3).
        descriptor: Descriptor,
    },
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

/// Where a group's class C frames are (TS005-1.0.0 §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCWindow {
    /// Whose frames.
    pub mc_group_id: McGroupId,
    /// On which frequency.
    pub frequency: Frequency,
    /// At which data rate.
    pub data_rate: DataRate,
}
