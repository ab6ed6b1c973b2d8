//! Any order, any room: both decoders against the reference, on a store that notices a second write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::HashSet;
use std::sync::Arc;

use common::strict::Strict;
use fuota_fec::{
    Decoder, DeferredDecoder, Encoder, FecError, FragmentNumber, FragmentStore as _, Geometry, InsertError,
    Mode, ParityRule, Progress, SharedBlock, SharingStore, naive, words,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    rule: ParityRule,
    geometry: Geometry,
    image: Vec<u8>,
    max_lost: u16,
    accumulators: u16,
    more_words: usize,
    /// In the order of arrival, with repeats.
    arrivals: Vec<u16>,
}

fn cases() -> impl Strategy<Value = Case> {
    let shape = (1..=70_u16, 1..=12_u8, any::<bool>());
    shape.prop_flat_map(|(nb_frag, frag_size, v2)| {
        let len = usize::from(nb_frag) * usize::from(frag_size);
        let image = proptest::collection::vec(any::<u8>(), len - usize::from(frag_size) + 1..=len);
        let last = nb_frag * 2 + 30;
        let arrivals = prop_oneof![
            proptest::collection::vec(1..=last, 0..usize::from(last) * 3),
            (any::<u64>(), 0..60_u32).prop_map(move |(seed, loss)| in_order(last, seed, loss)),
        ];
        (image, arrivals, 0..=nb_frag, 1..40_u16, 0..60_usize).prop_map(
            move |(image, arrivals, max_lost, accumulators, more_words)| Case {
                rule: if v2 { ParityRule::V2 } else { ParityRule::V1 },
                geometry: Geometry::new(image.len(), frag_size).unwrap(),
                image,
                max_lost,
                accumulators,
                more_words,
                arrivals,
            },
        )
    })
}

/// In order, with losses and a few swaps: closer to what a receiver sees.
fn in_order(last: u16, seed: u64, loss: u32) -> Vec<u16> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state >> 40).unwrap()
    };
    let mut arrivals: Vec<u16> = (1..=last).filter(|_| next() % 100 >= loss).collect();
    for i in 1..arrivals.len() {
        if next() % 10 == 0 {
            arrivals.swap(i - 1, i);
        }
    }
    arrivals
}

impl Case {
    fn fragment(&self, n: u16) -> Vec<u8> {
        let mut out = vec![0; self.geometry.frag_size().into()];
        let encoder = Encoder::new(self.geometry, self.rule, &self.image).unwrap();
        encoder.fragment(common::number(n), &mut out).unwrap();
        let uncoded = naive::cut(&self.image, self.geometry.frag_size().into());
        assert_eq!(out, naive::fragment(self.rule, &uncoded, n.into()));
        out
    }

    fn is_parity(&self, n: u16) -> bool {
        n > self.geometry.nb_frag()
    }

    /// What is checked after each fragment: the decoder said `result`, and has `missing` left.
    fn follow(
        &self,
        mut insert: impl FnMut(FragmentNumber, &[u8]) -> (Result<Progress, FecError>, u16),
        mut fits: impl FnMut(u16) -> bool,
    ) -> bool {
        let mut reference = naive::Decoder::new(self.rule, self.geometry.nb_frag().into());
        let mut uncoded = HashSet::new();
        for n in &self.arrivals {
            let data = self.fragment(*n);
            let (result, missing) = insert(common::number(*n), &data);
            let Ok(progress) = result else { continue };
            reference.insert((*n).into(), &data);
            if !self.is_parity(*n) {
                uncoded.insert(*n);
            }
            let unknown = self.geometry.nb_frag() - u16::try_from(uncoded.len()).unwrap();
            let due = reference.missing() == 0 && fits(unknown);
            assert_eq!(progress == Progress::Complete, due, "at fragment {n}, {unknown} unknown");
            assert_eq!(missing == 0, due);
            if due {
                return true;
            }
            if fits(unknown) {
                assert_eq!(usize::from(missing), reference.missing());
            }
        }
        false
    }

    /// Has a store of its own and one that shares a block receive the same: whatever is written can be read back from
    /// both.
    fn check_sharing(&self, taken_for: &[u8]) -> SharingStore {
        let block = Arc::new(SharedBlock::new(self.geometry, taken_for));
        let (mut own, mut sharing) = (Strict::new(self.geometry, 1), SharingStore::new(&block));
        let memory = vec![0; words(Mode::Triangular, self.geometry.nb_frag(), self.max_lost)];
        let mut decoder = Decoder::new(self.geometry, self.rule, self.max_lost, memory).unwrap();
        let mut other = decoder.clone();
        for n in &self.arrivals {
            let (number, data) = (common::number(*n), self.fragment(*n));
            let result = decoder.insert(number, &data, &mut own).map_err(refused);
            assert_eq!(result, other.insert(number, &data, &mut sharing).map_err(refused));
        }
        for slot in own.written() {
            own.read(slot).unwrap();
            sharing.read(slot).unwrap();
            assert_eq!(own.buffer(), sharing.buffer(), "{slot:?}");
        }
        assert!(!decoder.is_complete() || sharing.holds(&self.image));
        sharing
    }
}

fn refused<E: std::fmt::Debug>(error: InsertError<E>) -> FecError {
    match error {
        InsertError::Fec(error) => error,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn triangular(case in cases()) {
        let nb_frag = case.geometry.nb_frag();
        let memory = vec![0; words(Mode::Triangular, nb_frag, case.max_lost)];
        let mut decoder = Decoder::new(case.geometry, case.rule, case.max_lost, memory).unwrap();
        let mut store = Strict::new(case.geometry, 1);
        // Refused is what comes before the first parity that counts, while too many are unknown.
        let (mut counted, mut unknown) = (false, HashSet::new());
        unknown.extend(1..=nb_frag);
        let complete = case.follow(
            |n, data| {
                let before = format!("{decoder:?}");
                let result = decoder.insert(n, data, &mut store).map_err(refused);
                let left = u16::try_from(unknown.len()).unwrap();
                if case.is_parity(n.get()) && !counted && left > case.max_lost {
                    assert_eq!(result, Err(FecError::TooManyMissing { missing: left, max_lost: case.max_lost }));
                    assert_eq!(format!("{decoder:?}"), before);
                } else {
                    assert!(result.is_ok(), "{result:?}");
                    counted |= case.is_parity(n.get()) && result != Ok(Progress::Redundant);
                    unknown.remove(&n.get());
                }
                (result, decoder.missing())
            },
            |_| true,
        );
        prop_assert!(!complete || store.image() == case.image);
    }

    #[test]
    fn deferred(case in cases()) {
        let nb_frag = case.geometry.nb_frag();
        let memory = vec![0; words(Mode::Deferred, nb_frag, case.max_lost) + case.more_words];
        let mut decoder = DeferredDecoder::new(case.geometry, case.rule, case.max_lost, memory).unwrap();
        let mut store = Strict::new(case.geometry, case.accumulators);
        let full = FecError::ScratchFull { slots: case.max_lost + 16 };
        let complete = case.follow(
            |n, data| {
                let result = decoder.insert(n, data, &mut store).map_err(refused);
                assert!(result.is_ok() || result == Err(full), "{result:?}");
                (result, decoder.missing())
            },
            |unknown| unknown <= case.max_lost,
        );
        prop_assert!(!complete || store.image() == case.image);
    }

    /// A store that shares with others holds what a store of its own holds, also if what arrives is not what the sender
    /// is taken to have.
    #[test]
    fn shared(case in cases(), differing in proptest::collection::vec(any::<usize>(), 0..4)) {
        let mut taken_for = case.image.clone();
        for place in differing {
            taken_for[place % case.image.len()] ^= 1;
        }
        let sharing = case.check_sharing(&taken_for);
        for place in 0..case.image.len() {
            let mut image = case.image.clone();
            image[place] ^= 1;
            prop_assert!(!sharing.holds(&image));
        }
        prop_assert!(!sharing.holds(&case.image[1..]));
    }
}

/// More losses than a sharing store has names for: what comes after the first 256 rows is worked out at once.
#[test]
fn shared_with_hundreds_lost() {
    let image: Vec<u8> = (0..2_800_u32).map(|at| (at * 31 + at / 251).to_le_bytes()[0]).collect();
    let case = Case {
        rule: ParityRule::V1,
        geometry: Geometry::new(image.len(), 4).unwrap(),
        image,
        max_lost: 700,
        accumulators: 1,
        more_words: 0,
        arrivals: in_order(1_400, 7, 45),
    };
    let uncoded = case.arrivals.iter().filter(|n| !case.is_parity(**n)).count();
    assert!(700 - uncoded > 256, "{uncoded} of 700 arrive");
    let mut differs = case.image.clone();
    differs[1_234] ^= 1;
    for taken_for in [&case.image, &differs] {
        assert!(case.check_sharing(taken_for).holds(&case.image));
    }
}
