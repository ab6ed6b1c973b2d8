//! Driving a decoder one operation at a time: what is refused, what giving up says, what comes back after a reset.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::number;
use fuota_fec::{
    Decoder, DeferredDecoder, Encoder, Entry, FecError, FragmentStore as _, Geometry, InsertError,
    MemoryStore, Mode, Op, ParityRule, Progress, Slot, Steps, apply, words,
};

const NB_FRAG: u16 = 40;
const FRAG_SIZE: u8 = 6;

/// A block of [`NB_FRAG`] fragments of which a receiver loses some and gets parity instead.
struct Session {
    geometry: Geometry,
    image: Vec<u8>,
    /// In the order of arrival: uncoded ones, parity, and an uncoded one that comes late.
    arrivals: Vec<u16>,
}

impl Session {
    fn new() -> Self {
        let image: Vec<u8> = (0..u32::from(NB_FRAG) * u32::from(FRAG_SIZE) - 2)
            .map(|at| (at * 37 + at / 11).to_le_bytes()[0])
            .collect();
        let uncoded = (1..=NB_FRAG).filter(|n| n % 4 != 0);
        let arrivals = uncoded.chain(NB_FRAG + 1..NB_FRAG + 6).chain([8]).chain(NB_FRAG + 6..NB_FRAG + 30);
        Self { geometry: Geometry::new(image.len(), FRAG_SIZE).unwrap(), arrivals: arrivals.collect(), image }
    }

    fn fragment(&self, n: u16) -> [u8; FRAG_SIZE as usize] {
        let mut out = [0; FRAG_SIZE as usize];
        let encoder = Encoder::new(self.geometry, ParityRule::V1, &self.image).unwrap();
        encoder.fragment(number(n), &mut out).unwrap();
        out
    }

    fn triangular(&self) -> Decoder<Vec<u32>> {
        let memory = vec![0; words(Mode::Triangular, NB_FRAG, 10)];
        Decoder::new(self.geometry, ParityRule::V1, 10, memory).unwrap()
    }

    fn deferred(&self) -> DeferredDecoder<Vec<u32>> {
        let memory = vec![0; words(Mode::Deferred, NB_FRAG, 10)];
        DeferredDecoder::new(self.geometry, ParityRule::V1, 10, memory).unwrap()
    }
}

/// Carries out what is under way. Whenever it is given up instead, the slot that had been given out to be written is
/// named, and only then.
fn carry_out<D: Steps + Clone>(decoder: &mut D, store: &mut MemoryStore) -> Vec<(Slot, Entry)> {
    assert_eq!(decoder.clone().abort(), None, "nothing has been given out");
    let mut stored = Vec::new();
    while let Some(op) = decoder.next_op() {
        let begun = match op {
            Op::Store { slot, entry, .. } => {
                stored.push((slot, entry));
                Some(slot)
            }
            _ => None,
        };
        assert_eq!(decoder.clone().abort(), begun, "{op:?}");
        apply(op, store).unwrap();
    }
    stored
}

/// Receives the session, one operation at a time, and says what was stored where, in this order.
fn receive<D: Steps + Clone>(
    session: &Session,
    decoder: &mut D,
    accumulators: u16,
) -> (Vec<(Slot, Entry)>, MemoryStore) {
    let mut store = MemoryStore::with_accumulators(session.geometry, accumulators);
    let mut stored = Vec::new();
    for n in &session.arrivals {
        store.load(&session.fragment(*n));
        decoder.begin(number(*n)).unwrap();
        stored.extend(carry_out(decoder, &mut store));
        let mut progress = decoder.commit().unwrap();
        while progress == Progress::Solvable {
            decoder.begin_solve(accumulators).unwrap();
            stored.extend(carry_out(decoder, &mut store));
            progress = decoder.commit().unwrap();
        }
        if progress == Progress::Complete {
            return (stored, store);
        }
    }
    panic!("the session should be complete by now");
}

#[test]
fn giving_up_names_the_slot_that_was_begun() {
    let session = Session::new();
    let (stored, store) = receive(&session, &mut session.triangular(), 1);
    assert_eq!(store.into_image(), session.image);
    assert!(stored.iter().any(|(slot, _)| matches!(slot, Slot::Parity(_))), "{stored:?}");
    for accumulators in [1, 3, 10] {
        let (_, store) = receive(&session, &mut session.deferred(), accumulators);
        assert_eq!(store.into_image(), session.image);
    }
}

/// A fresh decoder that is told the entries in their order is where the old one was: complete.
fn replayed<D: Steps>(decoder: &mut D, stored: &[(Slot, Entry)]) -> Progress {
    let mut progress = Progress::Redundant;
    for (slot, entry) in stored {
        assert_eq!(decoder.replay(*entry), Ok(Some(*slot)), "{entry:?}");
        progress = decoder.commit().unwrap();
    }
    progress
}

#[test]
fn a_fresh_decoder_gets_its_state_from_the_entries() {
    let session = Session::new();
    let (stored, _) = receive(&session, &mut session.deferred(), 3);
    let mut decoder = session.deferred();
    assert_eq!(replayed(&mut decoder, &stored), Progress::Complete);
    assert!(decoder.is_complete());
    // Solutions come in the order of the lost fragments, and not before there is anything to solve.
    let last = *stored.iter().rfind(|(_, entry)| matches!(entry, Entry::Solved(_))).unwrap();
    let received: Vec<_> =
        stored.iter().copied().filter(|(_, entry)| matches!(entry, Entry::Fragment(_))).collect();
    let mut decoder = session.deferred();
    assert!(matches!(decoder.replay(last.1), Err(FecError::NotSolvable { .. })));
    assert_eq!(replayed(&mut decoder, &received), Progress::Solvable);
    assert_eq!(decoder.replay(last.1), Err(FecError::EntryOutOfOrder));
}

#[test]
fn a_pass_counts_when_all_of_it_has_been_asked_for() {
    let session = Session::new();
    let (stored, _) = receive(&session, &mut session.deferred(), 3);
    let received: Vec<_> =
        stored.into_iter().filter(|(_, entry)| matches!(entry, Entry::Fragment(_))).collect();
    let mut decoder = session.deferred();
    assert_eq!(replayed(&mut decoder, &received), Progress::Solvable);
    decoder.begin_solve(3).unwrap();
    while let Some(op) = decoder.next_op() {
        assert_eq!(decoder.clone().commit(), Err(FecError::OperationsRemain), "{op:?}");
    }
    assert_eq!(decoder.commit(), Ok(Progress::Solvable));
}

/// The fragment has counted by then: what is left is to look at the parity that came too early.
#[test]
fn giving_up_after_a_fragment_has_counted_is_committing() {
    let session = Session::new();
    let mut decoder = session.deferred();
    for n in (NB_FRAG + 1..=NB_FRAG + 6).chain(1..NB_FRAG - 10) {
        decoder.begin(number(n)).unwrap();
        while decoder.next_op().is_some() {}
        decoder.commit().unwrap();
    }
    decoder.begin(number(NB_FRAG - 10)).unwrap();
    assert!(matches!(decoder.next_op(), Some(Op::Store { .. })));
    assert_eq!([decoder.next_op(), decoder.next_op()], [Some(Op::Pause); 2]);
    let mut other = decoder.clone();
    assert_eq!(other.abort(), None);
    decoder.commit().unwrap();
    assert_eq!(format!("{other:?}"), format!("{decoder:?}"));
}

#[test]
fn solving_is_refused_before_its_time_and_after() {
    let session = Session::new();
    let mut store = MemoryStore::new(session.geometry);
    let early = Err(InsertError::Fec(FecError::NotSolvable { missing: NB_FRAG }));
    let (mut triangular, mut deferred) = (session.triangular(), session.deferred());
    assert_eq!(triangular.solve(&mut store), early);
    assert_eq!(deferred.solve(&mut store), early);
    receive(&session, &mut deferred, 1);
    assert_eq!(deferred.begin_solve(1), Err(FecError::AlreadyComplete));
    triangular.begin(number(1)).unwrap();
    assert_eq!(triangular.begin_solve(1), Err(FecError::Busy));
}
