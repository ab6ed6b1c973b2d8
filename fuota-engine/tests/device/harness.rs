//! A device on a bench: a clock that the test turns, a board whose memory and dice the test chooses.

use std::time::Duration;

use fuota_engine::device::{
    BlockIntegrity, DeviceSession, McContext, Memory, Output, Platform, Refusal, Settings, Source, Window,
};
use fuota_engine::time::GpsInstant;
use fuota_fec::{Geometry, MemoryStore, Mode, words};
use fuota_proto::firmware::v1::{DevUpgradeImageAns, DevVersionAns};
use fuota_proto::keys::{McKey, RootKey};
use fuota_proto::{
    CommandSet, DataRate, Descriptor, EncryptedMcKey, FragIndex, Frequency, GpsSeconds, McAddr, McGroupId,
    PackageVersion, Version, Writer, fragmentation, multicast,
};

/// When every test begins.
pub(crate) const START: GpsInstant = GpsInstant::from_secs(1_400_000_000);
pub(crate) const MC_ADDR: McAddr = McAddr(0x01A2_B3C4);
pub(crate) const HARDWARE: Version = Version::from_parts([7, 0, 0, 0]);
pub(crate) const EU868_RX2_HZ: u32 = 869_525_000;

pub(crate) fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub(crate) fn group(id: u8) -> McGroupId {
    McGroupId::new(id).unwrap()
}

pub(crate) fn index(id: u8) -> FragIndex {
    FragIndex::new(id).unwrap()
}

/// Hardware as a test wants it.
pub(crate) struct Board {
    /// What the next draw says, of 2^32.
    pub(crate) dice: u32,
    /// Lost fragments that the matrix memory suffices for.
    pub(crate) max_lost: u16,
    /// Largest data block taken.
    pub(crate) largest: usize,
    /// The only descriptor refused.
    pub(crate) unwanted: Option<Descriptor>,
    pub(crate) max_uplink: Option<usize>,
    /// What survives a reset.
    pub(crate) session_cnt_prev: [Option<u16>; 4],
    /// The firmware that runs.
    pub(crate) firmware: Version,
    /// The image that waits for a reboot.
    pub(crate) image: DevUpgradeImageAns,
}

impl Board {
    pub(crate) fn root_key() -> RootKey {
        RootKey::from_gen_app_key([0x2B; 16])
    }
}

impl Platform for Board {
    type Words = Vec<u32>;
    type Store = MemoryStore;

    fn unwrap_mc_key(&mut self, encrypted: &EncryptedMcKey) -> McKey {
        Self::root_key().mc_root_key().mc_ke_key().unwrap(encrypted)
    }

    fn random(&mut self) -> u32 {
        self.dice
    }

    fn open(
        &mut self,
        _frag_index: FragIndex,
        geometry: Geometry,
        _descriptor: Descriptor,
    ) -> Result<Memory<Vec<u32>, MemoryStore>, Refusal> {
        if geometry.padded_len() > self.largest {
            return Err(Refusal::NotEnoughMemory);
        }
        Ok(Memory {
            words: vec![0; words(Mode::Triangular, geometry.nb_frag(), self.max_lost)],
            max_lost: self.max_lost,
            store: MemoryStore::new(geometry),
        })
    }

    fn admit(&mut self, _: FragIndex, _: Geometry, descriptor: Descriptor) -> Result<(), Refusal> {
        if Some(descriptor) == self.unwanted { Err(Refusal::WrongDescriptor) } else { Ok(()) }
    }

    fn session_cnt_prev(&self, frag_index: FragIndex) -> Option<u16> {
        self.session_cnt_prev[usize::from(frag_index.get())]
    }

    fn set_session_cnt_prev(&mut self, frag_index: FragIndex, session_cnt: u16) {
        self.session_cnt_prev[usize::from(frag_index.get())] = Some(session_cnt);
    }

    fn verify(&mut self, integrity: &BlockIntegrity, store: &mut MemoryStore) -> bool {
        integrity.verify(Self::root_key().data_block_int_key().aes(), store).unwrap()
    }

    fn version(&self) -> DevVersionAns {
        DevVersionAns { fw_version: self.firmware, hw_version: HARDWARE }
    }

    fn upgrade_image(&mut self) -> DevUpgradeImageAns {
        self.image
    }

    fn delete_image(&mut self) {
        self.image = DevUpgradeImageAns::NoImage;
    }

    fn frequency_usable(&self, frequency: Frequency) -> bool {
        (863_000_000..=870_000_000).contains(&frequency.hz())
    }

    fn data_rate_usable(&self, data_rate: DataRate) -> bool {
        data_rate.get() <= 6
    }

    fn max_uplink(&self) -> Option<usize> {
        self.max_uplink
    }
}

/// What the device did, in a form that tests can compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Uplink(u8, Vec<u8>),
    Install { mc_group_id: McGroupId, mc_addr: McAddr, min: u32, max: u32 },
    Remove(McGroupId),
    Open(Window),
    Close,
    Complete(FragIndex, Descriptor),
    Corrupt(FragIndex),
    AdjustClock(i32),
    Reboot,
}

/// A device with two groups and two sessions.
pub(crate) struct Device {
    pub(crate) session: DeviceSession<Board, 2, 2>,
    pub(crate) board: Board,
    pub(crate) now: GpsInstant,
    /// What the device waits for.
    pub(crate) until: Option<GpsInstant>,
    /// The last context that it gave its LoRaWAN stack.
    pub(crate) context: Option<McContext>,
    /// Whether data blocks are firmware to it, whose version is their description.
    pub(crate) takes_firmware: bool,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self::with_settings(Settings::default())
    }

    pub(crate) fn with_settings(settings: Settings) -> Self {
        let board = Board {
            dice: 0,
            max_lost: 40,
            largest: 200_000,
            unwanted: None,
            max_uplink: Some(51),
            session_cnt_prev: [None; 4],
            firmware: Version::from_parts([1, 0, 0, 0]),
            image: DevUpgradeImageAns::NoImage,
        };
        let session = DeviceSession::with_settings(settings);
        Self { session, board, now: START, until: None, context: None, takes_firmware: false }
    }

    /// A device that has group 0 and has said so.
    pub(crate) fn in_group() -> Self {
        let mut device = Self::new();
        device.hears_multicast_setup(&[mc_group_setup(0, 0, 10_000)]);
        device.answers();
        device
    }

    /// A unicast downlink on the multicast set-up port.
    pub(crate) fn hears_multicast_setup(&mut self, commands: &[multicast::v1::Downlink]) {
        self.hears(Source::Unicast, 200, &encoded(commands));
    }

    /// A unicast downlink on the fragmentation port.
    pub(crate) fn hears_fragmentation(&mut self, commands: &[fragmentation::v1::Downlink<'_>]) {
        self.hears(Source::Unicast, 201, &encoded(commands));
    }

    /// A multicast downlink of group 0 on the fragmentation port.
    pub(crate) fn hears_on_group(&mut self, fcnt: u32, commands: &[fragmentation::v1::Downlink<'_>]) {
        self.hears(Source::Multicast { group: group(0), fcnt }, 201, &encoded(commands));
    }

    pub(crate) fn hears(&mut self, source: Source, port: u8, payload: &[u8]) {
        self.session.handle(self.now, source, port, payload, &mut self.board);
    }

    /// What the device does now.
    pub(crate) fn does(&mut self) -> Vec<Did> {
        let mut done = Vec::new();
        loop {
            done.push(match self.session.poll_output(self.now, &mut self.board) {
                Output::Uplink { port, payload } => Did::Uplink(port, payload.to_vec()),
                Output::InstallGroup(context) => {
                    let did = Did::Install {
                        mc_group_id: context.mc_group_id,
                        mc_addr: context.mc_addr,
                        min: context.min_mc_fcnt,
                        max: context.max_mc_fcnt,
                    };
                    self.context = Some(context);
                    did
                }
                Output::RemoveGroup(mc_group_id) => Did::Remove(mc_group_id),
                Output::OpenWindow(window) => Did::Open(window),
                Output::CloseWindow => Did::Close,
                Output::Complete { frag_index, descriptor } => {
                    if self.takes_firmware {
                        let next_firmware_version = Version(u32::from_le_bytes(descriptor.0));
                        self.board.image = DevUpgradeImageAns::Valid { next_firmware_version };
                    }
                    Did::Complete(frag_index, descriptor)
                }
                Output::AdjustClock { seconds } => {
                    self.now = self.now.shifted(seconds);
                    Did::AdjustClock(seconds)
                }
                Output::Reboot => Did::Reboot,
                Output::Corrupt { frag_index } => Did::Corrupt(frag_index),
                Output::Wait(until) => {
                    self.until = until;
                    return done;
                }
            });
        }
    }

    /// Turns the clock on and says what the device does then.
    pub(crate) fn after(&mut self, time: Duration) -> Vec<Did> {
        self.now += time;
        self.session.handle_timeout(self.now);
        self.does()
    }

    /// The uplinks of answers, a second after the downlink.
    pub(crate) fn answers(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut done = self.does();
        done.extend(self.after(secs(1)));
        let uplinks = done.into_iter().filter_map(|did| match did {
            Did::Uplink(port, payload) => Some((port, payload)),
            _ => None,
        });
        uplinks.collect()
    }
}

/// A device of version 2 in every package, able to follow beacons, that has group 0 and has said so.
pub(crate) fn newest() -> Device {
    let v2 = PackageVersion::V2;
    let settings =
        Settings { clock_sync: v2, multicast: v2, fragmentation: v2, class_b: true, ..Settings::default() };
    let mut device = Device::with_settings(settings);
    device.hears_multicast_setup(&[mc_group_setup(0, 0, 10_000)]);
    device.answers();
    device
}

pub(crate) fn encoded<'a, C: CommandSet<'a> + 'a>(commands: &'a [C]) -> Vec<u8> {
    let mut buffer = [0; 255];
    let mut out = Writer::new(&mut buffer);
    out.extend(commands).unwrap();
    out.written().to_vec()
}

pub(crate) fn mc_key() -> McKey {
    McKey::new([0x11; 16])
}

/// The group's key, wrapped for the device on the bench.
pub(crate) fn wrapped_mc_key() -> EncryptedMcKey {
    Board::root_key().mc_root_key().mc_ke_key().wrap(&mc_key())
}

/// Hands the device its group's key.
pub(crate) fn mc_group_setup(id: u8, min_mc_fcnt: u32, max_mc_fcnt: u32) -> multicast::v1::Downlink {
    multicast::v1::McGroupSetupReq {
        mc_group_id: group(id),
        mc_addr: MC_ADDR,
        mc_key_encrypted: wrapped_mc_key(),
        min_mc_fcnt,
        max_mc_fcnt,
    }
    .into()
}

/// A class C session of group 0 that starts `delay` after the beginning and lasts 2^`time_out` seconds.
pub(crate) fn class_c(delay: u64, time_out: u8) -> multicast::v1::McClassCSessionReq {
    multicast::v1::McClassCSessionReq {
        mc_group_id: group(0),
        session_time: GpsSeconds((START + secs(delay)).wire_secs()),
        time_out: fuota_proto::TimeOut::new(time_out).unwrap(),
        dl_frequency_hz: Frequency::from_hz(EU868_RX2_HZ).unwrap(),
        dr: DataRate::new(5).unwrap(),
    }
}

/// A session of `nb_frag` fragments of ten octets for group 0, answers within 16 s.
pub(crate) fn frag_session(frag_index: u8, nb_frag: u16) -> fragmentation::v1::FragSessionSetupReq {
    fragmentation::v1::FragSessionSetupReq {
        mc_group_bit_mask: fuota_proto::GroupMask::new(0b0001).unwrap(),
        frag_index: index(frag_index),
        nb_frag: fuota_proto::NbFrag::from_wire(nb_frag),
        frag_size: 10,
        block_ack_delay: fuota_proto::BlockAckDelay::new(0).unwrap(),
        fragmentation_matrix: fuota_proto::FragAlgo::FEC,
        padding: 0,
        descriptor: Descriptor([1, 2, 3, 4]),
    }
}

pub(crate) fn status_req(frag_index: u8, participants: bool) -> fragmentation::v1::Downlink<'static> {
    fragmentation::v1::FragSessionStatusReq { frag_index: index(frag_index), participants }.into()
}

/// Fragment `n` of a block whose fragments hold their own number, ten times over.
pub(crate) fn fragment(n: u16) -> Vec<u8> {
    vec![u8::try_from(n).unwrap(); 10]
}

pub(crate) fn data_fragment(frag_index: u8, n: u16, data: &[u8]) -> fragmentation::v1::Downlink<'_> {
    fragmentation::v1::DataFragment {
        frag_index: index(frag_index),
        n: fuota_proto::FragN::from_wire(n),
        data,
    }
    .into()
}
