//! How likely a device is to decode.

use fuota_engine::campaign::spec::PackageVersion;
use fuota_engine::rule::parity_rule;
use fuota_fec::Geometry;
use fuota_fec::batch::{ParityColumns, RankScratch};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::rng::{Chance, Draws, Stream};
use crate::theory::{random_code_success, wilson};

/// The seed of every forecast: the same question gets the same answer.
const SEED: u64 = 1;
/// Devices drawn at least and at most.
const TRIALS: (u64, u64) = (200, 20_000);
/// Word operations that one estimate may take.
const BUDGET: f64 = 4e8;

/// A device's probability of decoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Success {
    /// Probability that a fragment is lost.
    pub loss: f64,
    /// The estimate.
    pub probability: f64,
    /// Ends of its 95 % interval; the estimate itself where it is exact.
    pub interval: (f64, f64),
    /// Where it comes from.
    pub method: Method,
    /// What random parity over GF(2) would reach.
    pub random_code: f64,
}

/// Where a probability comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// A formula that is exact for this code.
    Exact,
    /// So many devices with losses of their own, against the real parity rows.
    MonteCarlo {
        /// Devices that decoded.
        decoded: u64,
        /// Devices drawn.
        trials: u64,
    },
    /// The formula of the random code: such a session cannot exist, so it has no rows.
    RandomCode,
}

/// The probability that a device decodes `nb_frag` uncoded and `parity` parity fragments, each lost with
/// probability `loss` on its own.
#[must_use]
pub fn success(nb_frag: u64, parity: u64, loss: f64, version: PackageVersion) -> Success {
    let (m, r) = (u32::try_from(nb_frag).unwrap_or(u32::MAX), u32::try_from(parity).unwrap_or(u32::MAX));
    let random_code = random_code_success(m, r, loss);
    let certain = |probability, method| Success {
        loss,
        probability,
        interval: (probability, probability),
        method,
        random_code,
    };
    if loss <= 0.0 || parity == 0 {
        // Every uncoded fragment has to arrive, and that is enough.
        return certain((1.0 - loss).powf(f64::from(m)), Method::Exact);
    }
    let session = u16::try_from(nb_frag).ok().zip(u16::try_from(parity).ok());
    let session =
        session.and_then(|(m, r)| Geometry::from_session(m, 1, 0).ok().map(|geometry| (geometry, r)));
    match session.filter(|(geometry, r)| *r <= fuota_fec::max_parity(geometry.nb_frag())) {
        None => certain(random_code, Method::RandomCode),
        Some((geometry, parity)) => {
            let columns = ParityColumns::new(geometry, parity_rule(version), parity);
            let trials = trials(geometry.nb_frag(), parity, loss);
            let fragments = u32::from(geometry.nb_frag()) + u32::from(parity);
            let decoded = monte_carlo(&columns, fragments, loss, trials);
            let probability = decoded as f64 / trials as f64;
            let method = Method::MonteCarlo { decoded, trials };
            Success { loss, probability, interval: wilson(decoded, trials), method, random_code }
        }
    }
}

/// As many devices as the budget allows: each costs its draws and an elimination.
fn trials(nb_frag: u16, parity: u16, loss: f64) -> u64 {
    let (m, r) = (f64::from(nb_frag), f64::from(parity));
    let lost = m * loss;
    let each = 8.0 * (m + r) + lost * lost / 2.0 * (r / 64.0 + 1.0);
    // The cast truncates a positive number of moderate size.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let affordable = (BUDGET / each) as u64;
    affordable.clamp(TRIALS.0, TRIALS.1)
}

/// How many of `trials` devices decode.
fn monte_carlo(columns: &ParityColumns, fragments: u32, loss: f64, trials: u64) -> u64 {
    let chance = Chance::new(loss);
    let trials = u32::try_from(trials).unwrap_or(u32::MAX);
    let decodes = |scratch: &mut (RankScratch, Vec<u64>), device: u32| {
        let (scratch, lost) = scratch;
        let mut draws = Draws::new(SEED, device, Stream::Multicast);
        lost.clear();
        lost.resize(columns.lost_words(), 0);
        for n in 0..fragments {
            if let Some(word) = lost.get_mut(n as usize / 64) {
                *word |= u64::from(draws.happens(chance)) << (n % 64);
            }
        }
        u64::from(columns.complete_at(lost, scratch).is_some())
    };
    (0..trials).into_par_iter().map_init(Default::default, decodes).sum()
}
