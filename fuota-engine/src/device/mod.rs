//! The device's half: what firmware does with the downlinks of a campaign.
//!
//! A [`DeviceSession`] neither listens nor sends. It is told what came ([`DeviceSession::handle`]) and when time
//! has passed ([`DeviceSession::handle_timeout`]), and it says what to do ([`DeviceSession::poll_output`]). It
//! needs no allocator; its memory is fixed by its type.
//!
//! ```
//! use fuota_engine::device::{DeviceSession, Output, Platform, Source};
//! use fuota_engine::time::GpsInstant;
//!
//! trait Board: Platform {
//!     fn now(&self) -> GpsInstant;
//!     /// The next downlink of a package's port, or `None` when `until` comes first.
//!     fn next_downlink(&mut self, until: Option<GpsInstant>) -> Option<(Source, u8, Vec<u8>)>;
//!     fn perform(&mut self, output: Output);
//! }
//!
//! fn run<B: Board>(board: &mut B) {
//!     let mut session = DeviceSession::<B>::new();
//!     loop {
//!         let until = loop {
//!             match session.poll_output(board.now(), board) {
//!                 Output::Wait(until) => break until,
//!                 output => board.perform(output),
//!             }
//!         };
//!         match board.next_downlink(until) {
//!             Some((source, port, payload)) => session.handle(board.now(), source, port, &payload, board),
//!             None => session.handle_timeout(board.now()),
//!         }
//!     }
//! }
//! ```
//!
//! Packages: clock synchronisation (TS003), remote multicast setup (TS005) and fragmented data block transport
//! (TS004), each in version 1 or 2 as the [`Settings`] say, and firmware management (TS006).

mod answers;
mod clock_sync;
mod firmware;
mod fragmentation;
mod integrity;
mod multicast;
mod output;
mod platform;
mod settings;
mod window;

pub use integrity::{BlockIntegrity, VerifyError};
pub use output::{MAX_UPLINK, McContext, Output, Window, WindowClass};
pub use platform::{Memory, Platform, Refusal};
pub use settings::{Ports, Settings};

use core::time::Duration;

use fuota_proto::{BlockAckDelay, CommandSet, FragIndex, GroupMask, McGroupId, Writer};
use heapless::Vec;

use self::clock_sync::ClockSync;
use self::firmware::Firmware;
use self::fragmentation::{Ended, Fragmentation};
use self::multicast::Multicast;
use crate::time::GpsInstant;

/// How a downlink came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// To this device alone.
    Unicast,
    /// To a multicast group of the device.
    Multicast {
        /// The device's name for the group.
        group: McGroupId,
        /// All 32 bits of the frame's counter.
        fcnt: u32,
    },
}

/// The packages of one device, with `GROUPS` multicast groups and `SESSIONS` fragmentation sessions, each 1 to 4.
///
/// `now` is the device's own clock throughout: a session starts when the device believes it does. Answers leave a
/// second after their request, when the stack has done its windows, or at the end of their random delay.
#[derive(Debug)]
pub struct DeviceSession<P: Platform, const GROUPS: usize = 1, const SESSIONS: usize = 1> {
    ports: Ports,
    installs_at_once: bool,
    clock_sync: ClockSync,
    multicast: Multicast<GROUPS>,
    fragmentation: Fragmentation<P::Words, P::Store, SESSIONS>,
    firmware: Firmware,
    /// A block became whole since the firmware was last asked whether that made an image.
    fresh_block: Option<BlockAckDelay>,
}

impl<P: Platform, const GROUPS: usize, const SESSIONS: usize> DeviceSession<P, GROUPS, SESSIONS> {
    /// A device of the default [`Settings`], without groups and sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::with_settings(Settings::default())
    }

    /// A device without groups and sessions.
    #[must_use]
    pub const fn with_settings(settings: Settings) -> Self {
        Self {
            ports: settings.ports,
            installs_at_once: settings.installs_at_once,
            clock_sync: ClockSync::new(settings.clock_sync),
            multicast: Multicast::new(&settings),
            fragmentation: Fragmentation::new(settings.fragmentation),
            firmware: Firmware::new(),
            fresh_block: None,
        }
    }

    /// Takes a downlink, decrypted and with its counter checked against replay. Of a payload with a fault, what
    /// comes before the fault is executed.
    pub fn handle(&mut self, now: GpsInstant, source: Source, port: u8, payload: &[u8], platform: &mut P) {
        self.handle_timeout(now);
        if let Source::Multicast { group, fcnt } = source
            && !self.multicast.admits(group, fcnt)
        {
            return;
        }
        if port == self.ports.fragmentation {
            let fed_by = self.fragmentation.handle(now, source, payload, platform);
            self.leave_groups(fed_by);
        } else if source != Source::Unicast {
            // TS003-1.0.0 §1, TS005-1.0.0 §2 and TS006-1.0.0 §1: dropped silently when it comes by multicast.
        } else if port == self.ports.multicast {
            self.multicast.handle(now, payload, platform);
        } else if port == self.ports.clock_sync {
            self.clock_sync.handle(now, payload, platform);
        } else if port == self.ports.firmware {
            self.firmware.handle(now, payload, platform);
        }
    }

    /// Has the device ask for the time, up to `times` times, until it is told. It is told if its clock is off by more
    /// than the server tolerates or, with `ans_required`, in any case (TS003-1.0.0 §2.2).
    pub fn ask_for_time(&mut self, now: GpsInstant, times: u8, ans_required: bool) {
        self.clock_sync.ask(now, times, ans_required);
    }

    /// Has the device report its version without having been asked, 16 to 128 s from `now`: for new firmware after its
    /// first boot (TS006-1.0.0 §2.2).
    pub fn report_upgrade(&mut self, now: GpsInstant, platform: &mut P) {
        self.firmware.report(now, platform.random());
    }

    /// Takes note of the time: to be called when the moment named by [`Output::Wait`] has come.
    pub fn handle_timeout(&mut self, now: GpsInstant) {
        self.multicast.handle_timeout(now);
    }

    /// The next thing to do; to be called until it says [`Output::Wait`].
    pub fn poll_output(&mut self, now: GpsInstant, platform: &mut P) -> Output {
        if let Some(seconds) = self.clock_sync.poll_correction() {
            self.shift(seconds);
            return Output::AdjustClock { seconds };
        }
        // The clock may have been set past a session's start or end since the last call.
        self.handle_timeout(now);
        if let Some(change) = self.multicast.poll_change() {
            return change;
        }
        if let Some(Ended { frag_index, descriptor, is_whole, block_ack_delay }) =
            self.fragmentation.poll_ended()
        {
            if !is_whole {
                return Output::Corrupt { frag_index };
            }
            self.fresh_block = self.installs_at_once.then_some(block_ack_delay);
            return Output::Complete { frag_index, descriptor };
        }
        if let Some(block_ack_delay) = self.fresh_block.take()
            && platform.upgrade_image().is_ok()
        {
            // TS004-2.0.0 §4: a group must not reboot, and come back, all at once.
            self.firmware.install_at(now + random_delay(block_ack_delay, platform.random()));
        }
        if self.firmware.poll_reboot(now, self.fragmentation.is_reporting()) {
            return Output::Reboot;
        }
        // Most of the time there is nothing to say, which is cheap to find out.
        let speaks = self.speaks_at().is_some_and(|due| due <= now);
        if speaks && let Some((port, payload)) = self.poll_uplink(now, platform) {
            return Output::Uplink { port, payload };
        }
        Output::Wait(self.due(platform))
    }

    /// What the device says now, if the radio is free.
    fn poll_uplink(&mut self, now: GpsInstant, platform: &mut P) -> Option<(u8, Vec<u8, MAX_UPLINK>)> {
        let max_uplink = platform.max_uplink()?;
        if let Some(payload) = self.multicast.poll_answers(now, max_uplink) {
            return Some((self.ports.multicast, payload));
        }
        if let Some(payload) = self.fragmentation.poll_answers(now, max_uplink) {
            return Some((self.ports.fragmentation, payload));
        }
        if let Some(payload) = self.firmware.poll(now, max_uplink, platform) {
            return Some((self.ports.firmware, payload));
        }
        if let Some(payload) = self.clock_sync.poll(now, max_uplink, platform) {
            return Some((self.ports.clock_sync, payload));
        }
        let delayed = self.fragmentation.poll_delayed(now, platform)?;
        self.leave_groups(delayed.fed_by);
        Some((self.ports.fragmentation, delayed.payload))
    }

    /// When there is something to do next. While nothing can be sent, what is to be said does not count.
    fn due(&self, platform: &P) -> Option<GpsInstant> {
        let reboot = self.firmware.reboot_due(self.fragmentation.is_reporting());
        let changes = self.multicast.session_due().into_iter().chain(reboot);
        let speaks = self.speaks_at().filter(|_| platform.max_uplink().is_some());
        changes.chain(speaks).min()
    }

    /// When there is something to say next.
    fn speaks_at(&self) -> Option<GpsInstant> {
        let packages = [
            self.multicast.answers_due(),
            self.fragmentation.due(),
            self.firmware.due(),
            self.clock_sync.due(),
        ];
        packages.into_iter().flatten().min()
    }

    /// The bytes of a fragmentation session, if there is one: the data block, once it is complete.
    #[must_use]
    pub fn store(&self, frag_index: FragIndex) -> Option<&P::Store> {
        self.fragmentation.store(frag_index)
    }

    /// The same for whoever has to read through a buffer, as from flash.
    #[must_use]
    pub fn store_mut(&mut self, frag_index: FragIndex) -> Option<&mut P::Store> {
        self.fragmentation.store_mut(frag_index)
    }

    /// Independent fragments that a fragmentation session still needs, if there is one; 0 when its data block is
    /// whole.
    #[must_use]
    pub fn missing(&self, frag_index: FragIndex) -> Option<u16> {
        self.fragmentation.missing(frag_index)
    }

    /// Fragments that a fragmentation session has received, repeats included, if there is one.
    #[must_use]
    pub fn received(&self, frag_index: FragIndex) -> Option<u32> {
        self.fragmentation.received(frag_index)
    }

    /// The clock is set forward or back by so many seconds, and with it whatever counts from some moment on.
    fn shift(&mut self, seconds: i32) {
        self.clock_sync.shift(seconds);
        self.multicast.shift(seconds);
        self.fragmentation.shift(seconds);
        self.firmware.shift(seconds);
    }

    /// Closes the windows of groups that have nothing more to bring, once the server has been told.
    fn leave_groups(&mut self, fed_by: GroupMask) {
        if !fed_by.is_empty() && !self.fragmentation.needs_any_of(fed_by) {
            self.multicast.leave(fed_by);
        }
    }
}

impl<P: Platform, const GROUPS: usize, const SESSIONS: usize> Default for DeviceSession<P, GROUPS, SESSIONS> {
    fn default() -> Self {
        Self::new()
    }
}

/// A payload of one command.
fn alone<'a>(command: &impl CommandSet<'a>) -> Option<Vec<u8, MAX_UPLINK>> {
    let mut buffer = [0; MAX_UPLINK];
    let mut out = Writer::new(&mut buffer);
    command.encode(&mut out).ok()?;
    Vec::from_slice(out.written()).ok()
}

/// A share of the answer window 2^(BlockAckDelay + 4) s (TS004-1.0.0 §3.3), as `random` is of 2^32.
fn random_delay(block_ack_delay: BlockAckDelay, random: u32) -> Duration {
    share(Duration::from_secs(block_ack_delay.window_s().into()), random)
}

/// As much of `whole` as `random` is of 2^32.
fn share(whole: Duration, random: u32) -> Duration {
    let micros = whole.as_micros().saturating_mul(random.into()) >> 32;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}
