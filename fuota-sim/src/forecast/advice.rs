//! What would serve better: a search over data rates, classes, fragment sizes and parity.

use std::time::Duration;

use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::plan::{DATA_FRAGMENT_OVERHEAD, PlanError};
use fuota_fec::Geometry;
use fuota_fec::structure::pick_frag_size;
use fuota_proto::{DataRate, PingSlotPeriodicity};

use super::success::{Success, success};
use super::{Forecast, Parity, Question, forecast};
use crate::theory::random_code_success;

/// What a recommended campaign reaches: the share of devices that decode without anything sent again.
pub const TARGET: f64 = 0.99;
/// Most parity that is considered, in fragments per uncoded fragment.
const MOST_PARITY: u32 = 3;
/// Times that parity is added when the real rows fall short of the random code.
const CORRECTIONS: u32 = 12;

/// What shall be least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Objective {
    /// Time on air of all fragments.
    Airtime,
    /// Set-up, transfer and poll.
    Duration,
    /// What the campaign costs a device's battery.
    Energy,
}

/// The best that was found.
#[derive(Clone, Debug)]
pub struct Advice {
    /// The data rate.
    pub data_rate: DataRate,
    /// How devices listen.
    pub class: SessionClass,
    /// What it would take.
    pub forecast: Forecast,
    /// How likely a device is to decode.
    pub success: Success,
}

/// The campaign that takes the least of `objective` and lets [`TARGET`] of the devices decode; `None` if nothing fits.
///
/// The loss is taken to be the same at every data rate: how much farther slow frames carry is the operator's
/// knowledge, and data rates that don't reach the fleet are theirs to rule out.
///
/// # Errors
/// Those of [`forecast`].
pub fn advise(question: &Question, objective: Objective) -> Result<Option<Advice>, PlanError> {
    let periodicity = match question.class {
        SessionClass::B { periodicity } => periodicity,
        SessionClass::C => PingSlotPeriodicity::MIN,
    };
    let mut best: Option<(f64, Question, Forecast)> = None;
    for data_rate in question.region.downlink_data_rates() {
        for class in [SessionClass::C, SessionClass::B { periodicity }] {
            for frag_size in frag_sizes(question, data_rate) {
                let nb_frag = question.image_len.div_ceil(frag_size.into());
                let Ok(nb_frag) = u32::try_from(nb_frag) else { continue };
                let mut candidate =
                    Question { data_rate, class, frag_size: Some(frag_size), ..question.clone() };
                let Some(parity) = least_parity(nb_frag, question.loss) else { continue };
                candidate.parity = Parity::Fragments(parity);
                let found = forecast(&candidate)?;
                let cost = cost(&candidate, &found, objective);
                if found.reasons.is_empty() && best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                    best = Some((cost, candidate, found));
                }
            }
        }
    }
    best.map(|(_, question, _)| with_real_rows(question)).transpose()
}

/// The longest fragment that fits, and the one whose number of fragments makes the best parity.
fn frag_sizes(question: &Question, data_rate: DataRate) -> Vec<u8> {
    let Some(rate) = question.region.downlink(data_rate) else { return Vec::new() };
    let longest = rate.max_payload.saturating_sub(DATA_FRAGMENT_OVERHEAD);
    let picked = pick_frag_size(question.image_len, longest, question.loss).ok();
    let mut sizes: Vec<_> = picked.map(Geometry::frag_size).into_iter().chain([longest]).collect();
    sizes.dedup();
    sizes
}

/// The fewest parity fragments with which random parity reaches the target.
fn least_parity(nb_frag: u32, loss: f64) -> Option<u32> {
    let reaches = |parity| random_code_success(nb_frag, parity, loss) >= TARGET;
    let (mut short, mut enough) = (0, nb_frag.saturating_mul(MOST_PARITY).saturating_add(16));
    if reaches(0) {
        return Some(0);
    }
    if !reaches(enough) {
        return None;
    }
    while enough - short > 1 {
        let middle = short.midpoint(enough);
        if reaches(middle) {
            enough = middle;
        } else {
            short = middle;
        }
    }
    Some(enough)
}

fn cost(question: &Question, forecast: &Forecast, objective: Objective) -> f64 {
    let seconds = |time: Duration| time.as_secs_f64();
    match objective {
        Objective::Airtime => seconds(forecast.airtime),
        Objective::Duration => seconds(forecast.duration()),
        Objective::Energy => forecast.joules(&question.profile),
    }
}

/// The real rows need a little more than the formula says.
fn with_real_rows(mut question: Question) -> Result<Advice, PlanError> {
    let mut corrections = 0;
    loop {
        let found = forecast(&question)?;
        let success = success(found.nb_frag, found.parity, question.loss, question.version);
        if success.probability >= TARGET || corrections == CORRECTIONS {
            let Question { data_rate, class, .. } = question;
            return Ok(Advice { data_rate, class, forecast: found, success });
        }
        corrections += 1;
        let more = found.parity + found.parity.div_ceil(50).max(1);
        question.parity = Parity::Fragments(u32::try_from(more).unwrap_or(u32::MAX));
    }
}
