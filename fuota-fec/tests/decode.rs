//! Arrival orders of all kinds: every decoder is done exactly when the received rows have full rank.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::{BTreeSet, HashMap};

use fuota_fec::{
    Decoder, Encoder, FecError, Geometry, MemoryStore, Mode, ParityRule, Progress, naive, words,
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

/// Feeds the run to the triangular decoder; where it completes, the block must be the right one.
fn complete_at(session: &Prepared, delivered: &[u16], max_lost: u16) -> Option<usize> {
    let memory = vec![0; words(Mode::Triangular, session.geometry.nb_frag(), max_lost)];
    let mut decoder = Decoder::new(session.geometry, session.rule, max_lost, memory).unwrap();
    let mut ranks = decoder.clone();
    let mut store = MemoryStore::new(session.geometry);
    for (at, n) in (1..).zip(delivered) {
        let missing = decoder.missing();
        let progress =
            decoder.insert(common::number(*n), &session.fragments[usize::from(*n) - 1], &mut store).unwrap();
        assert_eq!(ranks.insert_rank(common::number(*n)), Ok(progress));
        match progress {
            Progress::Complete => {
                assert_eq!(store.image(), session.image);
                assert!(decoder.is_complete() && decoder.missing() == 0);
                return Some(at);
            }
            Progress::NeedMore { missing: left } => {
                assert_eq!((left, decoder.missing()), (missing - 1, left));
            }
            Progress::Redundant => assert_eq!(decoder.missing(), missing),
            other => panic!("{other:?}"),
        }
        assert!(!decoder.is_complete());
    }
    None
}

#[test]
fn optimal_in_every_order_with_room_for_all() {
    let (sessions, runs) = sessions_and_runs();
    for run in runs {
        let session = &sessions[&run.session];
        let at = complete_at(session, &run.delivered, session.geometry.nb_frag());
        assert_eq!(at, run.optimal_complete_at, "{} {}", run.session, run.pattern);
    }
}

#[test]
fn optimal_with_room_for_the_losses_alone() {
    let (sessions, runs) = sessions_and_runs();
    let mut checked = 0;
    for run in runs {
        let session = &sessions[&run.session];
        let nb_frag = session.geometry.nb_frag();
        let first_parity = run.delivered.iter().position(|n| *n > nb_frag).unwrap_or(run.delivered.len());
        let (uncoded, parity) = run.delivered.split_at(first_parity);
        if parity.iter().any(|n| *n <= nb_frag) {
            continue;
        }
        let received: BTreeSet<u16> = uncoded.iter().copied().collect();
        let lost = nb_frag - u16::try_from(received.len()).unwrap();
        let at = complete_at(session, &run.delivered, lost);
        assert_eq!(at, run.optimal_complete_at, "{} {}", run.session, run.pattern);
        checked += 1;
    }
    assert!(checked > 100, "{checked} runs have their parity at the end");
}

#[test]
fn the_reference_agrees() {
    let (sessions, runs) = sessions_and_runs();
    for run in runs.iter().filter(|run| sessions[&run.session].geometry.nb_frag() <= 200) {
        let session = &sessions[&run.session];
        let mut decoder = naive::Decoder::new(session.rule, session.geometry.nb_frag().into());
        let at = run.delivered.iter().position(|n| {
            decoder.insert((*n).into(), &session.fragments[usize::from(*n) - 1]);
            decoder.missing() == 0
        });
        assert_eq!(at.map(|at| at + 1), run.optimal_complete_at, "{} {}", run.session, run.pattern);
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
