//! A device in hostile surroundings: any downlinks, any time, a radio that comes and goes.

use std::time::Duration;

use arbitrary::Arbitrary;
use fuota_engine::device::{
    BlockIntegrity, DeviceSession, MAX_UPLINK, Memory, Output, Platform, Ports, Refusal, Settings, Source,
};
use fuota_engine::time::GpsInstant;
use fuota_fec::{Geometry, MemoryStore, Mode, words};
use fuota_proto::firmware::v1::{DevUpgradeImageAns, DevVersionAns};
use fuota_proto::keys::{McKey, RootKey};
use fuota_proto::{
    CommandSet, Commands, DataRate, Descriptor, EncryptedMcKey, FragIndex, Frequency, McGroupId,
    PackageVersion, Version, Writer, clock_sync, firmware, fragmentation, multicast,
};

/// Most that a device may want to do at one moment: every answer, report, window and group, with room to spare.
const MOST_OUTPUTS: usize = 200;
/// Longest data block that the device has room for: so that short inputs complete one.
const ROOM: usize = 2000;

/// What a device is made like and what happens to it.
#[derive(Debug, Arbitrary)]
pub struct Ordeal {
    second: [bool; 3],
    class_b: bool,
    installs_at_once: bool,
    start: u32,
    events: Vec<Event>,
}

#[derive(Debug, Arbitrary)]
enum Event {
    /// Any octets on a port of a package or beside them.
    Octets {
        source: From,
        port: u8,
        octets: Vec<u8>,
    },
    ClockSync(From, Vec<clock_sync::v2::Downlink>),
    Multicast(From, Vec<multicast::v2::Downlink>),
    FragmentationV1(From, Vec<FragmentationV1>),
    FragmentationV2(From, Vec<FragmentationV2>),
    Firmware(From, Vec<firmware::v1::Downlink>),
    /// A fragment of a size that sessions often have.
    Fragment {
        source: From,
        frag_index: FragIndex,
        n: u16,
        octet: u8,
    },
    /// A session that can complete.
    SetUp {
        frag_index: FragIndex,
        nb_frag: u8,
        session_cnt: u16,
        ack_reception: bool,
    },
    Pass {
        millis: u32,
    },
    Radio {
        max_uplink: Option<u8>,
    },
    Image(DevUpgradeImageAns),
    AskForTime {
        times: u8,
        ans_required: bool,
    },
    ReportUpgrade,
}

/// Commands without fragments, which borrow their octets.
#[derive(Debug, Arbitrary)]
enum FragmentationV1 {
    Status(fragmentation::v1::FragSessionStatusReq),
    SetUp(fragmentation::v1::FragSessionSetupReq),
    Delete(fragmentation::v1::FragSessionDeleteReq),
}

#[derive(Debug, Arbitrary)]
enum FragmentationV2 {
    Status(fragmentation::v2::FragSessionStatusReq),
    SetUp(fragmentation::v2::FragSessionSetupReq),
    Delete(fragmentation::v2::FragSessionDeleteReq),
    Received(fragmentation::v2::FragDataBlockReceivedAns),
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum From {
    Unicast,
    Multicast(McGroupId, u32),
}

/// Octets per fragment of the sessions that can complete.
const FRAG_SIZE: u8 = 4;

impl Ordeal {
    /// Lets it all happen and checks what must hold.
    pub fn endure(self) {
        let version = |second| if second { PackageVersion::V2 } else { PackageVersion::V1 };
        let [clock_sync, multicast, fragmentation] = self.second.map(version);
        let (ports, class_b, installs_at_once) = (Ports::default(), self.class_b, self.installs_at_once);
        let settings = Settings { ports, clock_sync, multicast, fragmentation, class_b, installs_at_once };
        let mut bench = Bench {
            settings,
            session: DeviceSession::with_settings(settings),
            board: Board {
                dice: 1,
                max_uplink: Some(MAX_UPLINK),
                image: DevUpgradeImageAns::NoImage,
                session_cnt_prev: [None; 4],
            },
            now: GpsInstant::from_secs(self.start.into()),
            is_open: false,
        };
        for event in self.events {
            bench.meet(event);
            bench.drain();
        }
    }
}

/// A device, and what is around it.
struct Bench {
    settings: Settings,
    session: DeviceSession<Board, 3, 3>,
    board: Board,
    now: GpsInstant,
    is_open: bool,
}

impl Bench {
    fn meet(&mut self, event: Event) {
        let Ports { clock_sync, multicast, fragmentation, firmware } = self.settings.ports;
        match event {
            Event::Octets { source, port, octets } => self.hears(source, 199 + port % 6, &octets),
            Event::ClockSync(source, commands) => self.hears(source, clock_sync, &encoded(&commands)),
            Event::Multicast(source, commands) => self.hears(source, multicast, &encoded(&commands)),
            Event::Firmware(source, commands) => self.hears(source, firmware, &encoded(&commands)),
            Event::FragmentationV1(source, commands) => {
                let commands: Vec<_> = commands.into_iter().map(FragmentationV1::into_downlink).collect();
                self.hears(source, fragmentation, &encoded(&commands));
            }
            Event::FragmentationV2(source, commands) => {
                let commands: Vec<_> = commands.into_iter().map(FragmentationV2::into_downlink).collect();
                self.hears(source, fragmentation, &encoded(&commands));
            }
            Event::Fragment { source, frag_index, n, octet } => {
                let [low, high] = (n & 0x3FFF | u16::from(frag_index.get()) << 14).to_le_bytes();
                self.hears(source, fragmentation, &[0x08, low, high, octet, octet, octet, octet]);
            }
            Event::SetUp { frag_index, nb_frag, session_cnt, ack_reception } => {
                let header = [0x02, frag_index.get() << 4 | 0x0F, nb_frag, 0, FRAG_SIZE];
                let control = [u8::from(ack_reception) << 6, 0, 1, 2, 3, 4];
                let mut payload = [&header[..], &control].concat();
                if self.settings.fragmentation == PackageVersion::V2 {
                    payload.extend(session_cnt.to_le_bytes());
                    payload.extend([0; 4]);
                }
                self.hears(From::Unicast, fragmentation, &payload);
            }
            Event::Pass { millis } => {
                self.now += Duration::from_millis(millis.into());
                self.session.handle_timeout(self.now);
            }
            Event::Radio { max_uplink } => self.board.max_uplink = max_uplink.map(usize::from),
            Event::Image(image) => self.board.image = image,
            Event::AskForTime { times, ans_required } => {
                self.session.ask_for_time(self.now, times, ans_required);
            }
            Event::ReportUpgrade => self.session.report_upgrade(self.now, &mut self.board),
        }
    }

    fn hears(&mut self, source: From, port: u8, payload: &[u8]) {
        let source = match source {
            From::Unicast => Source::Unicast,
            From::Multicast(group, fcnt) => Source::Multicast { group, fcnt },
        };
        self.session.handle(self.now, source, port, payload, &mut self.board);
    }

    /// Does what the device wants until it waits: it does, soon, and not for what has passed.
    fn drain(&mut self) {
        for _ in 0..MOST_OUTPUTS {
            match self.session.poll_output(self.now, &mut self.board) {
                Output::Uplink { port, payload } => self.check_uplink(port, &payload),
                Output::OpenWindow(window) => {
                    assert!(!self.is_open, "one radio listens in one place");
                    assert!(window.data_rate.get() <= 6);
                    self.is_open = true;
                }
                Output::CloseWindow => {
                    assert!(self.is_open, "nothing to close");
                    self.is_open = false;
                }
                Output::Complete { frag_index, .. } => {
                    assert_eq!(self.session.missing(frag_index), Some(0));
                    assert!(self.session.store(frag_index).is_some());
                }
                Output::Corrupt { frag_index } => assert!(self.session.store(frag_index).is_none()),
                Output::AdjustClock { seconds } => self.now = self.now.shifted(seconds),
                Output::Reboot => {
                    self.session = DeviceSession::with_settings(self.settings);
                    self.is_open = false;
                }
                Output::InstallGroup(_) | Output::RemoveGroup(_) => {}
                Output::Wait(until) => {
                    assert!(until.is_none_or(|until| until > self.now), "it waits for what has passed");
                    return;
                }
            }
        }
        panic!("more than {MOST_OUTPUTS} outputs at one moment");
    }

    /// An uplink consists of whole commands of the version that the device speaks.
    fn check_uplink(&self, port: u8, payload: &[u8]) {
        let room = self.board.max_uplink.expect("it spoke while the radio was taken");
        assert!(!payload.is_empty() && payload.len() <= MAX_UPLINK.min(room.max(9)));
        let Ports { clock_sync, multicast, fragmentation, firmware } = self.settings.ports;
        match (port, self.settings.multicast, self.settings.fragmentation) {
            (port, ..) if port == clock_sync => whole::<clock_sync::v1::Uplink>(payload),
            (port, ..) if port == firmware => whole::<firmware::v1::Uplink>(payload),
            (port, PackageVersion::V1, _) if port == multicast => whole::<multicast::v1::Uplink>(payload),
            (port, PackageVersion::V2, _) if port == multicast => whole::<multicast::v2::Uplink>(payload),
            (port, _, PackageVersion::V1) if port == fragmentation => {
                whole::<fragmentation::v1::Uplink>(payload)
            }
            (port, _, PackageVersion::V2) if port == fragmentation => {
                whole::<fragmentation::v2::Uplink>(payload)
            }
            _ => panic!("an uplink on port {port}"),
        }
    }
}

fn whole<'a, C: CommandSet<'a>>(payload: &'a [u8]) {
    assert!(Commands::<C>::new(payload).all(|command| command.is_ok()), "{payload:02x?}");
}

/// As many of the commands as a frame holds.
fn encoded<'a, C: CommandSet<'a> + 'a>(commands: &'a [C]) -> Vec<u8> {
    let mut buffer = [0; 242];
    let mut out = Writer::new(&mut buffer);
    // What does not fit is left out.
    let _ = out.extend(commands);
    out.written().to_vec()
}

impl FragmentationV1 {
    fn into_downlink(self) -> fragmentation::v1::Downlink<'static> {
        match self {
            Self::Status(req) => req.into(),
            Self::SetUp(req) => req.into(),
            Self::Delete(req) => req.into(),
        }
    }
}

impl FragmentationV2 {
    fn into_downlink(self) -> fragmentation::v2::Downlink<'static> {
        match self {
            Self::Status(req) => req.into(),
            Self::SetUp(req) => req.into(),
            Self::Delete(req) => req.into(),
            Self::Received(ans) => ans.into(),
        }
    }
}

/// Hardware with room for small blocks.
struct Board {
    dice: u32,
    max_uplink: Option<usize>,
    image: DevUpgradeImageAns,
    session_cnt_prev: [Option<u16>; 4],
}

impl Platform for Board {
    type Words = Vec<u32>;
    type Store = MemoryStore;

    fn unwrap_mc_key(&mut self, encrypted: &EncryptedMcKey) -> McKey {
        RootKey::from_gen_app_key([1; 16]).mc_root_key().mc_ke_key().unwrap(encrypted)
    }

    fn random(&mut self) -> u32 {
        // A linear congruential generator: any sequence will do.
        self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.dice
    }

    fn open(
        &mut self,
        _: FragIndex,
        geometry: Geometry,
        _: Descriptor,
    ) -> Result<Memory<Vec<u32>, MemoryStore>, Refusal> {
        if geometry.padded_len() > ROOM {
            return Err(Refusal::NotEnoughMemory);
        }
        let max_lost = 8;
        let words = vec![0; words(Mode::Triangular, geometry.nb_frag(), max_lost)];
        Ok(Memory { words, max_lost, store: MemoryStore::new(geometry) })
    }

    fn session_cnt_prev(&self, frag_index: FragIndex) -> Option<u16> {
        self.session_cnt_prev[usize::from(frag_index.get())]
    }

    fn set_session_cnt_prev(&mut self, frag_index: FragIndex, session_cnt: u16) {
        let prev = &mut self.session_cnt_prev[usize::from(frag_index.get())];
        assert!(*prev < Some(session_cnt), "it only ever rises");
        *prev = Some(session_cnt);
    }

    fn verify(&mut self, integrity: &BlockIntegrity, store: &mut MemoryStore) -> bool {
        let key = RootKey::from_gen_app_key([1; 16]).data_block_int_key();
        // Real codes are hard to come by: half of the blocks count as right whatever they are.
        integrity.verify(key.aes(), store).expect("memory can be read") || integrity.session_cnt % 2 == 0
    }

    fn version(&self) -> DevVersionAns {
        DevVersionAns { fw_version: Version(1), hw_version: Version(2) }
    }

    fn upgrade_image(&mut self) -> DevUpgradeImageAns {
        self.image
    }

    fn delete_image(&mut self) {
        assert!(self.image.is_ok(), "only a valid image is deleted");
        self.image = DevUpgradeImageAns::NoImage;
    }

    fn frequency_usable(&self, frequency: Frequency) -> bool {
        frequency.hz() < 2_000_000_000
    }

    fn data_rate_usable(&self, data_rate: DataRate) -> bool {
        data_rate.get() <= 6
    }

    fn max_uplink(&self) -> Option<usize> {
        self.max_uplink
    }
}
