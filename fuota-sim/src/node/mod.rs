//! A device: the real [`DeviceSession`] behind a class A radio, with a window for its group when the session opens
//! one.

mod air;
mod beacon;
mod clock;
mod energy;
mod external;
mod platform;
mod plight;

pub(crate) use self::air::{Air, Reached, bit};
pub(crate) use self::energy::Phase;
pub(crate) use self::external::{Common, External};
pub(crate) use self::platform::{Blocks, Keeps};
pub(crate) use self::plight::Pace;

use std::sync::Arc;

use fuota_engine::campaign::spec::Kind;
use fuota_engine::device::{
    self, DeviceSession, MAX_UPLINK, McContext, Output, Settings, Source, WindowClass,
};
use fuota_engine::time::GpsInstant;
use fuota_proto::firmware::v1::DevVersionAns;
use fuota_proto::{Descriptor, FragIndex, McGroupId, Version};
use serde::{Deserialize, Serialize};

use self::beacon::Beacons;
use self::clock::Clock;
use self::energy::Meter;
use self::platform::Board;
use self::plight::Plight;
use crate::fleet::{Fate, Fleet};
use crate::frame::{FrameKeys, full_fcnt};
use crate::reception::{Aired, Reception};
use crate::rng::{Draws, Stream};
use crate::scenario::{DeviceGroup, RadioEffects, Scenario};

/// Fragmentation sessions of a device, of which a campaign uses one: where devices of both versions hear the same
/// group, each version has its own.
const SESSIONS: usize = 2;
/// What devices run in the beginning unless it is said.
pub(crate) const FACTORY_FIRMWARE: Version = Version::from_parts([1, 0, 0, 0]);
/// What devices are unless it is said.
pub(crate) const HARDWARE: Version = Version::from_parts([1, 0, 0, 0]);

/// A simulated device.
#[derive(Debug)]
pub(crate) struct Node {
    settings: Settings,
    session: DeviceSession<Board, 1, SESSIONS>,
    board: Board,
    /// Whether data blocks are firmware to it.
    takes_firmware: bool,
    clock: Clock,
    groups: Vec<Group>,
    window: Option<Window>,
    pub(crate) air: Air,
    pub(crate) fate: Fate,
    /// What befalls it.
    pub(crate) plight: Plight,
    /// What its radio did.
    pub(crate) meter: Meter,
    pub(crate) block: Block,
    fragments: u32,
    /// Frames on record that it has dealt with.
    dealt_with: usize,
    /// The radio is taken by a class A exchange until then.
    pub(crate) busy_until: GpsInstant,
    /// When the world looks after it next, periodic uplinks apart.
    pub(crate) wakes_at: Option<GpsInstant>,
    /// What its uplink on air carries.
    pub(crate) uplink: Option<Uplink>,
    /// The gateways that its link carries that uplink to, one bit each.
    pub(crate) heard_by: u64,
    /// Its packages, if they run in a process; the session is idle then. Once they fail the device is silent.
    pub(crate) external: Option<Box<External>>,
}

/// A context of the device's LoRaWAN stack.
#[derive(Debug)]
struct Group {
    mc_group_id: McGroupId,
    keys: FrameKeys,
    /// The number of these keys among those that open frames, once it has been asked for.
    context: Option<usize>,
    next_fcnt: u32,
}

#[derive(Debug)]
struct Window {
    place: device::Window,
    since: GpsInstant,
    /// Of a class B window.
    beacons: Option<Beacons>,
}

/// What a device holds of the data block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Block {
    /// Not all of it.
    Partial,
    /// All of it by rank; its octets are not kept.
    ByRank,
    /// All of it, compared with the file.
    Same,
    /// All of it, and it is not the file.
    Different,
}

/// Payload of an uplink.
pub(crate) type Uplink = (u8, heapless::Vec<u8, MAX_UPLINK>);

/// What a device does next.
#[derive(Debug)]
pub(crate) enum Action {
    /// It sends now.
    Send(Uplink),
    /// It has nothing to send until then.
    Sleep(Option<GpsInstant>),
}

/// The hardware that the campaign's image runs on, if that matters.
const fn made_for(kind: Kind) -> Option<Version> {
    match kind {
        Kind::Firmware(firmware) => firmware.hardware,
        _ => None,
    }
}

impl Node {
    pub(crate) fn new(
        scenario: &Scenario,
        group: &DeviceGroup,
        fleet: &Fleet,
        device: u32,
        (keeps, blocks): (Keeps, &Arc<Blocks>),
        pace: Pace,
    ) -> Self {
        let Scenario { seed, region, .. } = *scenario;
        let mut draws = Draws::new(seed, device, Stream::Fate);
        let plight = Plight::new(scenario, group, device, pace, &mut draws);
        let settings = scenario.device_settings(group);
        let takes_firmware = matches!(scenario.kind, Kind::Firmware(_));
        let version = DevVersionAns { fw_version: group.firmware, hw_version: group.hardware };
        Self {
            settings,
            session: DeviceSession::with_settings(settings),
            board: Board::new(
                fleet.own_root_key(device),
                seed,
                device,
                region,
                (keeps, Arc::clone(blocks)),
                version,
            )
            .with_limits(group.decoder_lost, plight.finds_blocks_corrupt())
            .with_firmware(made_for(scenario.kind), group.boots),
            takes_firmware,
            clock: Clock::new(group, &mut draws),
            groups: Vec::new(),
            window: None,
            air: Air::new(scenario, group, device),
            fate: fleet.fate(device),
            plight,
            meter: Meter::new(scenario),
            block: Block::Partial,
            fragments: 0,
            dealt_with: 0,
            busy_until: GpsInstant::EPOCH,
            wakes_at: None,
            uplink: None,
            heard_by: 0,
            external: None,
        }
    }

    /// The same radio, with packages that run in a process.
    pub(crate) fn with_packages(mut self, external: External) -> Self {
        self.external = Some(Box::new(external));
        self
    }

    /// Fragments that its session was given, repeats included.
    pub(crate) const fn fragments_received(&self) -> u32 {
        self.fragments
    }

    /// Version of the firmware that it runs.
    pub(crate) const fn firmware(&self) -> Version {
        self.board.firmware()
    }

    /// Takes a unicast downlink, of which everything on record came before.
    pub(crate) fn receive(&mut self, now: GpsInstant, port: u8, payload: &[u8]) {
        if let Some(external) = &mut self.external {
            if external.receive(now, port, payload).is_err() {
                self.fate = Fate::Silent;
            }
            return;
        }
        let own = self.clock.own(now);
        self.session.handle(own, Source::Unicast, port, payload, &mut self.board);
    }

    /// How many frames on record are too many for it to go on sleeping: the last of them may be the one that makes its
    /// block whole. Nothing else that fragments do shows outside its session, so that until then it may be given them
    /// whenever something else happens to it: all of them at once, in order and with the times at which they came, while
    /// what it works on stays in the processor's cache.
    pub(crate) fn most_unheard(&self) -> usize {
        if self.external.is_some() {
            return 0;
        }
        let missing = (0..).take(SESSIONS).map(FragIndex::from_wire);
        let missing = missing.filter_map(|index| self.session.missing(index)).filter(|missing| *missing > 0);
        missing.min().map_or(usize::MAX, |missing| self.dealt_with + usize::from(missing))
    }

    /// Takes the frames on record that it has not dealt with. Whether it heard the last of them.
    pub(crate) fn catch_up(&mut self, aired: &mut Aired, radio: &RadioEffects) -> bool {
        let first = std::mem::replace(&mut self.dealt_with, aired.len());
        if first == aired.len() {
            return false;
        }
        for group in &mut self.groups {
            group.context.get_or_insert_with(|| aired.context(&group.keys));
        }
        let mut heard = false;
        for place in first..aired.len() {
            heard = self.receive_multicast(aired, place, radio);
        }
        // Kept here because clean-up may delete the session before anybody asks.
        let indices = (0..).take(SESSIONS).map(FragIndex::from_wire);
        let received = indices.filter_map(|index| self.session.received(index)).max();
        let received = received.or(self.external.as_ref().map(|external| external.fragments()));
        self.fragments = received.unwrap_or(self.fragments);
        heard
    }

    /// The record of frames begins anew.
    pub(crate) const fn forget_frames(&mut self) {
        self.dealt_with = 0;
    }

    /// Whether something befalls it while fragments are on air.
    pub(crate) const fn is_doomed(&self) -> bool {
        matches!(self.fate, Fate::Dying) || self.plight.has_plans()
    }

    /// Whether it neither hears nor speaks.
    pub(crate) fn is_away(&self, now: GpsInstant) -> bool {
        self.fate == Fate::Silent || self.plight.is_away(now)
    }

    /// Takes a frame, if it reaches the device, the device listened to all of it and its own keys open it: whether that
    /// is so.
    fn receive_multicast(&mut self, aired: &mut Aired, place: usize, radio: &RadioEffects) -> bool {
        let Some(frame) = aired.frame(place) else { return false };
        let Reception { started, ended, .. } = *frame;
        // Every frame draws, whether or not it matters.
        let lost = self.air.loses_multicast(frame.gateways);
        if lost || self.is_away(started) || (radio.half_duplex && self.air.spoke_between(started, ended)) {
            return false;
        }
        if let Some(external) = &mut self.external {
            if external.receive_multicast(aired, place).is_err() {
                self.fate = Fate::Silent;
            }
            return true;
        }
        let Some(window) = self.window.as_mut().filter(|window| window.since <= started) else {
            return false;
        };
        if let Some(beacons) = &mut window.beacons
            && !beacons.still_followed(started, radio)
        {
            return false;
        }
        for group in &mut self.groups {
            let Some(context) = group.context.filter(|_| frame.is_heard(&window.place, group.keys.mc_addr))
            else {
                continue;
            };
            let fcnt = full_fcnt(group.next_fcnt, frame.fcnt_low);
            if let Some(opened) = frame.open(context, &group.keys, fcnt) {
                // A counter is good for one frame (LoRaWAN 1.0.3 §4.3.1.5).
                group.next_fcnt = fcnt.saturating_add(1);
                if window.beacons.is_some() {
                    self.meter.received(ended.since(started));
                }
                let source = Source::Multicast { group: group.mc_group_id, fcnt };
                let own = self.clock.own(ended);
                self.session.handle(own, source, opened.port, &opened.payload, &mut self.board);
                return true;
            }
        }
        false
    }

    /// Lets the session catch up with the time and do what it wants. `image` is what the data block should be.
    pub(crate) fn poll(&mut self, now: GpsInstant, image: &[u8]) -> Action {
        if let Some(external) = &mut self.external {
            let action = external.poll(now, self.busy_until);
            if external.holds_image() {
                self.block = Block::Same;
            }
            return action.unwrap_or_else(|_| {
                self.fate = Fate::Silent;
                Action::Sleep(None)
            });
        }
        self.board.busy = now < self.busy_until;
        loop {
            let own = self.clock.own(now);
            match self.session.poll_output(own, &mut self.board) {
                Output::Uplink { port, mut payload } => {
                    self.plight.falsify(self.settings.ports, port, &mut payload);
                    return Action::Send((port, payload));
                }
                Output::InstallGroup(context) => self.install(context),
                Output::RemoveGroup(mc_group_id) => self.forget(mc_group_id),
                Output::OpenWindow(place) => {
                    let beacons = matches!(place.class, WindowClass::B { .. });
                    let beacons = beacons.then(|| Beacons::new(now, &self.plight));
                    self.window = Some(Window { place, since: now, beacons });
                    self.meter.opened(now, &place);
                }
                Output::CloseWindow => self.close(now),
                Output::Complete { frag_index, descriptor } => {
                    let store = self.session.store(frag_index);
                    self.block = match store.and_then(|store| store.holds(image)) {
                        None => Block::ByRank,
                        Some(true) => Block::Same,
                        Some(false) => Block::Different,
                    };
                    self.stage(descriptor);
                }
                Output::Corrupt { .. } if self.plight.finds_blocks_corrupt() => {}
                // Whatever was sent to it, it put together something else: the world says so.
                Output::Corrupt { .. } => self.block = Block::Different,
                Output::AdjustClock { seconds } => self.clock.adjust(seconds),
                Output::Reboot => self.reboot(now),
                Output::Wait(until) => {
                    let free = self.board.busy.then_some(self.busy_until);
                    let until = until.map(|until| self.clock.world(until));
                    return Action::Sleep(until.into_iter().chain(free).min());
                }
            }
        }
    }

    /// A block that is firmware waits for a reboot; its description is its version.
    fn stage(&mut self, descriptor: Descriptor) {
        if self.takes_firmware && self.block != Block::Different {
            self.board.stage(Version(u32::from_le_bytes(descriptor.0)));
        }
    }

    /// Starts anew: what is in RAM is lost, groups and sessions included.
    pub(crate) fn reboot(&mut self, now: GpsInstant) {
        self.close(now);
        let is_new = self.board.install();
        self.session = DeviceSession::with_settings(self.settings);
        self.groups.clear();
        if is_new {
            self.session.report_upgrade(self.clock.own(now), &mut self.board);
        }
    }

    /// Its clock jumps by so many seconds.
    pub(crate) const fn set_clock(&mut self, by: i32) {
        self.clock.adjust(by);
    }

    fn close(&mut self, now: GpsInstant) {
        self.window = None;
        self.meter.closed(now);
    }

    fn forget(&mut self, mc_group_id: McGroupId) {
        self.groups.retain(|group| group.mc_group_id != mc_group_id);
    }

    fn install(&mut self, context: McContext) {
        self.forget(context.mc_group_id);
        self.groups.push(Group {
            mc_group_id: context.mc_group_id,
            keys: FrameKeys {
                mc_addr: context.mc_addr,
                mc_app_s_key: context.mc_app_s_key,
                mc_nwk_s_key: context.mc_nwk_s_key,
            },
            context: None,
            next_fcnt: context.min_mc_fcnt,
        });
    }
}
