//! A chaotic scenario as plain numbers: it is written as TOML, read again, and made smaller by leaving things out.
//!
//! Devices are counted from 0, times are whole seconds since the start, shares are percent.

use fuota_engine::campaign::quirk::Quirk;
use serde::{Deserialize, Serialize};

/// One chaotic scenario. From it follows everything that happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Case {
    /// From this number follows what is random within it.
    pub seed: u64,
    /// What is sent, and by which rules.
    pub campaign: CampaignCase,
    /// The node that conducts it.
    pub node: NodeCase,
    /// The network between node and gateways.
    pub network: NetworkCase,
    /// The fleet.
    pub devices: Vec<DeviceCase>,
    /// What the operator orders, and when.
    #[serde(default)]
    pub orders: Vec<Timed<OrderCase>>,
    /// What befalls devices, clocks and the store, and who lies, and when.
    #[serde(default)]
    pub faults: Vec<Timed<Fault>>,
    /// When the node crashes.
    #[serde(default)]
    pub crashes: Vec<Crash>,
}

/// Something at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timed<T> {
    /// How long after the start.
    pub after: u32,
    /// What.
    pub what: T,
}

/// What a campaign is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KindCase {
    /// Groups and sessions only.
    MulticastSetup,
    /// A data block.
    Binary,
    /// Firmware that devices install by themselves.
    Firmware,
    /// Firmware that devices reboot into when they are told to.
    FirmwareAtTime,
}

/// How losses are made good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PolicyCase {
    /// A share of parity.
    Fec {
        /// Percent of the uncoded fragments.
        percent: u32,
    },
    /// Rounds of uncoded fragments.
    Rounds,
    /// Parity as devices ask for it.
    Adaptive,
}

/// When the campaign begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StartCase {
    /// When it is created.
    AtOnce,
    /// So long after.
    After(u32),
    /// When the operator says so.
    OnOrder,
}

/// What is sent, and by which rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CampaignCase {
    /// What for.
    pub kind: KindCase,
    /// How losses are made good.
    pub policy: PolicyCase,
    /// When it begins.
    pub start: StartCase,
    /// Exponent of the ping slots' period in class B; class C if there is none.
    pub class_b: Option<u8>,
    /// Octets of the data block.
    pub image: u32,
    /// Octets of a fragment.
    pub frag_size: u8,
    /// Whether devices of version 2 report completion by themselves.
    pub ack_reception: bool,
    /// Success threshold.
    pub threshold: u32,
    /// Most repeats of a request.
    pub msg_retries: u8,
    /// Most rounds without FEC.
    pub rounds: u16,
    /// The campaign fails after so many seconds.
    pub max_duration: u32,
    /// Switches of the agent's configuration that differ from its defaults.
    #[serde(default)]
    pub switches: Vec<Switch>,
    /// Whether uplinks collide, and transmitters are deaf.
    #[serde(default)]
    pub half_duplex: bool,
    /// Share of the beacons that a device misses.
    #[serde(default)]
    pub beacon_loss: u32,
}

/// A switch of the agent's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Switch {
    /// Devices are asked to let go of reboot times and images only.
    CleanUpAsDocumented,
    /// Stages end at the threshold.
    StageEndsAtThreshold,
    /// Rounds are polled by unicast.
    StatusByUnicast,
    /// Multicast does not wait for reports.
    ReportsDisabled,
    /// Timers follow the documents.
    DocumentedTimers,
    /// Groups are probed first.
    ProbeAtStart,
    /// Sessions are no longer than needed.
    TightSession,
    /// Answer windows follow the size of the fleet.
    SizedAnswers,
    /// Requests that stay unsent are sent again after a while.
    DeliveryTimeout,
}

impl Switch {
    /// All of them.
    pub(super) const ALL: [Self; 9] = [
        Self::CleanUpAsDocumented,
        Self::StageEndsAtThreshold,
        Self::StatusByUnicast,
        Self::ReportsDisabled,
        Self::DocumentedTimers,
        Self::ProbeAtStart,
        Self::TightSession,
        Self::SizedAnswers,
        Self::DeliveryTimeout,
    ];
}

/// The node that conducts the campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NodeCase {
    /// Whether it makes all records of a turn durable at once, as the driver does; otherwise one by one, and does in
    /// between what may be done by then.
    pub commits_turns: bool,
    /// Most inputs that it takes in one turn.
    pub inputs: u8,
    /// It keeps a snapshot after so many records; 0: never.
    pub snapshot_every: u32,
}

/// What happens to what passes between the node and the gateways. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct NetworkCase {
    /// Whether uplinks arrive twice.
    pub uplink_twice: bool,
    /// Longest delay of an uplink.
    pub uplink_delay: u32,
    /// Share of the answers that come once more, up to an hour later.
    pub stale: u32,
    /// Share of the reports that get lost.
    pub report_lost: u32,
    /// Share of the reports that come twice.
    pub report_twice: u32,
    /// Longest delay of a report.
    pub report_delay: u32,
    /// Share of the downlinks that the network server refuses for the moment.
    pub downlink_refused: u32,
    /// Share of the downlinks that the network server loses without a word.
    pub downlink_lost: u32,
    /// Longest time until something is derived.
    pub derive_delay: u32,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DeviceCase {
    /// Share of the downlinks that it does not hear.
    pub downlink_loss: u32,
    /// Whether they are lost in bursts.
    #[serde(default)]
    pub bursts: bool,
    /// Share of its uplinks that get lost.
    pub uplink_loss: u32,
    /// Time between its uplinks.
    pub period: u32,
    /// Whether it speaks version 2 of the packages.
    #[serde(default)]
    pub v2: bool,
    /// Whether the campaign has to ask which version it speaks.
    #[serde(default)]
    pub asked: bool,
    /// Names of the quirks that the operator says it has.
    #[serde(default)]
    pub quirks: Vec<String>,
    /// Only this fragmentation index and group identifier are known to be supported.
    #[serde(default)]
    pub only_index: Option<u8>,
    /// Another campaign has this fragmentation index and this group identifier of it, as shows when it is given them
    /// instead of others.
    #[serde(default)]
    pub taken: Option<u8>,
    /// How fast or slow its clock may run, in parts per million.
    #[serde(default)]
    pub drift_ppm: u32,
    /// Losses that its decoder makes good.
    #[serde(default)]
    pub decoder_lost: Option<u16>,
    /// The error bit that it sets in its answers, by the name that scenario files have for it.
    #[serde(default)]
    pub refuses: Option<String>,
    /// When it is heard first.
    #[serde(default)]
    pub joins: u32,
    /// Whether it runs the firmware already.
    #[serde(default)]
    pub up_to_date: bool,
    /// Whether it is other hardware than the firmware is for.
    #[serde(default)]
    pub other_hardware: bool,
    /// Whether it goes back to what it ran before.
    #[serde(default)]
    pub rolls_back: bool,
    /// Whether the key store has no key for it.
    #[serde(default)]
    pub no_key: bool,
}

impl Default for DeviceCase {
    /// Nothing is the matter with it.
    fn default() -> Self {
        Self {
            downlink_loss: 0,
            bursts: false,
            uplink_loss: 0,
            period: 100,
            v2: false,
            asked: false,
            quirks: Vec::new(),
            only_index: None,
            taken: None,
            drift_ppm: 0,
            decoder_lost: None,
            refuses: None,
            joins: 0,
            up_to_date: false,
            other_hardware: false,
            rolls_back: false,
            no_key: false,
        }
    }
}

impl DeviceCase {
    /// The quirks that it is said to have.
    pub(super) fn quirks(&self) -> impl Iterator<Item = Quirk> {
        self.quirks.iter().filter_map(|name| Quirk::find(name))
    }
}

/// What an operator orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OrderCase {
    /// Begin.
    Start,
    /// End.
    Stop,
    /// Send nothing for the time being.
    Pause,
    /// Go on.
    Resume,
    /// Go on without this device.
    Exclude(u32),
    /// This share of the devices has to succeed.
    Require(u32),
}

/// Something that befalls the surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// A device loses what is in its memory.
    Reboot {
        /// Which.
        device: u32,
    },
    /// A device's clock jumps.
    DeviceClock {
        /// Which.
        device: u32,
        /// By so many seconds.
        by: i32,
    },
    /// The node's clock jumps.
    NodeClock {
        /// By so many seconds.
        by: i32,
    },
    /// The store takes nothing.
    Store {
        /// For so many seconds.
        takes: u32,
        /// Whether it keeps what it says it does not.
        keeps: bool,
    },
    /// Somebody speaks in the name of a device.
    Hostile {
        /// Whose; a number beyond the fleet is a stranger's.
        device: u32,
        /// What is said.
        says: Hostile,
    },
}

/// What somebody says who means no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Hostile {
    /// Any octets on any port.
    Octets,
    /// Something that was said before, cut short.
    Truncated,
    /// Something that was said before, with a bit turned.
    Flipped,
    /// Something that another device said before.
    Borrowed,
    /// Something that the device itself said before.
    Repeated,
    /// A status: everything received, or nothing, or an error.
    Status,
    /// A command of any package with any fields.
    Command,
}

impl Hostile {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::Octets,
        Self::Truncated,
        Self::Flipped,
        Self::Borrowed,
        Self::Repeated,
        Self::Status,
        Self::Command,
    ];
}

/// A crash of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Crash {
    /// Over this action: something made durable, handed over or told, counted from 0 since the start.
    pub action: u64,
    /// It comes back after so many seconds.
    pub down: u32,
    /// Whether half of the record under way is left.
    #[serde(default)]
    pub torn: bool,
    /// Whether what was being made durable is, though nobody learned of it.
    #[serde(default)]
    pub kept: bool,
}
