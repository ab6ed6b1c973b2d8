//! Fragmented data block transport on the device (TS004).

mod command;
mod session;

use fuota_fec::{FragmentNumber, FragmentStore};
use fuota_proto::fragmentation::{DataFragment, FragSessionDeleteAns, FragSessionStatusReq, v1, v2};
use fuota_proto::{BlockAckDelay, Descriptor, FragIndex, GroupMask, PackageVersion};
use heapless::Vec;

use self::command::{Answer, Command, Refused, SetUp};
use self::session::Session;
use super::answers::Answers;
use super::output::MAX_UPLINK;
use super::platform::{Platform, Refusal};
use super::{Source, alone, random_delay};
use crate::rule::parity_rule;
use crate::time::GpsInstant;

/// The package: its sessions and the answers it owes.
#[derive(Debug)]
pub(super) struct Fragmentation<W, S, const SESSIONS: usize> {
    version: PackageVersion,
    sessions: [Option<Session<W, S>>; SESSIONS],
    answers: Answers<Answer, 16>,
    /// When the answer about a session that does not exist leaves. It does not say which, so one serves all.
    no_session_due: Option<GpsInstant>,
}

/// A delayed answer, and what follows from it.
pub(super) struct Delayed {
    pub(super) payload: Vec<u8, MAX_UPLINK>,
    /// The groups that fed the block, if the server has now been told that it is over.
    pub(super) fed_by: GroupMask,
}

/// How a block ended.
pub(super) struct Ended {
    pub(super) frag_index: FragIndex,
    pub(super) descriptor: Descriptor,
    pub(super) is_whole: bool,
    /// The window within which a device reboots by itself (TS004-2.0.0 §4).
    pub(super) block_ack_delay: BlockAckDelay,
}

impl<W, S, const SESSIONS: usize> Fragmentation<W, S, SESSIONS>
where
    W: AsRef<[u32]> + AsMut<[u32]>,
    S: FragmentStore,
{
    pub(super) const fn new(version: PackageVersion) -> Self {
        let sessions = [const { None }; SESSIONS];
        Self { version, sessions, answers: Answers::new(), no_session_due: None }
    }

    /// The store of a session, if there is one. A corrupt block has been thrown away.
    pub(super) fn store(&self, frag_index: FragIndex) -> Option<&S> {
        self.session(frag_index).filter(|session| !session.is_corrupt()).map(|session| &session.store)
    }

    pub(super) fn store_mut(&mut self, frag_index: FragIndex) -> Option<&mut S> {
        let session = self.slot(frag_index)?.as_mut().filter(|session| !session.is_corrupt())?;
        Some(&mut session.store)
    }

    /// Independent fragments that a session still needs, if there is one.
    pub(super) fn missing(&self, frag_index: FragIndex) -> Option<u16> {
        self.session(frag_index).map(Session::missing)
    }

    /// Fragments that a session has received, repeats included, if there is one.
    pub(super) fn received(&self, frag_index: FragIndex) -> Option<u32> {
        self.session(frag_index).map(|session| session.received)
    }

    /// Executes the commands of a payload, first to last, up to the first that makes no sense. Returns the groups
    /// that fed a block of which the server now knows that it is over.
    #[inline]
    pub(super) fn handle<P>(
        &mut self,
        now: GpsInstant,
        source: Source,
        payload: &[u8],
        platform: &mut P,
    ) -> GroupMask
    where
        P: Platform<Words = W, Store = S>,
    {
        match command::fragment(payload) {
            None => self.commands(now, source, payload, platform),
            Some(fragment) => {
                if let Some(fragment) = fragment {
                    self.fragment(now, source, &fragment, payload.len(), platform);
                }
                GroupMask::NONE
            }
        }
    }

    /// Those of a payload that does not begin with a fragment.
    #[inline(never)]
    fn commands<P>(&mut self, now: GpsInstant, source: Source, payload: &[u8], platform: &mut P) -> GroupMask
    where
        P: Platform<Words = W, Store = S>,
    {
        let mut fed_by = GroupMask::NONE;
        command::read(self.version, payload, |command| match (command, source) {
            (Command::Fragment(fragment), _) => {
                self.fragment(now, source, &fragment, payload.len(), platform);
            }
            (Command::Status(req), _) => self.status(now, req, platform),
            // TS004-1.0.0 §2: only the two above may come by multicast; others have no effect there.
            (_, Source::Multicast { .. }) => {}
            (Command::PackageVersion, Source::Unicast) => self.answers.push(now, Answer::PackageVersion),
            (Command::SetUp(setup), Source::Unicast) => {
                let verdict = self.set_up(&setup, platform);
                self.answers.push(now, Answer::SetUp(setup.frag_index, verdict));
            }
            (Command::Delete(req), Source::Unicast) => {
                let deleted = self.slot(req.frag_index).and_then(Option::take);
                let (frag_index, session_does_not_exist) = (req.frag_index, deleted.is_none());
                let answer = FragSessionDeleteAns { frag_index, session_does_not_exist };
                self.answers.push(now, Answer::Delete(answer));
            }
            (Command::BlockReceived(frag_index), Source::Unicast) => {
                if let Some(session) = self.slot(frag_index).and_then(Option::as_mut)
                    && session.acknowledge()
                {
                    fed_by = fed_by.iter().chain(session.mc_group_bit_mask.iter()).collect();
                }
            }
        });
        fed_by
    }

    /// The next block that ended since the last call.
    pub(super) fn poll_ended(&mut self) -> Option<Ended> {
        let (frag_index, session) =
            self.indexed().find(|(_, session)| session.is_over() && !session.announced)?;
        session.announced = true;
        let (descriptor, block_ack_delay) = (session.descriptor, session.block_ack_delay);
        Some(Ended { frag_index, descriptor, is_whole: session.is_whole(), block_ack_delay })
    }

    /// The answers that leave now, the delayed ones excepted.
    pub(super) fn poll_answers(&mut self, now: GpsInstant, max_uplink: usize) -> Option<Vec<u8, MAX_UPLINK>> {
        match self.version {
            PackageVersion::V1 => self.answers.uplink(now, max_uplink, |answer, _| Some(answer.into_v1())),
            PackageVersion::V2 => self.answers.uplink(now, max_uplink, |answer, _| Some(answer.into_v2())),
        }
    }

    /// What leaves now of the delayed answers and reports. They say how things stand now, not when they were asked
    /// for.
    pub(super) fn poll_delayed<P: Platform>(&mut self, now: GpsInstant, platform: &mut P) -> Option<Delayed> {
        if self.no_session_due.take_if(|due| *due <= now).is_some() {
            let answer = v2::FragSessionStatusAns::no_session();
            return Some(Delayed { payload: alone(&v2::Uplink::from(answer))?, fed_by: GroupMask::NONE });
        }
        let version = self.version;
        self.indexed().find_map(|(frag_index, session)| {
            if session.status_due.take_if(|due| *due <= now).is_some() {
                let payload = match version {
                    PackageVersion::V1 => alone(&v1::Uplink::from(session.status_v1(frag_index))),
                    PackageVersion::V2 => alone(&v2::Uplink::from(session.status_v2(frag_index))),
                }?;
                let fed_by = if session.is_over() { session.mc_group_bit_mask } else { GroupMask::NONE };
                return Some(Delayed { payload, fed_by });
            }
            let report = session.poll_report(now, frag_index, platform)?;
            Some(Delayed { payload: alone(&v2::Uplink::from(report))?, fed_by: GroupMask::NONE })
        })
    }

    /// Whether a session that these groups feed still misses fragments.
    pub(super) fn needs_any_of(&self, groups: GroupMask) -> bool {
        let fed = |session: &Session<W, S>| session.mc_group_bit_mask.get() & groups.get() != 0;
        self.sessions.iter().flatten().any(|session| fed(session) && !session.is_over())
    }

    /// Whether the server is still to be told that a block is over.
    pub(super) fn is_reporting(&self) -> bool {
        self.sessions.iter().flatten().any(Session::is_reporting)
    }

    /// When answers leave next.
    pub(super) fn due(&self) -> Option<GpsInstant> {
        let sessions = self.sessions.iter().flatten().filter_map(Session::due);
        sessions.chain(self.answers.due()).chain(self.no_session_due).min()
    }

    /// The device's clock is set forward or back by this many seconds.
    pub(super) fn shift(&mut self, seconds: i32) {
        self.answers.shift(seconds);
        self.no_session_due = self.no_session_due.map(|due| due.shifted(seconds));
        self.sessions.iter_mut().flatten().for_each(|session| session.shift(seconds));
    }

    #[inline]
    fn fragment<P>(
        &mut self,
        now: GpsInstant,
        source: Source,
        fragment: &DataFragment<'_>,
        payload_len: usize,
        platform: &mut P,
    ) where
        P: Platform<Words = W, Store = S>,
    {
        if fragment.validate(payload_len).is_err() {
            return;
        }
        if let Some(session) = self.slot(fragment.frag_index).and_then(Option::as_mut) {
            // TS004-1.0.0 §3.3: a group feeds the session only if its bit is set.
            let admitted = match source {
                Source::Unicast => true,
                Source::Multicast { group, .. } => session.mc_group_bit_mask.contains(group),
            };
            if admitted && let Some(n) = FragmentNumber::new(fragment.n.get()) {
                session.insert(now, fragment.frag_index, n, fragment.data, platform);
            }
        }
    }

    fn status<P: Platform>(&mut self, now: GpsInstant, req: FragSessionStatusReq, platform: &mut P) {
        let version = self.version;
        match self.slot(req.frag_index).and_then(Option::as_mut) {
            Some(session) => session.ask(now, req.participants, platform),
            // TS004-1.0.0 has no answer for a session that does not exist.
            None if version == PackageVersion::V1 => {}
            // Without a session there is no BlockAckDelay: the shortest window it can name.
            None => {
                self.no_session_due
                    .get_or_insert_with(|| now + random_delay(BlockAckDelay::MIN, platform.random()));
            }
        }
    }

    fn set_up<P>(&mut self, setup: &SetUp, platform: &mut P) -> Result<(), Refused>
    where
        P: Platform<Words = W, Store = S>,
    {
        let (rule, SetUp { frag_index, descriptor, .. }) = (parity_rule(self.version), *setup);
        let slot = self.slot(frag_index).ok_or(Refused::IndexUnsupported)?;
        let geometry = setup.geometry.ok_or(Refused::Encoding)?;
        // TS004-2.0.0 §3.3: taken only if it is larger than any of the sessions that fragments came for.
        if let (Some(checked), Some(prev)) = (setup.checked, platform.session_cnt_prev(frag_index))
            && checked.session_cnt <= prev
        {
            return Err(Refused::Replay);
        }
        platform.admit(frag_index, geometry, descriptor)?;
        // TS004-2.0.0 §3.3: an accepted request ends the session before. TS004-1.0.0 has the server delete it first,
        // but a request on top of one is nearly always the repeat of one whose answer was lost, so it starts afresh,
        // as deployed devices do. The old memory goes first: there may be no other.
        *slot = None;
        let memory = platform.open(frag_index, geometry, descriptor)?;
        *slot = Some(Session::new(setup, rule, memory).ok_or(Refused::NotEnoughMemory)?);
        Ok(())
    }

    fn session(&self, frag_index: FragIndex) -> Option<&Session<W, S>> {
        self.sessions.get(usize::from(frag_index.get()))?.as_ref()
    }

    fn slot(&mut self, frag_index: FragIndex) -> Option<&mut Option<Session<W, S>>> {
        self.sessions.get_mut(usize::from(frag_index.get()))
    }

    /// The sessions with their indices.
    fn indexed(&mut self) -> impl Iterator<Item = (FragIndex, &mut Session<W, S>)> {
        let sessions = FragIndex::ALL.into_iter().zip(self.sessions.iter_mut());
        sessions.filter_map(|(frag_index, slot)| slot.as_mut().map(|session| (frag_index, session)))
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotEnoughMemory => Self::NotEnoughMemory,
            Refusal::WrongDescriptor => Self::WrongDescriptor,
        }
    }
}
