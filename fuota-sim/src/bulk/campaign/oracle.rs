//! What the same fleet would have taken from a sender that knows every loss, from fixed parity and from rounds.

use fuota_engine::campaign::plan::{Block, Plan};

use super::fleet::{Bits, block};
use crate::scenario::Scenario;
use crate::world::{START, SimError, spec};

/// What a fleet takes, by the number of fragments sent in order.
#[derive(Clone, Debug)]
pub struct Reference {
    /// With how many fragments so many devices are complete, one more with each entry; those that never are left out.
    complete_at: Vec<u16>,
    devices: usize,
    /// How the image is cut and paced.
    pub block: Block,
}

impl Reference {
    /// Fragments after which `share` of the devices, rounded up, are complete; `None` if they never are.
    #[must_use]
    pub fn fragments_for(&self, share: f64) -> Option<u16> {
        // A share of a fleet is far below 2^53.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let devices = (share * self.devices as f64).ceil() as usize;
        self.complete_at.get(devices.saturating_sub(1)).copied()
    }

    /// Share of the devices that are complete after so many fragments.
    #[must_use]
    pub fn share_after(&self, fragments: u16) -> f64 {
        let complete = self.complete_at.partition_point(|at| *at <= fragments);
        complete as f64 / self.devices.max(1) as f64
    }
}

/// Sends up to `most` fragments to the scenario's fleet, parity in order, and nothing else.
///
/// # Errors
/// [`SimError::Plan`] for a campaign that cannot be carried out, [`SimError::NotInTransfer`] for one without fragments.
pub fn reference(scenario: &Scenario, most: u16) -> Result<Reference, SimError> {
    let Some(block) = block(&Plan::new(spec(scenario))?) else {
        return Err(SimError::NotInTransfer { what: "set-up alone" });
    };
    let mut bits = Bits::new(scenario, block, most);
    for n in 0..u32::from(most) {
        bits.fragment(START + block.gap * n);
    }
    let mut complete_at: Vec<_> =
        (0..scenario.devices()).filter_map(|device| bits.complete_at(device)).collect();
    complete_at.sort_unstable();
    Ok(Reference { complete_at, devices: scenario.devices() as usize, block })
}

/// What rounds of the uncoded fragments come to, for each device.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// The round with which it has all of them; `None` if it never has.
    pub complete_in: Vec<Option<u32>>,
    /// How the image is cut and paced.
    pub block: Block,
}

/// Sends the uncoded fragments `most` times to the scenario's fleet, in order and without pause.
///
/// # Errors
/// [`SimError::Plan`] for a campaign that cannot be carried out, [`SimError::NotInTransfer`] for one without fragments.
pub fn rounds(scenario: &Scenario, most: u16) -> Result<Rounds, SimError> {
    let Some(block) = block(&Plan::new(spec(scenario))?) else {
        return Err(SimError::NotInTransfer { what: "set-up alone" });
    };
    let nb_frag = block.geometry.nb_frag();
    let mut bits = Bits::new(scenario, block, nb_frag);
    for n in 0..u32::from(most) * u32::from(nb_frag) {
        bits.fragment(START + block.gap * n);
    }
    let complete_in = (0..scenario.devices()).map(|device| bits.complete_in_round(device)).collect();
    Ok(Rounds { complete_in, block })
}
