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
//! Packages: TS005-1.0.0 (class C) on port 200 and TS004-1.0.0 on port 201.

mod answers;
mod fragmentation;
mod multicast;
mod output;
mod platform;
mod session;

pub use output::{ClassCWindow, MAX_UPLINK, McContext, Output};
pub use platform::{Memory, Platform, Refusal};

use fuota_proto::{FragIndex, GroupMask, McGroupId};

use self::fragmentation::Fragmentation;
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

/// On which FPort a device speaks which package. The defaults are those of the standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Remote multicast setup (TS005).
    pub multicast: u8,
    /// Fragmented data block transport (TS004).
    pub fragmentation: u8,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            multicast: fuota_proto::multicast::DEFAULT_PORT,
            fragmentation: fuota_proto::fragmentation::DEFAULT_PORT,
        }
    }
}

/// The packages of one device, with `GROUPS` multicast groups and `SESSIONS` fragmentation sessions, each 1 to 4.
///
/// `now` is the device's own clock throughout: a session starts when the device believes it does. Answers leave a
/// second after their request, when the stack has done its windows, or at the end of their random delay.
#[derive(Debug)]
pub struct DeviceSession<P: Platform, const GROUPS: usize = 1, const SESSIONS: usize = 1> {
    ports: Ports,
    multicast: Multicast<GROUPS>,
    fragmentation: Fragmentation<P::Words, P::Store, SESSIONS>,
}

impl<P: Platform, const GROUPS: usize, const SESSIONS: usize> DeviceSession<P, GROUPS, SESSIONS> {
    /// A device without groups and sessions, on the standards' ports.
    #[must_use]
    pub fn new() -> Self {
        Self::with_ports(Ports::default())
    }

    /// A device without groups and sessions.
    #[must_use]
    pub const fn with_ports(ports: Ports) -> Self {
        Self { ports, multicast: Multicast::new(), fragmentation: Fragmentation::new() }
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
            self.fragmentation.handle(now, source, payload, platform);
        } else if port == self.ports.multicast && source == Source::Unicast {
            // TS005-1.0.0 §2: dropped silently when it comes by multicast.
            self.multicast.handle(now, payload, platform);
        }
    }

    /// Takes note of the time: to be called when the moment named by [`Output::Wait`] has come.
    pub fn handle_timeout(&mut self, now: GpsInstant) {
        self.multicast.handle_timeout(now);
    }

    /// The next thing to do; to be called until it says [`Output::Wait`].
    pub fn poll_output(&mut self, now: GpsInstant, platform: &mut P) -> Output {
        if let Some(change) = self.multicast.poll_change() {
            return change;
        }
        if let Some((frag_index, descriptor)) = self.fragmentation.poll_complete() {
            return Output::Complete { frag_index, descriptor };
        }
        let Some(max_uplink) = platform.max_uplink() else {
            return Output::Wait(self.multicast.session_due());
        };
        if let Some(payload) = self.multicast.poll_answers(now, max_uplink) {
            return Output::Uplink { port: self.ports.multicast, payload };
        }
        if let Some(payload) = self.fragmentation.poll_answers(now, max_uplink) {
            return Output::Uplink { port: self.ports.fragmentation, payload };
        }
        if let Some(answer) = self.fragmentation.poll_status(now) {
            self.leave_groups(answer.fed_by);
            return Output::Uplink { port: self.ports.fragmentation, payload: answer.payload };
        }
        let due = [self.multicast.session_due(), self.multicast.answers_due(), self.fragmentation.due()];
        Output::Wait(due.into_iter().flatten().min())
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

    /// Closes the windows of groups that have nothing more to bring, once the server has been told.
    fn leave_groups(&mut self, fed_by: Option<GroupMask>) {
        if let Some(groups) = fed_by
            && !self.fragmentation.needs_any_of(groups)
        {
            self.multicast.leave(groups);
        }
    }
}

impl<P: Platform, const GROUPS: usize, const SESSIONS: usize> Default for DeviceSession<P, GROUPS, SESSIONS> {
    fn default() -> Self {
        Self::new()
    }
}
