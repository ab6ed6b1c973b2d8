//! What scripted devices hear and answer, and what the lines of a chart are called.

use fuota_engine::campaign::io::Transmit;
use fuota_engine::time::GpsInstant;
use fuota_proto::{
    FragCount, FragIndex, GpsSeconds, TimeToStart, Version, clock_sync::v1 as clock, firmware::v1 as fw,
    fragmentation::v1 as frag, fragmentation::v2 as frag2, multicast::v1 as mc,
};

/// What a device hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Multicast(mc::Downlink),
    /// A set-up of version 1.
    FragSessionSetup(frag::FragSessionSetupReq),
    /// A set-up of version 2.
    FragSessionSetup2(frag2::FragSessionSetupReq),
    Status {
        participants: bool,
        multicast: bool,
    },
    FragSessionDelete,
    /// `PackageVersionReq` on this port.
    PackageVersion(u8),
    /// An answer to the device's own request.
    BlockReceivedAns,
    Firmware(fw::Downlink),
    Clock(clock::Downlink),
}

impl Heard {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Multicast(command) => command.name(),
            Self::FragSessionSetup(_) | Self::FragSessionSetup2(_) => "FragSessionSetupReq",
            Self::Status { .. } => "FragSessionStatusReq",
            Self::FragSessionDelete => "FragSessionDeleteReq",
            Self::PackageVersion(_) => "PackageVersionReq",
            Self::BlockReceivedAns => "FragDataBlockReceivedAns",
            Self::Firmware(command) => command.name(),
            Self::Clock(command) => command.name(),
        }
    }

    pub fn is(&self, name: &str) -> bool {
        self.name() == name
    }
}

/// What a device answers: FPort and octets, or nothing.
pub type Answer = Option<(u8, Vec<u8>)>;

/// How a scripted device behaves: what it hears, for the how many-th time, and when.
pub type Script = Box<dyn FnMut(&Heard, u32, GpsInstant) -> Answer>;

/// Answers everything as a device that received the whole data block.
pub fn good(heard: &Heard, now: GpsInstant) -> Answer {
    answer_missing(heard, now, 0)
}

/// Answers everything, and reports this many missing fragments. Runs firmware 1 and holds no image.
pub fn answer_missing(heard: &Heard, now: GpsInstant, missing_frag: u8) -> Answer {
    match heard {
        Heard::Multicast(command) => match command {
            mc::Downlink::McGroupSetupReq(req) => {
                multicast(&mc::McGroupSetupAns { mc_group_id: req.mc_group_id, id_error: false }.into())
            }
            mc::Downlink::McClassCSessionReq(req) => multicast(
                &mc::McClassCSessionAns::accepting(req.mc_group_id, starts_in(now, req.session_time)).into(),
            ),
            mc::Downlink::McClassBSessionReq(req) => multicast(
                &mc::McClassBSessionAns::accepting(req.mc_group_id, starts_in(now, req.session_time)).into(),
            ),
            mc::Downlink::McGroupDeleteReq(req) => multicast(
                &mc::McGroupDeleteAns { mc_group_id: req.mc_group_id, mc_group_undefined: false }.into(),
            ),
            other => panic!("unexpected {other:?}"),
        },
        Heard::FragSessionSetup(req) => setup_ans(req, false),
        Heard::FragSessionSetup2(req) => {
            fragmentation2(&frag2::FragSessionSetupAns::accepting(req.frag_index).into())
        }
        Heard::Status { participants, .. } => {
            (*participants || missing_frag > 0).then(|| status_ans(missing_frag, false)).flatten()
        }
        Heard::FragSessionDelete => fragmentation(
            &frag::FragSessionDeleteAns { session_does_not_exist: false, frag_index: FragIndex::MIN }.into(),
        ),
        Heard::PackageVersion(port) => Some((*port, vec![0x00, if *port == 200 { 2 } else { 3 }, 1])),
        Heard::Firmware(command) => match command {
            fw::Downlink::DevVersionReq(_) => dev_version(1),
            fw::Downlink::DevRebootTimeReq(fw::DevRebootTimeReq::CANCEL) => {
                firmware(&fw::DevRebootTimeAns::CANCELLED.into())
            }
            fw::Downlink::DevRebootTimeReq(req) => {
                let reboot_time = starts_in(now, req.reboot_time).get();
                firmware(&fw::DevRebootTimeAns { reboot_time }.into())
            }
            fw::Downlink::DevUpgradeImageReq(_) => firmware(&fw::DevUpgradeImageAns::NoImage.into()),
            fw::Downlink::DevDeleteImageReq(_) => firmware(
                &fw::DevDeleteImageAns { error_no_valid_image: true, error_invalid_version: false }.into(),
            ),
            other => panic!("unexpected {other:?}"),
        },
        Heard::BlockReceivedAns | Heard::Clock(_) => None,
    }
}

fn starts_in(now: GpsInstant, time: GpsSeconds) -> TimeToStart {
    let start = now.nearest(time.get());
    TimeToStart::saturating(u32::try_from(start.since(now).as_secs()).unwrap())
}

/// The device runs this firmware version, on hardware 9.
pub fn dev_version(version: u32) -> Answer {
    firmware(&fw::DevVersionAns { fw_version: Version(version), hw_version: Version(9) }.into())
}

pub fn setup_ans(req: &frag::FragSessionSetupReq, not_enough_memory: bool) -> Answer {
    fragmentation(&frag::Uplink::from(frag::FragSessionSetupAns {
        encoding_unsupported: false,
        not_enough_memory,
        frag_session_index_not_supported: false,
        wrong_descriptor: false,
        frag_index: req.frag_index,
    }))
}

pub fn status_ans(missing_frag: u8, not_enough_matrix_memory: bool) -> Answer {
    fragmentation(&frag::Uplink::from(frag::FragSessionStatusAns {
        nb_frag_received: FragCount::MIN,
        frag_index: FragIndex::MIN,
        missing_frag,
        not_enough_matrix_memory,
    }))
}

pub fn fragmentation2(command: &frag2::Uplink) -> Answer {
    let mut buffer = [0; 32];
    let len = command.encode_to_slice(&mut buffer).unwrap();
    Some((201, buffer[..len].to_vec()))
}

pub fn firmware(command: &fw::Uplink) -> Answer {
    let mut buffer = [0; 32];
    let len = command.encode_to_slice(&mut buffer).unwrap();
    Some((203, buffer[..len].to_vec()))
}

pub fn multicast(command: &mc::Uplink) -> Answer {
    let mut buffer = [0; 32];
    let len = command.encode_to_slice(&mut buffer).unwrap();
    Some((200, buffer[..len].to_vec()))
}

pub fn fragmentation(command: &frag::Uplink) -> Answer {
    let mut buffer = [0; 32];
    let len = command.encode_to_slice(&mut buffer).unwrap();
    Some((201, buffer[..len].to_vec()))
}

/// What a device makes of a downlink; fragments are nothing that it answers.
pub fn decode(tx: &Transmit, multicast: bool) -> Option<Heard> {
    let payload = &tx.payload;
    // The two set-ups differ in length: nothing else tells the versions apart.
    let second = payload.len() == 17;
    match tx.port {
        port if payload == &[0x00] => Some(Heard::PackageVersion(port)),
        200 => mc::Downlink::commands(payload).next().map(|command| Heard::Multicast(command.unwrap())),
        202 => clock::Downlink::commands(payload).next().map(|command| Heard::Clock(command.unwrap())),
        203 => fw::Downlink::commands(payload).next().map(|command| Heard::Firmware(command.unwrap())),
        _ => match frag2::Downlink::commands(payload).next()? {
            Ok(frag2::Downlink::FragSessionSetupReq(req)) if second => Some(Heard::FragSessionSetup2(req)),
            Ok(frag2::Downlink::FragSessionStatusReq(req)) => {
                Some(Heard::Status { participants: req.participants, multicast })
            }
            Ok(frag2::Downlink::FragSessionDeleteReq(_)) => Some(Heard::FragSessionDelete),
            Ok(frag2::Downlink::FragDataBlockReceivedAns(_)) => Some(Heard::BlockReceivedAns),
            Ok(frag2::Downlink::DataFragment(_)) => None,
            _ => match frag::Downlink::commands(payload).next()?.unwrap() {
                frag::Downlink::FragSessionSetupReq(req) => Some(Heard::FragSessionSetup(req)),
                other => panic!("unexpected {other:?}"),
            },
        },
    }
}

/// Number and index of the fragment in a downlink, if it is one.
pub fn fragment(tx: &Transmit) -> Option<(u16, u8)> {
    match frag::Downlink::commands(&tx.payload).next()? {
        Ok(frag::Downlink::DataFragment(fragment)) if tx.port == 201 => {
            Some((fragment.n.get(), fragment.frag_index.get()))
        }
        _ => None,
    }
}

pub fn name(tx: &Transmit) -> String {
    if let Some((n, _)) = fragment(tx) {
        return format!("DataFragment {n}");
    }
    match decode(tx, false) {
        Some(Heard::Status { participants, .. }) => {
            format!("FragSessionStatusReq {}", u8::from(participants))
        }
        Some(heard) => heard.name().to_owned(),
        None => "?".to_owned(),
    }
}

pub fn name_uplink(port: u8, payload: &[u8]) -> String {
    let name = match port {
        200 => mc::Uplink::commands(payload).next().map(|c| c.map(|c| c.name().to_owned())),
        202 => clock::Uplink::commands(payload).next().map(|c| c.map(|c| c.name().to_owned())),
        203 => fw::Uplink::commands(payload).next().map(|c| {
            c.map(|c| match c {
                fw::Uplink::DevVersionAns(ans) => format!("DevVersionAns {}", ans.fw_version.get()),
                other => other.name().to_owned(),
            })
        }),
        _ => frag2::Uplink::commands(payload).next().map(|c| {
            c.map(|c| match c {
                frag2::Uplink::FragSessionStatusAns(_) => {
                    let v1 = frag::Uplink::commands(payload).next();
                    match v1 {
                        Some(Ok(frag::Uplink::FragSessionStatusAns(ans))) => {
                            format!("FragSessionStatusAns missing {}", ans.missing_frag)
                        }
                        _ => "FragSessionStatusAns".to_owned(),
                    }
                }
                other => other.name().to_owned(),
            })
        }),
    };
    name.and_then(Result::ok).unwrap_or_else(|| "?".into())
}
