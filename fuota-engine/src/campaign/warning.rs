//! What goes wrong or looks odd while a campaign goes on. Names are stable; scripts match on them.

use core::fmt;
use core::time::Duration;

use fuota_fec::structure::Weakness;

use super::io::{Order, Refusal};
use super::order::OrderRefusal;
use super::quirk::Quirk;
use crate::ids::{DevEui, GroupId, TxId};
use crate::time::InWords;

/// Something an operator should know, though the campaign goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Set-up is expected to take longer than the campaign may last.
    SetupOutlastsCampaign {
        /// Expected duration of the set-up stages, session start included.
        setup: Duration,
        /// The campaign's maximum duration.
        max_duration: Duration,
    },
    /// A payload on a package's port was not what the package allows; what came before the fault was used.
    Malformed {
        /// Who sent it.
        device: DevEui,
        /// FPort.
        port: u8,
        /// Octet at which it stops making sense.
        offset: usize,
    },
    /// A device answered something that it is not being asked: late, twice, or about another group or session. It was
    /// left alone.
    UnexpectedAnswer {
        /// Who answered.
        device: DevEui,
        /// FPort of the answer.
        port: u8,
    },
    /// A device's time to the session's start is off by more than it may be.
    ClockOff {
        /// Whose.
        device: DevEui,
        /// By how much.
        by: Duration,
    },
    /// A device echoed the reboot time instead of saying how long until then, as before edition 1.0.0 of TS006.
    LegacyReboot {
        /// Which.
        device: DevEui,
    },
    /// A transmission without a report was repeated after a restart; it may have been on air twice.
    PossiblyRepeated {
        /// Which.
        id: TxId,
    },
    /// Something was done differently because the device's model does.
    QuirkApplied {
        /// Which device.
        device: DevEui,
        /// What its model does.
        quirk: Quirk,
    },
    /// A device says that the session has begun, before it has: its clock is ahead, or was never set.
    StartMissedEarly {
        /// Which.
        device: DevEui,
    },
    /// More parity is planned than the decoders of some devices can use.
    RedundancyBeyondDecoder {
        /// How many devices.
        devices: u32,
        /// Most lost fragments that the least of them makes good.
        redundancy: u16,
        /// Parity fragments planned.
        parity: u16,
    },
    /// Fragments are shorter than they could be: the longest would have cut the image into a number of fragments
    /// for which parity is weak.
    FragSizeChosen {
        /// Octets per fragment.
        frag_size: u8,
        /// Uncoded fragments.
        nb_frag: u16,
        /// The number that was avoided.
        avoided: u16,
    },
    /// The image is cut into a number of fragments for which parity is weak.
    WeakNbFrag {
        /// Uncoded fragments.
        nb_frag: u16,
        /// What is bad about their number.
        weakness: Weakness,
        /// Octets per fragment that would avoid it, if any size does.
        better: Option<u8>,
    },
    /// The groups were not probed before the first fragment: too many devices would have answered at once.
    ProbeSkipped {
        /// Devices that would have answered.
        answers: u32,
        /// The time over which devices spread their answers.
        window: Duration,
    },
    /// No report on a multicast frame came in time; sending goes on.
    ReportMissing,
    /// The network server refused a downlink; it is sent again.
    Refused(Refusal),
    /// The operator ordered something that cannot be done now; it was not done.
    OrderRefused {
        /// What.
        order: Order,
        /// Why not.
        refusal: OrderRefusal,
    },
    /// After a pause, what is left of a group's session is too short for what is still to be sent.
    SessionTooShort {
        /// Whose session.
        group: GroupId,
        /// Time for the fragments and the poll that are left.
        needed: Duration,
        /// Time that is left.
        left: Duration,
    },
    /// An input named a transmission, device or group that the campaign does not know.
    UnknownInput,
}

impl Warning {
    /// The device that it is about, if it is about one.
    #[must_use]
    pub const fn device(&self) -> Option<DevEui> {
        match self {
            Self::Malformed { device, .. }
            | Self::UnexpectedAnswer { device, .. }
            | Self::ClockOff { device, .. }
            | Self::LegacyReboot { device }
            | Self::QuirkApplied { device, .. }
            | Self::StartMissedEarly { device } => Some(*device),
            _ => None,
        }
    }

    /// The warning's name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SetupOutlastsCampaign { .. } => "SetupOutlastsCampaign",
            Self::Malformed { .. } => "Malformed",
            Self::UnexpectedAnswer { .. } => "UnexpectedAnswer",
            Self::ClockOff { .. } => "ClockOff",
            Self::LegacyReboot { .. } => "LegacyReboot",
            Self::PossiblyRepeated { .. } => "PossiblyRepeated",
            Self::QuirkApplied { .. } => "QuirkApplied",
            Self::StartMissedEarly { .. } => "StartMissedEarly",
            Self::RedundancyBeyondDecoder { .. } => "RedundancyBeyondDecoder",
            Self::FragSizeChosen { .. } => "FragSizeChosen",
            Self::WeakNbFrag { .. } => "WeakNbFrag",
            Self::ProbeSkipped { .. } => "ProbeSkipped",
            Self::ReportMissing => "ReportMissing",
            Self::Refused(_) => "Refused",
            Self::OrderRefused { .. } => "OrderRefused",
            Self::SessionTooShort { .. } => "SessionTooShort",
            Self::UnknownInput => "UnknownInput",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetupOutlastsCampaign { setup, max_duration } => write!(
                f,
                "set-up will take about {} behind one gateway, but the campaign may last only {}: it is expected \
                 to FAIL",
                InWords(*setup),
                InWords(*max_duration)
            ),
            Self::Malformed { device, port, offset } => {
                write!(f, "{device}: payload on port {port} makes no sense from octet {offset} on")
            }
            Self::UnexpectedAnswer { device, port } => {
                write!(f, "{device}: answered on port {port} what it is not being asked")
            }
            Self::ClockOff { device, by } => write!(f, "{device}: clock off by {}", InWords(*by)),
            Self::LegacyReboot { device } => {
                write!(f, "{device}: echoed the reboot time, as before edition 1.0.0 of firmware management")
            }
            Self::PossiblyRepeated { id } => {
                write!(
                    f,
                    "transmission {:#x} was repeated after a restart and may have been on air twice",
                    id.0
                )
            }
            Self::QuirkApplied { device, quirk } => {
                write!(f, "{device}: treated as its model wants ({quirk})")
            }
            Self::StartMissedEarly { device } => {
                write!(f, "{device}: says that the session has begun before it has")
            }
            Self::RedundancyBeyondDecoder { devices, redundancy, parity } => write!(
                f,
                "{parity} parity fragments are planned, but {devices} devices make good at most {redundancy} \
                 lost ones"
            ),
            Self::FragSizeChosen { frag_size, nb_frag, avoided } => write!(
                f,
                "{nb_frag} fragments of {frag_size} octets instead of {avoided} longer ones, for which parity is \
                 weak"
            ),
            Self::WeakNbFrag { nb_frag, weakness, better } => {
                write!(f, "{nb_frag} fragments: {weakness}")?;
                better.map_or(Ok(()), |octets| write!(f, "; a fragment size of {octets} avoids it"))
            }
            Self::ProbeSkipped { answers, window } => write!(
                f,
                "no probe before the first fragment: {answers} answers in {} would drown each other",
                InWords(*window)
            ),
            Self::ReportMissing => f.write_str("no report on a multicast downlink came in time"),
            Self::Refused(refusal) => write!(f, "the network server refused a downlink: {refusal}"),
            Self::OrderRefused { order, refusal } => {
                write!(f, "the order {order:?} is not carried out: {refusal}")
            }
            Self::SessionTooShort { group, needed, left } => write!(
                f,
                "group {}: what is left to send takes {}, but the session ends in {}",
                group.0,
                InWords(*needed),
                InWords(*left)
            ),
            Self::UnknownInput => f.write_str("an input named something that the campaign does not know"),
        }
    }
}
