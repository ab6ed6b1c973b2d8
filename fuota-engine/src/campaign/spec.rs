//! What an operator hands in: the raw material of a [`Plan`](super::plan::Plan).

use alloc::vec::Vec;
use core::time::Duration;

use super::io::GroupParameters;
use crate::config::Config;
use crate::ids::DevEui;
use crate::percent::Percent;
use crate::region::Region;
use fuota_proto::DataRate;

/// A campaign as the operator wants it, not yet checked.
#[derive(Clone, Debug)]
pub struct CampaignSpec {
    /// The data block.
    pub image: Vec<u8>,
    /// Its four-octet description, caller-chosen (TS004-1.0.0 §3.3).
    pub descriptor: [u8; 4],
    /// Who shall receive it.
    pub devices: Vec<DeviceSpec>,
    /// The multicast group that carries it.
    pub group: GroupParameters,
    /// Where the fleet is.
    pub region: Region,
    /// Data rate of the devices' uplinks, which their RX1 downlinks share.
    pub uplink_data_rate: DataRate,
    /// How losses are made good.
    pub redundancy: Redundancy,
    /// The campaign fails once it has lasted this long.
    pub max_duration: Duration,
    /// Everything else.
    pub config: Config,
}

/// A device as the operator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Its name.
    pub dev_eui: DevEui,
    /// Time between its ordinary uplinks.
    pub uplink_period: Duration,
}

/// How losses are made good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redundancy {
    /// FEC on: parity fragments, this share of the uncoded ones (rounded up), in one round.
    Fec(Percent),
    /// FEC off: further rounds of the uncoded fragments, up to `datafrag_loops_max`.
    Rounds,
}
