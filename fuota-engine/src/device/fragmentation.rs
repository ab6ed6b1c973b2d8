//! Fragmented data block transport on the device (TS004).

use core::time::Duration;

use fuota_fec::{
    Decoder, FecError, FragmentNumber, FragmentStore, Geometry, InsertError, ParityRule, Progress,
};
use fuota_proto::fragmentation::v1::{
    DataFragment, Downlink, FragSessionDeleteAns, FragSessionSetupAns, FragSessionSetupReq,
    FragSessionStatusAns, FragSessionStatusReq, PACKAGE_IDENTIFIER, PACKAGE_VERSION, PackageVersionAns,
    Uplink,
};

use fuota_proto::{BlockAckDelay, Descriptor, FragCount, FragIndex, GroupMask, Writer};
use heapless::Vec;

use super::Source;
use super::answers::Answers;
use super::output::MAX_UPLINK;
use super::platform::{Memory, Platform, Refusal};
use crate::time::GpsInstant;

/// The package: its sessions and the answers it owes.
#[derive(Debug)]
pub(super) struct Fragmentation<W, S, const SESSIONS: usize> {
    sessions: [Option<Session<W, S>>; SESSIONS],
    answers: Answers<Uplink>,
}

/// An answer to a status request, and what follows from it.
pub(super) struct StatusAnswer {
    pub(super) payload: Vec<u8, MAX_UPLINK>,
    /// If the block is whole: the groups that fed it, which have nothing more to bring.
    pub(super) fed_by: Option<GroupMask>,
}

#[derive(Debug)]
struct Session<W, S> {
    decoder: Decoder<W>,
    store: S,
    mc_group_bit_mask: GroupMask,
    block_ack_delay: BlockAckDelay,
    descriptor: Descriptor,
    /// Fragments received, repeats included.
    received: u32,
    /// The last parity fragment found more fragments lost than there is memory for.
    memory_exceeded: bool,
    /// When the answer to a status request leaves.
    status_due: Option<GpsInstant>,
    announced: bool,
}

impl<W, S, const SESSIONS: usize> Fragmentation<W, S, SESSIONS>
where
    W: AsRef<[u32]> + AsMut<[u32]>,
    S: FragmentStore,
{
    pub(super) const fn new() -> Self {
        Self { sessions: [const { None }; SESSIONS], answers: Answers::new() }
    }

    /// The store of a session, if there is one.
    pub(super) fn store(&self, frag_index: FragIndex) -> Option<&S> {
        self.session(frag_index).map(|session| &session.store)
    }

    pub(super) fn store_mut(&mut self, frag_index: FragIndex) -> Option<&mut S> {
        Some(&mut self.slot(frag_index)?.as_mut()?.store)
    }

    /// Independent fragments that a session still needs, if there is one.
    pub(super) fn missing(&self, frag_index: FragIndex) -> Option<u16> {
        self.session(frag_index).map(Session::missing)
    }

    /// Fragments that a session has received, repeats included, if there is one.
    pub(super) fn received(&self, frag_index: FragIndex) -> Option<u32> {
        self.session(frag_index).map(|session| session.received)
    }

    /// Executes the commands of a payload, first to last, up to the first that makes no sense.
    pub(super) fn handle<P>(&mut self, now: GpsInstant, source: Source, payload: &[u8], platform: &mut P)
    where
        P: Platform<Words = W, Store = S>,
    {
        for command in Downlink::commands(payload).map_while(Result::ok) {
            match (command, source) {
                (Downlink::DataFragment(fragment), _) => self.fragment(source, &fragment, payload.len()),
                (Downlink::FragSessionStatusReq(req), _) => self.status(now, req, platform),
                // TS004-1.0.0 §2: only the two above may come by multicast; others have no effect there.
                (_, Source::Multicast { .. }) => {}
                (Downlink::PackageVersionReq(_), Source::Unicast) => {
                    let version = PackageVersionAns {
                        package_identifier: PACKAGE_IDENTIFIER,
                        package_version: PACKAGE_VERSION,
                    };
                    self.answers.push(now, version.into());
                }
                (Downlink::FragSessionSetupReq(req), Source::Unicast) => {
                    let answer = self.set_up(&req, platform);
                    self.answers.push(now, answer.into());
                }
                (Downlink::FragSessionDeleteReq(req), Source::Unicast) => {
                    let deleted = self.slot(req.frag_index).and_then(Option::take);
                    let answer = FragSessionDeleteAns {
                        frag_index: req.frag_index,
                        session_does_not_exist: deleted.is_none(),
                    };
                    self.answers.push(now, answer.into());
                }
            }
        }
    }

    /// The next block that became whole since the last call.
    pub(super) fn poll_complete(&mut self) -> Option<(FragIndex, Descriptor)> {
        self.indexed().find(|(_, session)| session.decoder.is_complete() && !session.announced).map(
            |(frag_index, session)| {
                session.announced = true;
                (frag_index, session.descriptor)
            },
        )
    }

    /// The answers that leave now, the delayed ones excepted.
    pub(super) fn poll_answers(&mut self, now: GpsInstant, max_uplink: usize) -> Option<Vec<u8, MAX_UPLINK>> {
        self.answers.uplink(now, max_uplink, |answer, _| Some(answer))
    }

    /// A delayed answer that leaves now. It says how things stand now, not when it was asked for.
    pub(super) fn poll_status(&mut self, now: GpsInstant) -> Option<StatusAnswer> {
        let due = |session: &Session<W, S>| session.status_due.is_some_and(|due| due <= now);
        let (frag_index, session) = self.indexed().find(|(_, session)| due(session))?;
        session.status_due = None;
        let answer = Uplink::from(session.status_ans(frag_index));
        let fed_by = session.decoder.is_complete().then_some(session.mc_group_bit_mask);
        let mut buffer = [0; Uplink::MAX_LEN];
        let mut out = Writer::new(&mut buffer);
        answer.encode(&mut out).ok()?;
        Some(StatusAnswer { payload: Vec::from_slice(out.written()).ok()?, fed_by })
    }

    /// Whether a session that these groups feed still misses fragments.
    pub(super) fn needs_any_of(&self, groups: GroupMask) -> bool {
        let fed = |session: &Session<W, S>| session.mc_group_bit_mask.get() & groups.get() != 0;
        self.sessions.iter().flatten().any(|session| fed(session) && !session.decoder.is_complete())
    }

    /// When answers leave next.
    pub(super) fn due(&self) -> Option<GpsInstant> {
        let status = self.sessions.iter().flatten().filter_map(|session| session.status_due);
        status.chain(self.answers.due()).min()
    }

    fn fragment(&mut self, source: Source, fragment: &DataFragment<'_>, payload_len: usize) {
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
                session.insert(n, fragment.data);
            }
        }
    }

    fn status<P: Platform>(&mut self, now: GpsInstant, req: FragSessionStatusReq, platform: &mut P) {
        // TS004-1.0.0 has no answer for a session that does not exist.
        let Some(session) = self.slot(req.frag_index).and_then(Option::as_mut) else { return };
        // TS004-1.0.0 §3.2: without Participants only those answer who miss something.
        if !req.participants && session.decoder.is_complete() {
            return;
        }
        // A repeat does not draw again: the answer on its way serves both.
        session
            .status_due
            .get_or_insert_with(|| now + random_delay(session.block_ack_delay, platform.random()));
    }

    fn set_up<P>(&mut self, req: &FragSessionSetupReq, platform: &mut P) -> FragSessionSetupAns
    where
        P: Platform<Words = W, Store = S>,
    {
        let frag_index = req.frag_index;
        let accepting = FragSessionSetupAns::accepting(frag_index);
        let Some(slot) = self.slot(frag_index) else {
            return FragSessionSetupAns { frag_session_index_not_supported: true, ..accepting };
        };
        if let Err(error) = req.validate() {
            return FragSessionSetupAns::refusing(frag_index, error);
        }
        // What `validate` lets pass is a geometry.
        let Ok(geometry) = Geometry::from_session(req.nb_frag.get(), req.frag_size, req.padding) else {
            return FragSessionSetupAns { encoding_unsupported: true, ..accepting };
        };
        // TS004-1.0.0 §3.3 has the server delete an old session first. A request on top of one is nearly always
        // the repeat of one whose answer was lost, so it starts afresh, as deployed devices do. The old memory
        // goes first: there may be no other.
        *slot = None;
        match platform.open(frag_index, geometry, req.descriptor) {
            Err(Refusal::NotEnoughMemory) => FragSessionSetupAns { not_enough_memory: true, ..accepting },
            Err(Refusal::WrongDescriptor) => FragSessionSetupAns { wrong_descriptor: true, ..accepting },
            Ok(Memory { words, max_lost, store }) => {
                let Ok(decoder) = Decoder::new(geometry, ParityRule::V1, max_lost, words) else {
                    return FragSessionSetupAns { not_enough_memory: true, ..accepting };
                };
                *slot = Some(Session {
                    decoder,
                    store,
                    mc_group_bit_mask: req.mc_group_bit_mask,
                    block_ack_delay: req.block_ack_delay,
                    descriptor: req.descriptor,
                    received: 0,
                    memory_exceeded: false,
                    status_due: None,
                    announced: false,
                });
                accepting
            }
        }
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

impl<W, S> Session<W, S>
where
    W: AsRef<[u32]> + AsMut<[u32]>,
    S: FragmentStore,
{
    fn insert(&mut self, n: FragmentNumber, data: &[u8]) {
        // TS004-1.0.0 §3.6: nothing more is taken once the block is whole.
        if self.decoder.is_complete() {
            return;
        }
        let inserted = if self.decoder.missing() == 0 {
            // The store failed when the lost fragments were solved for; every fragment is a chance to go on.
            self.decoder.solve(&mut self.store)
        } else {
            self.decoder.insert(n, data, &mut self.store)
        };
        match inserted {
            Ok(Progress::Complete) => self.memory_exceeded = false,
            Ok(_) => {}
            Err(InsertError::Fec(FecError::TooManyMissing { .. })) => self.memory_exceeded = true,
            // A fragment of another length belongs to another session; what the store did not take counts as lost.
            Err(_) => return,
        }
        self.received = self.received.saturating_add(1);
    }

    /// Independent fragments still needed; not 0 before the last octet is in the store.
    fn missing(&self) -> u16 {
        if self.decoder.is_complete() { 0 } else { self.decoder.missing().max(1) }
    }

    fn status_ans(&self, frag_index: FragIndex) -> FragSessionStatusAns {
        FragSessionStatusAns {
            nb_frag_received: FragCount::saturating(self.received),
            frag_index,
            // TS004-1.0.0 §3.2: 255 stands for 255 and more.
            missing_frag: u8::try_from(self.missing()).unwrap_or(u8::MAX),
            not_enough_matrix_memory: self.memory_exceeded,
        }
    }
}

/// A share of the answer window 2^(BlockAckDelay + 4) s (TS004-1.0.0 §3.3), as `random` is of 2^32.
fn random_delay(block_ack_delay: BlockAckDelay, random: u32) -> Duration {
    let window_micros = u64::from(block_ack_delay.window_s()) * 1_000_000;
    // Below 2^31 times below 2^32.
    Duration::from_micros((window_micros * u64::from(random)) >> 32)
}
