//! The package's commands, freed from its versions: the sessions know requests and answers, not editions.

use fuota_fec::Geometry;
use fuota_proto::fragmentation::{
    DataFragment, FragSessionDeleteAns, FragSessionDeleteReq, FragSessionStatusReq, PACKAGE_IDENTIFIER, v1,
    v2,
};
use fuota_proto::{
    BlockAckDelay, Command as _, Descriptor, FragIndex, GroupMask, Mic, PackageVersion, PackageVersionAns,
    Reader,
};

/// What a server sends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command<'a> {
    PackageVersion,
    Status(FragSessionStatusReq),
    SetUp(SetUp),
    Delete(FragSessionDeleteReq),
    BlockReceived(FragIndex),
    Fragment(DataFragment<'a>),
}

/// A session as the server wants it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SetUp {
    pub(super) frag_index: FragIndex,
    /// The shape of the block; `None` if there can be none like it.
    pub(super) geometry: Option<Geometry>,
    pub(super) mc_group_bit_mask: GroupMask,
    pub(super) block_ack_delay: BlockAckDelay,
    pub(super) descriptor: Descriptor,
    /// What version 2 adds.
    pub(super) checked: Option<Checked>,
}

/// What version 2 says of a session on top (TS004-2.0.0 §3.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    pub(super) session_cnt: u16,
    pub(super) mic: Mic,
    pub(super) ack_reception: bool,
}

/// What a device answers at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    PackageVersion,
    SetUp(FragIndex, Result<(), Refused>),
    Delete(FragSessionDeleteAns),
}

/// Why a session is not set up: one bit of the answer each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Encoding,
    NotEnoughMemory,
    IndexUnsupported,
    WrongDescriptor,
    Replay,
}

/// Whether a payload begins with a fragment, as most do; the fragment, if it makes sense. It is the same in both versions,
/// and takes all that follows it (TS004-1.0.0 §3.6).
#[inline]
pub(super) fn fragment(payload: &[u8]) -> Option<Option<DataFragment<'_>>> {
    let body = payload.strip_prefix(&[DataFragment::CID])?;
    Some(DataFragment::decode(&mut Reader::new(body)).ok())
}

/// Hands the commands of a payload to `take`, first to last, up to the first that makes no sense.
pub(super) fn read<'a>(version: PackageVersion, payload: &'a [u8], mut take: impl FnMut(Command<'a>)) {
    match version {
        PackageVersion::V1 => {
            for command in v1::Downlink::commands(payload).map_while(Result::ok) {
                take(from_v1(&command));
            }
        }
        PackageVersion::V2 => {
            for command in v2::Downlink::commands(payload).map_while(Result::ok) {
                take(from_v2(&command));
            }
        }
    }
}

fn from_v1<'a>(command: &v1::Downlink<'a>) -> Command<'a> {
    match *command {
        v1::Downlink::PackageVersionReq(_) => Command::PackageVersion,
        v1::Downlink::FragSessionStatusReq(req) => Command::Status(req),
        v1::Downlink::FragSessionDeleteReq(req) => Command::Delete(req),
        v1::Downlink::DataFragment(fragment) => Command::Fragment(fragment),
        v1::Downlink::FragSessionSetupReq(req) => Command::SetUp(SetUp {
            frag_index: req.frag_index,
            geometry: geometry(req.validate().is_ok(), req.nb_frag.get(), req.frag_size, req.padding),
            mc_group_bit_mask: req.mc_group_bit_mask,
            block_ack_delay: req.block_ack_delay,
            descriptor: req.descriptor,
            checked: None,
        }),
    }
}

fn from_v2<'a>(command: &v2::Downlink<'a>) -> Command<'a> {
    match *command {
        v2::Downlink::PackageVersionReq(_) => Command::PackageVersion,
        v2::Downlink::FragSessionStatusReq(req) => Command::Status(req),
        v2::Downlink::FragSessionDeleteReq(req) => Command::Delete(req),
        v2::Downlink::FragDataBlockReceivedAns(ans) => Command::BlockReceived(ans.frag_index),
        v2::Downlink::DataFragment(fragment) => Command::Fragment(fragment),
        v2::Downlink::FragSessionSetupReq(req) => Command::SetUp(SetUp {
            frag_index: req.frag_index,
            geometry: geometry(req.validate().is_ok(), req.nb_frag.get(), req.frag_size, req.padding),
            mc_group_bit_mask: req.mc_group_bit_mask,
            block_ack_delay: req.block_ack_delay,
            descriptor: req.descriptor,
            checked: Some(Checked {
                session_cnt: req.session_cnt,
                mic: req.mic,
                ack_reception: req.ack_reception,
            }),
        }),
    }
}

fn geometry(is_valid: bool, nb_frag: u16, frag_size: u8, padding: u8) -> Option<Geometry> {
    Geometry::from_session(nb_frag, frag_size, padding).ok().filter(|_| is_valid)
}

impl Answer {
    pub(super) fn into_v1(self) -> v1::Uplink {
        match self {
            Self::PackageVersion => package_version(v1::PACKAGE_VERSION).into(),
            Self::Delete(answer) => answer.into(),
            Self::SetUp(frag_index, verdict) => {
                let refused = verdict.err();
                v1::FragSessionSetupAns {
                    encoding_unsupported: refused == Some(Refused::Encoding),
                    not_enough_memory: refused == Some(Refused::NotEnoughMemory),
                    frag_session_index_not_supported: refused == Some(Refused::IndexUnsupported),
                    wrong_descriptor: refused == Some(Refused::WrongDescriptor),
                    frag_index,
                }
                .into()
            }
        }
    }

    pub(super) fn into_v2(self) -> v2::Uplink {
        match self {
            Self::PackageVersion => package_version(v2::PACKAGE_VERSION).into(),
            Self::Delete(answer) => answer.into(),
            Self::SetUp(frag_index, verdict) => {
                let refused = verdict.err();
                v2::FragSessionSetupAns {
                    frag_algo_unsupported: refused == Some(Refused::Encoding),
                    not_enough_memory: refused == Some(Refused::NotEnoughMemory),
                    frag_index_unsupported: refused == Some(Refused::IndexUnsupported),
                    wrong_descriptor: refused == Some(Refused::WrongDescriptor),
                    session_cnt_replay: refused == Some(Refused::Replay),
                    frag_index,
                }
                .into()
            }
        }
    }
}

const fn package_version(package_version: u8) -> PackageVersionAns {
    PackageVersionAns { package_identifier: PACKAGE_IDENTIFIER, package_version }
}
