//! What devices say, freed from package versions: the state machine knows answers, not editions.

use fuota_proto::clock_sync::AppTimeReq;
use fuota_proto::firmware::v1::DevUpgradeImageAns;
use fuota_proto::{
    Command, DecodeError, FragIndex, McGroupId, TimeToStart, clock_sync, firmware, fragmentation, multicast,
};

use super::question::encode;
use super::quirk::{Quirk, Quirks};
use super::spec::PackageVersion;
use crate::config::Config;

/// Whether a device accepted, or the status octet with which it refused.
pub(super) type Verdict = Result<(), u8>;

/// Something that a device says about one of the packages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    PackageVersion { identifier: u8, version: u8 },
    McGroupSetup { mc_group_id: McGroupId, verdict: Verdict },
    McGroupDelete { mc_group_id: McGroupId },
    Session { mc_group_id: McGroupId, starts_in: Result<u32, Refusal> },
    FragSessionSetup { frag_index: FragIndex, verdict: Verdict, index_unsupported: bool, replay: bool },
    FragSessionDelete { frag_index: FragIndex },
    Status { frag_index: Option<FragIndex>, status: Status },
    BlockReceived { frag_index: FragIndex, mic_error: bool },
    AppTime(AppTimeReq),
    DevVersion { firmware: u32, hardware: u32 },
    DevRebootTime { reboot_time: u32 },
    UpgradeImage(DevUpgradeImageAns),
    DeleteImage,
}

/// Why a device refuses a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    /// The answer's status octet.
    pub(super) status: u8,
    /// Whether it says that the start has passed: version 1 has no bit for it, and devices that know the group say
    /// that they don't (TS005-2.0.0 §3.5 and §3.6 have one).
    pub(super) missed: bool,
}

/// How a device speaks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub(super) multicast: Option<PackageVersion>,
    pub(super) fragmentation: Option<PackageVersion>,
    pub(super) quirks: Quirks,
}

/// What a device says of its fragmentation session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// The block is whole.
    Complete,
    /// So many fragments are missing, 255 for 255 or more.
    Missing(u8),
    /// It ran out of memory, with so many fragments missing.
    MemoryError(u8),
    /// The block is whole, but not the one that was announced.
    MicError,
    /// There is no such session.
    NoSession,
}

impl Dialect {
    /// Whether a payload is a status answer of version 2 that is laid out as in version 1.
    pub(super) fn status_in_v1_order(self, payload: &[u8]) -> bool {
        self.fragmentation == Some(PackageVersion::V2)
            && self.quirks.has(Quirk::StatusInV1Order)
            && payload.first() == Some(&fragmentation::v1::FragSessionStatusAns::CID)
    }
}

/// Hands every answer in a payload to `take`, in order.
///
/// # Errors
/// Where the payload stops making sense; what came before has been handed over.
pub(super) fn read(
    config: &Config,
    dialect: Dialect,
    port: u8,
    payload: &[u8],
    mut take: impl FnMut(Answer),
) -> Result<(), DecodeError> {
    if port == config.fucport {
        match dialect.multicast {
            Some(PackageVersion::V2) => {
                for command in multicast::v2::Uplink::commands(payload) {
                    multicast_v2(&command?).map(&mut take);
                }
            }
            _ => {
                for command in multicast::v1::Uplink::commands(payload) {
                    multicast_v1(&command?).map(&mut take);
                }
            }
        }
    } else if port == config.fmcport {
        match dialect.fragmentation {
            Some(PackageVersion::V2) => {
                let payload = match payload.split_first_chunk() {
                    // The status octet comes last in version 1; its bits are those of version 2, or none is set.
                    Some(([cid, low, high, missing, status], [])) if dialect.status_in_v1_order(payload) => {
                        &[*cid, *status, *low, *high, *missing]
                    }
                    _ => payload,
                };
                for command in fragmentation::v2::Uplink::commands(payload) {
                    take(fragmentation_v2(&command?));
                }
            }
            _ => {
                for command in fragmentation::v1::Uplink::commands(payload) {
                    take(fragmentation_v1(&command?));
                }
            }
        }
    } else if port == config.fdmport {
        for command in firmware::v1::Uplink::commands(payload) {
            firmware_v1(&command?).map(&mut take);
        }
    } else if port == config.aclksynport {
        // On the wire both versions are alike.
        for command in clock_sync::v1::Uplink::commands(payload) {
            if let clock_sync::v1::Uplink::AppTimeReq(request) = command? {
                take(Answer::AppTime(request));
            }
        }
    }
    Ok(())
}

fn multicast_v1(command: &multicast::v1::Uplink) -> Option<Answer> {
    use multicast::v1::Uplink;
    match command {
        Uplink::PackageVersionAns(ans) => Some(package_version(ans)),
        Uplink::McGroupSetupAns(ans) => Some(mc_group_setup(ans)),
        Uplink::McGroupDeleteAns(ans) => Some(Answer::McGroupDelete { mc_group_id: ans.mc_group_id }),
        Uplink::McClassCSessionAns(ans) => Some(session(ans)),
        Uplink::McClassBSessionAns(ans) => Some(session(ans)),
        // Campaigns do not ask for it.
        Uplink::McGroupStatusAns(_) => None,
    }
}

fn multicast_v2(command: &multicast::v2::Uplink) -> Option<Answer> {
    use multicast::v2::Uplink;
    match command {
        Uplink::PackageVersionAns(ans) => Some(package_version(ans)),
        Uplink::McGroupSetupAns(ans) => Some(mc_group_setup(ans)),
        Uplink::McGroupDeleteAns(ans) => Some(Answer::McGroupDelete { mc_group_id: ans.mc_group_id }),
        Uplink::McClassCSessionAns(ans) => Some(session(ans)),
        Uplink::McClassBSessionAns(ans) => Some(session(ans)),
        Uplink::McGroupStatusAns(_) => None,
    }
}

fn package_version(ans: &fuota_proto::PackageVersionAns) -> Answer {
    Answer::PackageVersion { identifier: ans.package_identifier, version: ans.package_version }
}

fn mc_group_setup(ans: &multicast::v1::McGroupSetupAns) -> Answer {
    Answer::McGroupSetup { mc_group_id: ans.mc_group_id, verdict: verdict(ans, ans.is_ok()) }
}

fn session<const VERSION: u8, const CID: u8>(ans: &multicast::SessionAns<VERSION, CID>) -> Answer {
    let missed = if VERSION == 1 {
        multicast::SessionErrors::MC_GROUP_UNDEFINED
    } else {
        multicast::SessionErrors::START_MISSED
    };
    let missed = ans.errors().is_some_and(|errors| {
        errors.contains(missed) || errors.contains(multicast::SessionErrors::START_MISSED)
    });
    let refusal = || Refusal { status: status_octet(ans), missed };
    let starts_in = ans.time_to_start().map(TimeToStart::get).ok_or_else(refusal);
    Answer::Session { mc_group_id: ans.mc_group_id, starts_in }
}

fn fragmentation_v1(command: &fragmentation::v1::Uplink) -> Answer {
    use fragmentation::v1::Uplink;
    match command {
        Uplink::PackageVersionAns(ans) => package_version(ans),
        Uplink::FragSessionSetupAns(ans) => Answer::FragSessionSetup {
            frag_index: ans.frag_index,
            verdict: verdict(ans, ans.is_ok()),
            index_unsupported: ans.frag_session_index_not_supported,
            replay: false,
        },
        Uplink::FragSessionDeleteAns(ans) => Answer::FragSessionDelete { frag_index: ans.frag_index },
        Uplink::FragSessionStatusAns(ans) => {
            let status = match ans.missing_frag {
                missing if ans.not_enough_matrix_memory => Status::MemoryError(missing),
                0 => Status::Complete,
                missing => Status::Missing(missing),
            };
            Answer::Status { frag_index: Some(ans.frag_index), status }
        }
    }
}

fn fragmentation_v2(command: &fragmentation::v2::Uplink) -> Answer {
    use fragmentation::v2::Uplink;
    match command {
        Uplink::PackageVersionAns(ans) => package_version(ans),
        Uplink::FragSessionSetupAns(ans) => Answer::FragSessionSetup {
            frag_index: ans.frag_index,
            verdict: verdict(ans, ans.is_ok()),
            index_unsupported: ans.frag_index_unsupported,
            replay: ans.session_cnt_replay,
        },
        Uplink::FragSessionDeleteAns(ans) => Answer::FragSessionDelete { frag_index: ans.frag_index },
        Uplink::FragSessionStatusAns(ans) => {
            let missing = ans.report().map_or(u8::MAX, |report| report.missing_frag);
            let status = match missing {
                _ if ans.session_does_not_exist() => Status::NoSession,
                missing if ans.memory_error => Status::MemoryError(missing),
                // Only meaningful when nothing is missing (TS004-2.0.0 §3.2).
                0 if ans.mic_error => Status::MicError,
                0 => Status::Complete,
                missing => Status::Missing(missing),
            };
            // The answer about a missing session does not tell its index.
            let frag_index = match status {
                Status::NoSession => None,
                _ => ans.report().map(|report| report.frag_index),
            };
            Answer::Status { frag_index, status }
        }
        Uplink::FragDataBlockReceivedReq(req) => {
            Answer::BlockReceived { frag_index: req.frag_index, mic_error: req.mic_error }
        }
    }
}

fn firmware_v1(command: &firmware::v1::Uplink) -> Option<Answer> {
    use firmware::v1::Uplink;
    match command {
        Uplink::DevVersionAns(ans) => {
            Some(Answer::DevVersion { firmware: ans.fw_version.get(), hardware: ans.hw_version.get() })
        }
        Uplink::DevRebootTimeAns(ans) => Some(Answer::DevRebootTime { reboot_time: ans.reboot_time }),
        Uplink::DevUpgradeImageAns(ans) => Some(Answer::UpgradeImage(*ans)),
        // Deleted, or nothing there to delete: clean either way.
        Uplink::DevDeleteImageAns(_) => Some(Answer::DeleteImage),
        // Campaigns do not ask for these.
        Uplink::PackageVersionAns(_) | Uplink::DevRebootCountdownAns(_) => None,
    }
}

fn verdict<'a>(ans: &impl Command<'a>, is_ok: bool) -> Verdict {
    if is_ok { Ok(()) } else { Err(status_octet(ans)) }
}

/// The octet after the CID, in which every set-up answer carries its error bits.
fn status_octet<'a>(ans: &impl Command<'a>) -> u8 {
    encode(ans).get(1).copied().unwrap_or_default()
}
