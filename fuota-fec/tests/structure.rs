//! The traps, measured: what they do to receivers.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a test that cannot go on has failed")]

mod common;

use fuota_fec::structure::{Weakness, pick_frag_size, weaknesses};
use fuota_fec::{Decoder, Geometry, Mode, ParityRule, Progress, words};

/// Share of receivers that need more than ten fragments beyond M.
fn share_of_stragglers(rule: ParityRule, nb_frag: u16, loss_percent: u64, receivers: u64) -> f64 {
    let geometry = Geometry::from_session(nb_frag, 1, 0).unwrap();
    let mut stragglers = 0_u32;
    for receiver in 0..receivers {
        let mut state = receiver.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
        let mut lost = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) % 100 < loss_percent
        };
        let memory = vec![0; words(Mode::Triangular, nb_frag, nb_frag)];
        let mut decoder = Decoder::new(geometry, rule, nb_frag, memory).unwrap();
        let mut received = 0;
        for n in (1..=16383).filter(|_| !lost()) {
            received += 1;
            if received > nb_frag + 10 {
                stragglers += 1;
                break;
            }
            if decoder.insert_rank(common::number(n)) == Ok(Progress::Complete) {
                break;
            }
        }
    }
    f64::from(stragglers) / receivers as f64
}

#[test]
fn multiples_of_64_strand_receivers_and_their_neighbours_do_not() {
    for rule in [ParityRule::V1, ParityRule::V2] {
        let trapped = share_of_stragglers(rule, 832, 20, 1000);
        let beside = share_of_stragglers(rule, 831, 20, 1000);
        assert!(trapped > 0.05, "{rule:?}: {trapped} of the receivers need more than ten extra at M = 832");
        assert!(beside < 0.01, "{rule:?}: {beside} of the receivers need more than ten extra at M = 831");
    }
}

#[test]
fn late_coverage_keeps_receivers_waiting_at_low_loss() {
    for (m, late) in [(50, true), (60, true), (49, false), (53, false)] {
        let told = weaknesses(ParityRule::V1, m).any(|weakness| weakness == Weakness::LateCoverage);
        assert_eq!(told, late, "M = {m}");
        let share = share_of_stragglers(ParityRule::V1, m, 5, 3000);
        assert_eq!(share > 0.03, late, "{share} of the receivers need more than ten extra at M = {m}");
    }
}

#[test]
fn what_the_choice_avoids_is_worth_avoiding() {
    let image_len = 832 * 112;
    let chosen = pick_frag_size(image_len, 112, 0.2).unwrap();
    let careless = share_of_stragglers(ParityRule::V1, 832, 20, 1000);
    let careful = share_of_stragglers(ParityRule::V1, chosen.nb_frag(), 20, 1000);
    assert!(
        careful < 0.01 && careless > 0.05,
        "{careful} at M = {}, {careless} at M = 832",
        chosen.nb_frag()
    );
}
