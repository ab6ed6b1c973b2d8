//! The server side against the encoder that makes one fragment at a time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use fuota_fec::batch::{self, DecodeError, ParityColumns, ParityRows, RankScratch};
use fuota_fec::{Decoder, Encoder, FecError, Geometry, Mode, ParityRule, Progress, words};

const RULES: [ParityRule; 2] = [ParityRule::V1, ParityRule::V2];

fn one_by_one(geometry: Geometry, rule: ParityRule, image: &[u8], parity: u16) -> Vec<u8> {
    let encoder = Encoder::new(geometry, rule, image).unwrap();
    let mut fragment = vec![0; geometry.frag_size().into()];
    let mut all = Vec::new();
    for k in 1..=parity {
        encoder.fragment(common::number(geometry.nb_frag() + k), &mut fragment).unwrap();
        all.extend_from_slice(&fragment);
    }
    all
}

#[test]
fn many_fragments_at_once() {
    for (len, size, parity) in
        [(1, 1, 3), (1000, 239, 20), (10_000, 50, 61), (30_011, 100, 300), (50_000, 17, 1000)]
    {
        let image = common::generated("batch", len);
        let geometry = Geometry::new(len, size).unwrap();
        for rule in RULES {
            let fast = batch::encode(geometry, rule, &image, parity).unwrap();
            assert!(fast == one_by_one(geometry, rule, &image, parity), "{rule:?} {geometry:?}");
            assert!(batch::encode_plainly(geometry, rule, &image, parity).unwrap() == fast);
            assert!(batch::encode_on_all_cores(geometry, rule, &image, parity).unwrap() == fast);
        }
    }
}

#[test]
fn a_range_of_fragments_with_rows_of_its_own() {
    let image = common::generated("range", 5000);
    let geometry = Geometry::new(5000, 40).unwrap();
    let all = batch::encode(geometry, ParityRule::V1, &image, 90).unwrap();
    let rows = ParityRows::new(geometry.nb_frag(), ParityRule::V1, 41..91);
    assert_eq!((rows.first_index(), rows.len(), rows.is_empty()), (41, 50, false));
    let none = ParityRows::new(geometry.nb_frag(), ParityRule::V1, 0..1);
    assert_eq!((none.first_index(), none.len(), none.is_empty()), (1, 0, true));
    assert_eq!(batch::encode_with(&rows, geometry, &image).unwrap(), all[40 * 40..]);
    let other = Geometry::new(5000, 41).unwrap();
    let refused = batch::encode_with(&rows, other, &image);
    assert_eq!(refused, Err(FecError::RowsOfOther { expected: 122, got: 125 }));
}

/// Fragments of which every uncoded one is lost with the given probability, and parity until it is enough.
fn received(
    geometry: Geometry,
    rule: ParityRule,
    image: &[u8],
    loss_percent: u64,
    parity: u16,
) -> Vec<(u16, Vec<u8>)> {
    let encoder = Encoder::new(geometry, rule, image).unwrap();
    let mut state = u64::from(parity) + 99;
    let mut lost = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) % 100 < loss_percent
    };
    (1..=geometry.nb_frag() + parity)
        .filter(|n| *n > geometry.nb_frag() || !lost())
        .map(|n| {
            let mut fragment = vec![0; geometry.frag_size().into()];
            encoder.fragment(common::number(n), &mut fragment).unwrap();
            (n, fragment)
        })
        .collect()
}

fn decode(
    geometry: Geometry,
    rule: ParityRule,
    fragments: &[(u16, Vec<u8>)],
) -> Result<Vec<u8>, DecodeError> {
    batch::decode(geometry, rule, fragments.iter().map(|(n, data)| (common::number(*n), &data[..])))
}

#[test]
fn whole_sessions() {
    for (len, size, loss) in [(1, 1, 0), (999, 10, 10), (20_000, 50, 30), (31_000, 31, 60), (99_999, 100, 10)]
    {
        let image = common::generated("sessions", len);
        let geometry = Geometry::new(len, size).unwrap();
        for rule in RULES {
            let parity = geometry.nb_frag() * 3 / 4 + 20;
            let mut fragments = received(geometry, rule, &image, loss, parity);
            assert!(decode(geometry, rule, &fragments).unwrap() == image, "{geometry:?}");
            fragments.reverse();
            let again = fragments.clone();
            fragments.extend(again);
            assert!(decode(geometry, rule, &fragments).unwrap() == image, "reversed, twice: {geometry:?}");
        }
    }
}

#[test]
fn the_batch_decoder_needs_no_more_than_the_streaming_one() {
    let image = common::generated("optimal", 300 * 8);
    let geometry = Geometry::new(image.len(), 8).unwrap();
    for parity in 80..110 {
        let fragments = received(geometry, ParityRule::V1, &image, 30, parity);
        let memory = vec![0; words(Mode::Triangular, 300, 300)];
        let mut decoder = Decoder::new(geometry, ParityRule::V1, 300, memory).unwrap();
        let mut done = 0;
        for (n, _) in &fragments {
            done += 1;
            if decoder.insert_rank(common::number(*n)) == Ok(Progress::Complete) {
                break;
            }
        }
        if decoder.is_complete() {
            assert!(decode(geometry, ParityRule::V1, &fragments[..done]).unwrap() == image);
            done -= 1;
        }
        let short = decode(geometry, ParityRule::V1, &fragments[..done]);
        assert!(matches!(short, Err(DecodeError::NotEnough { .. })), "{short:?}");
    }
}

#[test]
fn a_fragment_of_another_size_is_refused() {
    let geometry = Geometry::new(100, 10).unwrap();
    let refused = decode(geometry, ParityRule::V1, &[(1, vec![0; 11])]);
    assert_eq!(refused, Err(DecodeError::Fragment(FecError::FragmentLength { expected: 10, got: 11 })));
    let refused = decode(geometry, ParityRule::V1, &[]);
    assert_eq!(refused, Err(DecodeError::NotEnough { lost: 10, parity: 0 }));
}

#[test]
fn ranks_by_columns_tell_when_a_receiver_is_complete() {
    let mut state = 3_u64;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 27
    };
    let mut complete = 0;
    for (nb_frag, parity) in
        [(1, 4), (20, 30), (64, 64), (100, 63), (129, 65), (200, 190), (300, 260), (429, 520)]
    {
        let geometry = Geometry::from_session(nb_frag, 1, 0).unwrap();
        for rule in RULES {
            let columns = ParityColumns::new(geometry, rule, parity);
            assert_eq!(columns.lost_words(), usize::from(nb_frag + parity).div_ceil(64));
            let mut scratch = RankScratch::default();
            for percent in [0, 5, 20, 45] {
                let lost: Vec<u64> = (0..columns.lost_words())
                    .map(|_| (0..64).fold(0, |word, bit| word | u64::from(random() % 100 < percent) << bit))
                    .collect();
                let memory = vec![0; words(Mode::Triangular, nb_frag, nb_frag)];
                let mut decoder = Decoder::new(geometry, rule, nb_frag, memory).unwrap();
                let expected = (1..=nb_frag + parity)
                    .filter(|n| lost[usize::from(n - 1) / 64] >> ((n - 1) % 64) & 1 == 0)
                    .find(|n| decoder.insert_rank(common::number(*n)) == Ok(Progress::Complete));
                let expected = expected.map(|n| n.max(nb_frag));
                assert_eq!(
                    columns.complete_at(&lost, &mut scratch),
                    expected,
                    "{rule:?} M = {nb_frag}, {percent} %"
                );
                complete += u32::from(expected.is_some());

                // And so do the ranks on the way there.
                let memory = vec![0; words(Mode::Triangular, nb_frag, nb_frag)];
                let mut decoder = Decoder::new(geometry, rule, nb_frag, memory).unwrap();
                for n in 1..=nb_frag + parity {
                    if lost[usize::from(n - 1) / 64] >> ((n - 1) % 64) & 1 == 0 && !decoder.is_complete() {
                        let _ = decoder.insert_rank(common::number(n));
                    }
                    if n % 13 == 0 || n == nb_frag || n == nb_frag + parity {
                        assert_eq!(
                            columns.missing(&lost, n, &mut scratch),
                            decoder.missing(),
                            "{nb_frag} {n}"
                        );
                    }
                }
            }
        }
    }
    assert!(complete > 30, "{complete} receivers were complete");
}

/// None of the first hundred parity fragments comes, which is more than are looked at first.
#[test]
fn a_receiver_that_hears_no_parity_for_long_is_complete_later() {
    let (nb_frag, parity, rule) = (100, 200, ParityRule::V1);
    let geometry = Geometry::from_session(nb_frag, 1, 0).unwrap();
    let columns = ParityColumns::new(geometry, rule, parity);
    let is_lost = |n: u16| n == 4 || n == 51 || (101..=200).contains(&n);
    let mut lost = vec![0; columns.lost_words()];
    for n in (1..=nb_frag + parity).filter(|n| is_lost(*n)) {
        lost[usize::from(n - 1) / 64] |= 1_u64 << ((n - 1) % 64);
    }
    let mut decoder = Decoder::new(geometry, rule, 2, [0; words(Mode::Triangular, 100, 2)]).unwrap();
    let expected = (1..=nb_frag + parity)
        .filter(|n| !is_lost(*n))
        .find(|n| decoder.insert_rank(common::number(*n)) == Ok(Progress::Complete));
    assert!(expected.is_some());
    assert_eq!(columns.complete_at(&lost, &mut RankScratch::default()), expected);
}
