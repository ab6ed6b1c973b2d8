//! Arrival orders of all kinds: every decoder is done exactly when the received rows have full rank.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::{BTreeSet, HashMap};

use fuota_fec::{
    Decoder, DeferredDecoder, Encoder, FecError, FragmentNumber, FragmentStore, Geometry, MemoryStore, Mode,
    ParityRule, Progress, Steps, naive, run, words,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    sessions: Vec<Session>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    version: u8,
    m: u16,
    frag_size: u8,
    redundancy: u16,
    generator: String,
    data_sha256: String,
    all_fragments_sha256: String,
}

#[derive(Deserialize)]
struct Run {
    session: String,
    pattern: String,
    delivered: Vec<u16>,
    optimal_complete_at: Option<usize>,
}

struct Prepared {
    geometry: Geometry,
    rule: ParityRule,
    image: Vec<u8>,
    fragments: Vec<Vec<u8>>,
}

fn prepare(session: &Session) -> Prepared {
    let image =
        common::generated(&session.generator, usize::from(session.m) * usize::from(session.frag_size));
    assert_eq!(common::sha256_hex(&image), session.data_sha256);
    let geometry = Geometry::from_session(session.m, session.frag_size, 0).unwrap();
    let rule = common::rule(session.version);
    let encoder = Encoder::new(geometry, rule, &image).unwrap();
    let fragments: Vec<Vec<u8>> = (1..=session.m + session.redundancy)
        .map(|n| {
            let mut fragment = vec![0; session.frag_size.into()];
            encoder.fragment(common::number(n), &mut fragment).unwrap();
            fragment
        })
        .collect();
    assert_eq!(common::sha256_hex(&fragments.concat()), session.all_fragments_sha256);
    Prepared { geometry, rule, image, fragments }
}

fn sessions_and_runs() -> (HashMap<String, Prepared>, Vec<Run>) {
    let vectors: Vectors = common::vectors("decode.json");
    (vectors.sessions.iter().map(|s| (s.id.clone(), prepare(s))).collect(), vectors.runs)
}

/// Whichever decoder, fed one fragment after the other.
trait Feed: Steps {
    fn feed(&mut self, n: FragmentNumber, data: &[u8], store: &mut MemoryStore) -> Progress;
    fn state(&self) -> (u16, bool);
}

impl Feed for Decoder<Vec<u32>> {
    fn feed(&mut self, n: FragmentNumber, data: &[u8], store: &mut MemoryStore) -> Progress {
        self.insert(n, data, store).unwrap()
    }

    fn state(&self) -> (u16, bool) {
        (self.missing(), self.is_complete())
    }
}

impl Feed for DeferredDecoder<Vec<u32>> {
    fn feed(&mut self, n: FragmentNumber, data: &[u8], store: &mut MemoryStore) -> Progress {
        self.insert(n, data, store).unwrap()
    }

    fn state(&self) -> (u16, bool) {
        (self.missing(), self.is_complete())
    }
}

/// Feeds a decoder by its operations alone.
fn feed_stepwise<D: Steps>(
    decoder: &mut D,
    n: FragmentNumber,
    data: &[u8],
    store: &mut MemoryStore,
) -> Progress {
    store.load(data);
    decoder.begin(n).unwrap();
    assert_eq!(decoder.begin(n), Err(FecError::Busy));
    run(decoder, store).unwrap();
    let mut progress = decoder.commit().unwrap();
    while progress == Progress::Solvable {
        decoder.begin_solve(store.accumulators()).unwrap();
        assert_eq!(decoder.commit(), Err(FecError::OperationsRemain));
        run(decoder, store).unwrap();
        progress = decoder.commit().unwrap();
    }
    progress
}

/// Leaves solving to calls of its own, two columns each.
fn feed_in_pieces(
    decoder: &mut Decoder<Vec<u32>>,
    n: FragmentNumber,
    data: &[u8],
    store: &mut MemoryStore,
) -> Progress {
    let mut progress = decoder.receive(n, data, store).unwrap();
    while progress == Progress::Solvable {
        assert_eq!((decoder.missing(), decoder.is_complete()), (0, false));
        progress = decoder.solve_some(2, store).unwrap();
    }
    progress
}

fn triangular(session: &Prepared, max_lost: u16) -> Decoder<Vec<u32>> {
    let memory = vec![0; words(Mode::Triangular, session.geometry.nb_frag(), max_lost)];
    Decoder::new(session.geometry, session.rule, max_lost, memory).unwrap()
}

fn deferred(session: &Prepared, max_lost: u16, more_words: usize) -> DeferredDecoder<Vec<u32>> {
    let memory = vec![0; words(Mode::Deferred, session.geometry.nb_frag(), max_lost) + more_words];
    DeferredDecoder::new(session.geometry, session.rule, max_lost, memory).unwrap()
}

/// Feeds a run; where it completes, the block must be the right one, and each slot was written once.
fn complete_at<D: Feed>(
    session: &Prepared,
    delivered: &[u16],
    accumulators: u16,
    mut decoder: D,
    feed: impl Fn(&mut D, FragmentNumber, &[u8], &mut MemoryStore) -> Progress,
) -> Option<usize> {
    let mut store = MemoryStore::with_accumulators(session.geometry, accumulators);
    for (at, n) in (1..).zip(delivered) {
        let (missing, _) = decoder.state();
        let data = &session.fragments[usize::from(*n) - 1];
        let progress = feed(&mut decoder, common::number(*n), data, &mut store);
        let (left, complete) = decoder.state();
        match progress {
            Progress::Complete => {
                assert_eq!(store.image(), session.image);
                assert_eq!((left, complete), (0, true));
                return Some(at);
            }
            Progress::NeedMore { missing: said } => assert!(said == left && left <= missing),
            Progress::Redundant => assert_eq!(left, missing),
            other => panic!("{other:?}"),
        }
        assert!(!complete && left > 0);
    }
    None
}

#[test]
fn optimal_in_every_order_with_room_for_all() {
    let (sessions, runs) = sessions_and_runs();
    for case in runs {
        let session = &sessions[&case.session];
        let room = session.geometry.nb_frag();
        let name = format!("{} {}", case.session, case.pattern);
        let expected = case.optimal_complete_at;
        let decoder = triangular(session, room);
        assert_eq!(complete_at(session, &case.delivered, 1, decoder, Feed::feed), expected, "{name}");
        let decoder = deferred(session, room, 100);
        assert_eq!(
            complete_at(session, &case.delivered, 7, decoder, Feed::feed),
            expected,
            "{name} deferred"
        );
    }
}

#[test]
fn optimal_with_room_for_the_losses_alone() {
    let (sessions, runs) = sessions_and_runs();
    let mut checked = 0;
    for case in runs {
        let session = &sessions[&case.session];
        let nb_frag = session.geometry.nb_frag();
        let first_parity = case.delivered.iter().position(|n| *n > nb_frag).unwrap_or(case.delivered.len());
        let (uncoded, parity) = case.delivered.split_at(first_parity);
        if parity.iter().any(|n| *n <= nb_frag) {
            continue;
        }
        let received: BTreeSet<u16> = uncoded.iter().copied().collect();
        let lost = nb_frag - u16::try_from(received.len()).unwrap();
        let name = format!("{} {}", case.session, case.pattern);
        let expected = case.optimal_complete_at;
        let decoder = triangular(session, lost);
        assert_eq!(complete_at(session, &case.delivered, 1, decoder, Feed::feed), expected, "{name}");
        for (accumulators, more_words) in [(1, 0), (3, 0), (5, 40), (300, 4000)] {
            let decoder = deferred(session, lost, more_words);
            let at = complete_at(session, &case.delivered, accumulators, decoder, Feed::feed);
            assert_eq!(at, expected, "{name} deferred, {accumulators} accumulators");
        }
        checked += 1;
    }
    assert!(checked > 100, "{checked} runs have their parity at the end");
}

#[test]
fn single_operations_do_the_same() {
    let (sessions, runs) = sessions_and_runs();
    for case in runs.iter().filter(|case| sessions[&case.session].geometry.nb_frag() <= 200) {
        let session = &sessions[&case.session];
        let room = session.geometry.nb_frag();
        let name = format!("{} {}", case.session, case.pattern);
        let expected = case.optimal_complete_at;
        let decoder = triangular(session, room);
        assert_eq!(complete_at(session, &case.delivered, 1, decoder, feed_stepwise), expected, "{name}");
        let decoder = triangular(session, room);
        assert_eq!(complete_at(session, &case.delivered, 1, decoder, feed_in_pieces), expected, "{name}");
        let decoder = deferred(session, room, 10);
        assert_eq!(
            complete_at(session, &case.delivered, 4, decoder, feed_stepwise),
            expected,
            "{name} deferred"
        );
    }
}

#[test]
fn the_rank_alone_tells_when() {
    let (sessions, runs) = sessions_and_runs();
    for case in runs {
        let session = &sessions[&case.session];
        let mut decoder = triangular(session, session.geometry.nb_frag());
        let at = case
            .delivered
            .iter()
            .position(|n| decoder.insert_rank(common::number(*n)) == Ok(Progress::Complete));
        assert_eq!(at.map(|at| at + 1), case.optimal_complete_at, "{} {}", case.session, case.pattern);
    }
}

#[test]
fn the_reference_agrees() {
    let (sessions, runs) = sessions_and_runs();
    for case in runs.iter().filter(|case| sessions[&case.session].geometry.nb_frag() <= 200) {
        let session = &sessions[&case.session];
        let mut decoder = naive::Decoder::new(session.rule, session.geometry.nb_frag().into());
        let at = case.delivered.iter().position(|n| {
            decoder.insert((*n).into(), &session.fragments[usize::from(*n) - 1]);
            decoder.missing() == 0
        });
        assert_eq!(at.map(|at| at + 1), case.optimal_complete_at, "{} {}", case.session, case.pattern);
        assert_eq!(decoder.image(), at.map(|_| session.image.clone()));
    }
}

#[test]
fn what_is_refused_changes_nothing() {
    let session = prepare_small();
    let mut store = MemoryStore::new(session.geometry);
    let mut decoder =
        Decoder::new(session.geometry, session.rule, 2, [0; words(Mode::Triangular, 10, 2)]).unwrap();
    let mut insert = |n: u16, octets: usize| {
        let before = decoder.clone();
        let fragment = &session.fragments[usize::from(n) - 1];
        let result = decoder.insert(common::number(n), &fragment[..octets], &mut store);
        if result.is_err() {
            assert_eq!(format!("{decoder:?}"), format!("{before:?}"));
        }
        result
    };
    assert_eq!(insert(1, 7), Err(FecError::FragmentLength { expected: 8, got: 7 }.into()));
    for n in 1..=7 {
        assert_eq!(insert(n, 8), Ok(Progress::NeedMore { missing: 10 - n }));
    }
    // Three are unknown, there is room for two: the state before, and the next uncoded one mends it.
    assert_eq!(insert(11, 8), Err(FecError::TooManyMissing { missing: 3, max_lost: 2 }.into()));
    assert_eq!(insert(7, 8), Ok(Progress::Redundant));
    assert_eq!(insert(9, 8), Ok(Progress::NeedMore { missing: 2 }));
    assert_eq!(insert(11, 8), Ok(Progress::Redundant), "row 1 is 0010010000");
    assert_eq!(insert(12, 8), Ok(Progress::NeedMore { missing: 1 }), "row 2 is 1010110001");
    assert_eq!(insert(10, 8), Ok(Progress::Redundant), "10 follows from row 2 and what is known");
    assert_eq!(insert(8, 8), Ok(Progress::Complete));
    assert_eq!(insert(8, 8), Err(FecError::AlreadyComplete.into()));
    assert_eq!(store.image(), session.image);
}

fn prepare_small() -> Prepared {
    let vectors: Vectors = common::vectors("decode.json");
    prepare(vectors.sessions.iter().find(|session| session.id == "v1-m10").unwrap())
}

#[test]
fn too_little_memory_is_said_at_once() {
    let geometry = Geometry::from_session(1000, 50, 0).unwrap();
    let expected = words(Mode::Triangular, 1000, 100);
    let refused = Decoder::new(geometry, ParityRule::V1, 100, vec![0; expected - 1]).err();
    assert_eq!(refused, Some(FecError::NotEnoughMemory { expected, got: expected - 1 }));
}
