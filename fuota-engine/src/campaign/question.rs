//! What devices are asked one by one, and the octets that ask it.

use alloc::vec::Vec;

use fuota_proto::firmware::v1::{DevDeleteImageReq, DevRebootTimeReq, DevUpgradeImageReq, DevVersionReq};
use fuota_proto::fragmentation::{self, v1::FragSessionDeleteReq, v1::FragSessionStatusReq};
use fuota_proto::multicast::v1::{McClassBSessionReq, McClassCSessionReq, McGroupDeleteReq, McGroupSetupReq};
use fuota_proto::{
    Command, EncryptedMcKey, FragAlgo, GpsSeconds, GroupMask, Mic, NbFrag, PackageVersionReq, Writer,
    multicast,
};

use super::event::StageKind;
use super::io::{DeriveOrder, SessionClass};
use super::member::Member;
use super::plan::Plan;
use super::spec::{Kind, PackageVersion};
use super::stream::GroupState;
use crate::ids::GroupId;

/// A package whose version can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Package {
    Multicast,
    Fragmentation,
}

impl Package {
    /// The package of that identifier, if its version is ever asked for.
    pub(super) const fn find(identifier: u8) -> Option<Self> {
        match identifier {
            multicast::PACKAGE_IDENTIFIER => Some(Self::Multicast),
            fragmentation::PACKAGE_IDENTIFIER => Some(Self::Fragmentation),
            _ => None,
        }
    }
}

/// What devices are asked one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Question {
    /// `PackageVersionReq` on the package's port.
    PackageVersion(Package),
    McGroupSetup,
    DevRebootTime,
    FragSessionSetup,
    /// `McClassBSessionReq` or `McClassCSessionReq`, as the group's class wants.
    Session,
    /// `FragSessionStatusReq`, to be answered by complete devices too.
    FragSessionStatus,
    UpgradeImage,
    DevVersion,
    /// `DevRebootTimeReq` that cancels.
    CancelReboot,
    DeleteImage,
    FragSessionDelete,
    McGroupDelete,
}

impl Question {
    /// The stage that consists of this question and whose success leads to the next.
    pub(super) const fn stage(self) -> Option<StageKind> {
        match self {
            Self::PackageVersion(_) => Some(StageKind::PackageVersion),
            Self::McGroupSetup => Some(StageKind::McGroupSetup),
            Self::DevRebootTime => Some(StageKind::DevRebootTime),
            Self::FragSessionSetup => Some(StageKind::FragSessionSetup),
            Self::Session => Some(StageKind::McClassSession),
            Self::UpgradeImage => Some(StageKind::UpgradeImage),
            Self::DevVersion => Some(StageKind::DevVersion),
            Self::FragSessionStatus
            | Self::CancelReboot
            | Self::DeleteImage
            | Self::FragSessionDelete
            | Self::McGroupDelete => None,
        }
    }

    /// Whether the question belongs to the clean-up, which no longer changes how a device stands.
    pub(super) const fn is_clean_up(self) -> bool {
        matches!(self, Self::CancelReboot | Self::DeleteImage | Self::FragSessionDelete | Self::McGroupDelete)
    }

    /// What has to be computed with the device's keys before the question can be put.
    pub(super) fn derivation(self, plan: &Plan, index: u32, member: &Member) -> Option<DeriveOrder> {
        let device = plan.device(index)?.dev_eui;
        match self {
            Self::McGroupSetup => Some(DeriveOrder::McKey { device, group: GroupId(member.group) }),
            // Version 2 carries an integrity code made with the device's own key (TS004-2.0.0 §5).
            Self::FragSessionSetup if member.fragmentation == Some(PackageVersion::V2) => {
                Some(DeriveOrder::BlockMic {
                    device,
                    session_cnt: plan.spec.session_cnt,
                    frag_index: member.frag_index(),
                    descriptor: plan.descriptor(),
                })
            }
            _ => None,
        }
    }
}

/// What was derived for a request, if anything had to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ingredient {
    None,
    McKey(EncryptedMcKey),
    Mic(Mic),
}

/// FPort and octets of the request that asks `question`; `None` if something it needs is missing.
pub(super) fn request(
    question: Question,
    plan: &Plan,
    member: &Member,
    group: &GroupState,
    ingredient: Ingredient,
) -> Option<(u8, Vec<u8>)> {
    let (config, group_plan) = (plan.config(), plan.group(member.group)?);
    let payload = match question {
        Question::PackageVersion(_) => encode(&PackageVersionReq {}),
        Question::McGroupSetup => {
            let Ingredient::McKey(mc_key_encrypted) = ingredient else { return None };
            encode(&McGroupSetupReq {
                mc_group_id: member.mc_group_id(),
                mc_addr: group_plan.parameters().mc_addr,
                mc_key_encrypted,
                min_mc_fcnt: group.first_fcnt,
                max_mc_fcnt: plan.max_mc_fcnt(group_plan, group.first_fcnt),
            })
        }
        Question::FragSessionSetup => frag_session_setup(plan, member, ingredient)?,
        Question::Session => session(plan, member, group)?,
        // A complete device would be silent to Participants = 0 (TS004-1.0.0 §3.2).
        Question::FragSessionStatus => {
            encode(&FragSessionStatusReq { frag_index: member.frag_index(), participants: true })
        }
        Question::FragSessionDelete => encode(&FragSessionDeleteReq { frag_index: member.frag_index() }),
        Question::McGroupDelete => encode(&McGroupDeleteReq { mc_group_id: member.mc_group_id() }),
        Question::DevRebootTime => {
            let Kind::Firmware(firmware) = plan.kind() else { return None };
            encode(&DevRebootTimeReq { reboot_time: GpsSeconds(firmware.reboot?.wire_secs()) })
        }
        Question::CancelReboot => encode(&DevRebootTimeReq::CANCEL),
        Question::UpgradeImage => encode(&DevUpgradeImageReq {}),
        Question::DevVersion => encode(&DevVersionReq {}),
        Question::DeleteImage => {
            let Kind::Firmware(firmware) = plan.kind() else { return None };
            encode(&DevDeleteImageReq { firmware_to_delete_version: firmware.target })
        }
    };
    let port = match question {
        Question::PackageVersion(Package::Multicast)
        | Question::McGroupSetup
        | Question::Session
        | Question::McGroupDelete => config.fucport,
        Question::PackageVersion(Package::Fragmentation)
        | Question::FragSessionSetup
        | Question::FragSessionStatus
        | Question::FragSessionDelete => config.fmcport,
        Question::DevRebootTime
        | Question::CancelReboot
        | Question::UpgradeImage
        | Question::DevVersion
        | Question::DeleteImage => config.fdmport,
    };
    Some((port, payload))
}

fn frag_session_setup(plan: &Plan, member: &Member, ingredient: Ingredient) -> Option<Vec<u8>> {
    let block = plan.group(member.group)?.block()?;
    let mc_group_bit_mask = GroupMask::default().with(member.mc_group_id());
    let nb_frag = NbFrag::from_wire(block.geometry.nb_frag());
    let (frag_size, padding) = (block.geometry.frag_size(), block.geometry.padding());
    let (frag_index, block_ack_delay, descriptor) =
        (member.frag_index(), plan.block_ack_delay(), plan.descriptor());
    match (member.fragmentation, ingredient) {
        (Some(PackageVersion::V2), Ingredient::Mic(mic)) => {
            Some(encode(&fragmentation::v2::FragSessionSetupReq {
                mc_group_bit_mask,
                frag_index,
                nb_frag,
                frag_size,
                block_ack_delay,
                frag_algo: FragAlgo::FEC,
                ack_reception: plan.spec.ack_reception,
                padding,
                descriptor,
                session_cnt: plan.spec.session_cnt,
                mic,
            }))
        }
        (Some(PackageVersion::V2), _) => None,
        _ => Some(encode(&fragmentation::v1::FragSessionSetupReq {
            mc_group_bit_mask,
            frag_index,
            nb_frag,
            frag_size,
            block_ack_delay,
            fragmentation_matrix: FragAlgo::FEC,
            padding,
            descriptor,
        })),
    }
}

fn session(plan: &Plan, member: &Member, group: &GroupState) -> Option<Vec<u8>> {
    let (session, parameters) = (group.session?, plan.group(member.group)?.parameters());
    let session_time = GpsSeconds(session.start.wire_secs());
    let (mc_group_id, time_out) = (member.mc_group_id(), session.time_out);
    let (dl_frequency_hz, dr) = (parameters.frequency, parameters.data_rate);
    Some(match parameters.class {
        SessionClass::C => {
            encode(&McClassCSessionReq { mc_group_id, session_time, time_out, dl_frequency_hz, dr })
        }
        SessionClass::B { periodicity } => encode(&McClassBSessionReq {
            mc_group_id,
            session_time,
            time_out,
            periodicity,
            dl_frequency_hz,
            dr,
        }),
    })
}

/// The octets of a command that is alone in its payload.
pub(super) fn encode<'a>(command: &impl Command<'a>) -> Vec<u8> {
    let mut payload = alloc::vec![0; command.encoded_len()];
    // The buffer is as long as the command says it is, so nothing can be missing.
    let fits = command.encode(&mut Writer::new(&mut payload));
    debug_assert!(fits.is_ok());
    payload
}
