//! Receivers that lose fragments at random, the same ones with every code.

use fuota_fec::batch::RankScratch;
use fuota_fec::{Geometry, max_parity};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rayon::prelude::*;

use crate::code::{Code, Losses, Prepared};
use crate::theory::wilson;

/// Fragments beyond M up to which the share of complete receivers is shown.
const EXTRA: u16 = 20;
/// Parity ÷ M up to which it is shown, and in how many steps.
const REDUNDANCY: f64 = 1.5;
const STEPS: u16 = 30;

/// Which fragments a receiver loses, a bit each.
fn draw(count: u16, loss: f64, mut unit: impl FnMut() -> f64) -> Vec<u64> {
    let mut words = vec![0; usize::from(count).div_ceil(64)];
    for i in 0..usize::from(count) {
        words[i / 64] |= u64::from(unit() < loss) << (i % 64);
    }
    words
}

/// Receivers that have decoded, out of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) decoded: u32,
    pub(super) trials: u32,
}

impl Share {
    pub(super) fn value(self) -> f64 {
        f64::from(self.decoded) / f64::from(self.trials)
    }

    /// Wilson's interval of 95 %.
    pub(super) fn interval(self) -> (f64, f64) {
        wilson(self.decoded.into(), self.trials.into())
    }
}

/// Shares by fragments beyond M, and by redundancy.
pub(super) struct Curve {
    pub(super) code: Code,
    pub(super) extra: Vec<(f64, Share)>,
    pub(super) redundancy: Vec<(f64, Share)>,
}

/// All codes at one M and one loss.
pub(super) struct Cell {
    pub(super) m: u16,
    pub(super) loss: f64,
    pub(super) curves: Vec<Curve>,
}

/// Where a receiver was complete: fragments received beyond M, and fragments sent.
type Done = Option<(u16, u16)>;

impl Cell {
    pub(super) fn run(
        geometry: Geometry,
        loss: f64,
        trials: u32,
        seed: u64,
        codes: &[Code],
    ) -> Result<Self, String> {
        let m = geometry.nb_frag();
        let parity =
            parity(m, loss).ok_or_else(|| format!("M = {m} at loss {loss}: fragment numbers run out"))?;
        let prepared: Vec<Prepared> = codes.iter().map(|code| code.prepare(geometry, parity)).collect();
        let done: Vec<Vec<Done>> = (0..trials)
            .into_par_iter()
            .map_init(RankScratch::default, |scratch, trial| {
                let words = draw(m + parity, loss, units(seed, m, loss, trial, 0));
                let losses = Losses { words: &words, count: m + parity };
                let receiver = |(prepared, stream): (&Prepared, u8)| {
                    let n = prepared.complete_at(losses, scratch, units(seed, m, loss, trial, stream))?;
                    let received = losses.received().take_while(|other| *other <= n).count();
                    // Without any loss at all a receiver is complete with the M-th.
                    Some((u16::try_from(received).unwrap_or(u16::MAX).saturating_sub(m), n))
                };
                prepared.iter().zip(1..).map(receiver).collect()
            })
            .collect();
        let curves =
            codes.iter().enumerate().map(|(i, code)| Curve::of(*code, m, trials, |trial| done[trial][i]));
        Ok(Self { m, loss, curves: curves.collect() })
    }
}

impl Curve {
    fn of(code: Code, m: u16, trials: u32, done: impl Fn(usize) -> Done) -> Self {
        let share = |decoded: &dyn Fn(u16, u16) -> bool| {
            let count =
                (0..trials as usize).filter(|trial| done(*trial).is_some_and(|(e, n)| decoded(e, n))).count();
            Share { decoded: u32::try_from(count).unwrap_or(u32::MAX), trials }
        };
        let extra = (0..=EXTRA).map(|limit| (f64::from(limit), share(&|extra, _| extra <= limit)));
        let redundancy = (0..=STEPS).map(|step| {
            let redundancy = REDUNDANCY * f64::from(step) / f64::from(STEPS);
            (redundancy, share(&|_, sent| f64::from(sent - m) <= redundancy * f64::from(m) + 1e-9))
        });
        Self { code, extra: extra.collect(), redundancy: redundancy.collect() }
    }
}

/// Parity that is sent: what both axes show, with room for bad luck; `None` if there are not so many numbers.
fn parity(m: u16, loss: f64) -> Option<u16> {
    let m_f = f64::from(m);
    let luck = 5.0 * (m_f * loss).sqrt();
    let for_extra = (m_f + f64::from(EXTRA) + 20.0 + luck) / (1.0 - loss) - m_f;
    let parity = for_extra.max(m_f * REDUNDANCY).ceil();
    (1..=max_parity(m)).find(|fits| f64::from(*fits) >= parity)
}

/// Numbers from 0 to below 1 that depend on nothing but these.
fn units(seed: u64, m: u16, loss: f64, trial: u32, stream: u8) -> impl FnMut() -> f64 {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&loss.to_bits().to_le_bytes());
    key[16..18].copy_from_slice(&m.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(u64::from(trial) << 8 | u64::from(stream));
    move || f64::from(rng.next_u32()) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(code: Code, m: u16, loss: f64) -> Curve {
        let geometry = Geometry::from_session(m, 8, 0).unwrap();
        Cell::run(geometry, loss, 400, 3, &[code]).unwrap().curves.remove(0)
    }

    #[test]
    fn any_m_fragments_of_an_mds_code_are_enough() {
        for (_, share) in shares(Code::Rs, 50, 0.2).extra {
            assert_eq!(share.decoded, 400);
        }
    }

    #[test]
    fn random_sums_decode_as_theory_has_it() {
        // 0.289, 0.578, 0.770, … with no, one, two, … fragments beyond M.
        let curve = shares(Code::Rlnc2, 100, 0.3);
        for ((_, share), expected) in curve.extra.iter().zip([0.289, 0.578, 0.770, 0.880]) {
            let (low, high) = share.interval();
            assert!(low - 0.03 < expected && expected < high + 0.03, "{share:?}, in theory {expected}");
        }
    }

    #[test]
    fn raptorq_hardly_needs_more_than_m_and_repetition_far_more() {
        assert!(shares(Code::Raptorq, 50, 0.2).extra[2].1.value() > 0.97);
        assert!(shares(Code::Repetition, 50, 0.2).extra[10].1.value() < 0.1);
        assert!(shares(Code::Ts004V1, 100, 0.2).extra[10].1.value() > 0.95);
    }

    #[test]
    fn the_same_seed_gives_the_same_shares() {
        let decoded =
            |curve: Curve| curve.redundancy.iter().map(|(_, share)| share.decoded).collect::<Vec<_>>();
        assert_eq!(decoded(shares(Code::Rlnc256, 30, 0.4)), decoded(shares(Code::Rlnc256, 30, 0.4)));
    }
}
