//! How the image is cut into fragments, and how much parity goes with them.

use fuota_fec::structure::{Weakness, pick_frag_size_in_steps, weaknesses};
use fuota_fec::{Geometry, ParityRule};

use super::MAX_FRAGMENTS;
use super::error::{PlanError, Remedy};
use crate::campaign::spec::{CampaignSpec, Redundancy};

/// The image in fragments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) geometry: Geometry,
    /// Parity fragments of the first round, R.
    pub(super) parity: u16,
    /// What was found about the number of fragments.
    pub(super) finding: Option<Finding>,
}

/// Parity is weak for some numbers of fragments.
#[derive(Clone, Copy, Debug)]
pub(super) enum Finding {
    /// The longest fragments would make this number; another was chosen.
    Avoided(u16),
    /// It could not be avoided, or the operator wants it so.
    Weak {
        weakness: Weakness,
        /// Octets per fragment that would avoid it.
        better: Option<u8>,
    },
}

/// Cuts the image for a group whose frames and devices carry fragments of up to `max_size` octets, and whose devices
/// take at most so many: as configured, or as long as possible unless parity is weak for their number then.
pub(super) fn cut(
    spec: &CampaignSpec,
    redundancy: Redundancy,
    max_size: u8,
    most_fragments: u16,
) -> Result<Cut, PlanError> {
    let size = frag_size(spec, max_size)?;
    let (geometry, parity) = fragments(spec, redundancy, size, max_size)?;
    // The adaptive policy sends parity even if it expects to need none.
    let sends_parity = parity > 0 || redundancy == Redundancy::Adaptive;
    let Some(weakness) = weakness(geometry.nb_frag()).filter(|_| sends_parity) else {
        return Ok(Cut { geometry, parity, finding: None });
    };
    // The losses that this much parity is meant for.
    let loss = f64::from(parity) / f64::from(geometry.nb_frag() + parity);
    let step = spec.config.fsize_optimization.max(1);
    let better = pick_frag_size_in_steps(spec.image.len(), max_size, loss, step)
        .ok()
        .filter(|better| self::weakness(better.nb_frag()).is_none() && better.nb_frag() <= most_fragments)
        .and_then(|better| fragments(spec, redundancy, better.frag_size(), max_size).ok());
    Ok(match better {
        Some((better, parity)) if spec.config.fsize.is_none() => {
            Cut { geometry: better, parity, finding: Some(Finding::Avoided(geometry.nb_frag())) }
        }
        _ => {
            let better = better.map(|(better, _)| better.frag_size());
            Cut { geometry, parity, finding: Some(Finding::Weak { weakness, better }) }
        }
    })
}

/// What makes parity fail some devices however much of it is sent, for so many fragments. Both parity rules share it.
fn weakness(nb_frag: u16) -> Option<Weakness> {
    weaknesses(ParityRule::V1, nb_frag).find(|weakness| {
        matches!(weakness, Weakness::NoParity | Weakness::Copies | Weakness::Twins | Weakness::NearTwins)
    })
}

/// Octets per fragment: as configured, or as many as a frame carries.
fn frag_size(spec: &CampaignSpec, max: u8) -> Result<u8, PlanError> {
    let size = spec.config.fsize.unwrap_or(max);
    if size == 0 || size > max {
        return Err(PlanError::FragSize { frag_size: size, max });
    }
    match spec.config.fsize_optimization {
        0 => Ok(size),
        multiple if size < multiple => Err(PlanError::FragSizeRounding { frag_size: size, multiple }),
        multiple => Ok(size - size % multiple),
    }
}

/// Cuts the image into fragments and counts the parity; both together have 14-bit numbers.
fn fragments(
    spec: &CampaignSpec,
    redundancy: Redundancy,
    frag_size: u8,
    max_size: u8,
) -> Result<(Geometry, u16), PlanError> {
    let nb_frag = |size: u8| u32::try_from(spec.image.len().div_ceil(usize::from(size))).unwrap_or(u32::MAX);
    let parity = |nb_frag: u32| parity(spec, redundancy, nb_frag);
    let fits = |size: u8| u64::from(nb_frag(size)) + parity(nb_frag(size)) <= u64::from(MAX_FRAGMENTS);
    let too_many = || {
        let multiple = spec.config.fsize_optimization.max(1);
        let remedy = match (frag_size..=max_size).find(|&size| size % multiple == 0 && fits(size)) {
            Some(size) => Remedy::FragSize(size),
            None => largest_image(spec, redundancy, MAX_FRAGMENTS, max_size),
        };
        let nb_frag = nb_frag(frag_size);
        PlanError::TooManyFragments { nb_frag, parity: parity(nb_frag), frag_size, remedy }
    };
    if !fits(frag_size) {
        return Err(too_many());
    }
    let geometry = Geometry::new(spec.image.len(), frag_size).map_err(|_| too_many())?;
    let parity = u16::try_from(parity(u32::from(geometry.nb_frag()))).map_err(|_| too_many())?;
    Ok((geometry, parity))
}

/// Parity fragments for `nb_frag` uncoded ones.
fn parity(spec: &CampaignSpec, redundancy: Redundancy, nb_frag: u32) -> u64 {
    match redundancy {
        Redundancy::Fec(share) => {
            let most = spec.config.frag_redundancy_max.map_or(u64::MAX, u64::from);
            share.of_ceil(nb_frag).min(most)
        }
        Redundancy::Adaptive => {
            let most = spec.config.frag_redundancy_max.map_or(u64::MAX, u64::from);
            spec.config.expected_loss.of_rest_ceil(nb_frag).min(most)
        }
        Redundancy::Rounds => 0,
    }
}

/// Parity fragments that the adaptive policy may send in all, `first` of them in the first batch: as the operator allows,
/// and as their numbers can tell apart.
pub(super) fn most_parity(spec: &CampaignSpec, nb_frag: u16, first: u16) -> u16 {
    let expected = u32::from(nb_frag) + u32::from(first);
    let over = expected * u32::from(spec.config.adaptive_excess_max) / 100;
    let numbered = MAX_FRAGMENTS - u32::from(nb_frag);
    let most = u32::from(spec.config.frag_redundancy_max.unwrap_or(u16::MAX));
    let most = (u32::from(first) + over).min(numbered).min(most);
    u16::try_from(most).unwrap_or(u16::MAX).max(first)
}

/// The largest image whose fragments and parity are at most `frames`.
pub(super) fn largest_image(
    spec: &CampaignSpec,
    redundancy: Redundancy,
    frames: u32,
    frag_size: u8,
) -> Remedy {
    let fits = |nb_frag: u32| u64::from(nb_frag) + parity(spec, redundancy, nb_frag) <= u64::from(frames);
    // Parity grows with the fragments, so the largest that fits is found by bisection.
    let (mut low, mut high) = (0, frames + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) { low = middle } else { high = middle }
    }
    match usize::try_from(low) {
        Ok(nb_frag) if nb_frag > 0 => Remedy::LargestImage(nb_frag * usize::from(frag_size)),
        _ => Remedy::Nothing,
    }
}
