//! Gateways, the radio's side effects, and the way from gateway to campaign.

use std::time::Duration;

use fuota_engine::percent::Percent;

/// One gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewaySpec {
    /// Share of the devices in its reach, drawn for each; a device that no gateway reaches gets the first.
    pub coverage: f64,
    /// When it is off.
    pub outages: Vec<Outage>,
    /// It also fails by chance.
    pub on_off: Option<OnOff>,
}

/// A time when a gateway is off.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outage {
    /// While these shares of the first round's fragments are on air: more than the first, up to the second.
    Fragments(Percent, Percent),
    /// From so long after the start of the campaign to so long after it.
    Time(Duration, Duration),
}

/// A gateway that fails by chance: exponential times between failures and to repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnOff {
    /// Mean time that it works.
    pub mean_up: Duration,
    /// Mean time that it does not.
    pub mean_down: Duration,
}

impl Default for GatewaySpec {
    /// Reaches everybody and never fails.
    fn default() -> Self {
        Self { coverage: 1.0, outages: Vec::new(), on_off: None }
    }
}

/// What the radio does beside losing frames; by default nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RadioEffects {
    /// Uplinks that overlap on the same channel destroy each other.
    pub collisions: bool,
    /// Unless one is stronger than every other by so many dB.
    pub capture_db: Option<f64>,
    /// Gateways are deaf while they transmit, and devices too.
    pub half_duplex: bool,
    /// Probability that a device misses a beacon.
    pub beacon_loss: f64,
    /// Times after the start of the campaign when no beacon is sent.
    pub beacon_outages: Vec<(Duration, Duration)>,
}

/// What happens to uplinks between gateway and campaign; by default nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backhaul {
    /// How often each uplink arrives.
    pub copies: u8,
    /// How late each copy may be, uniformly.
    pub delay: Duration,
    /// Probability that an answer arrives once more, much later.
    pub stale: f64,
    /// How much later, uniformly.
    pub stale_delay: Duration,
}

impl Default for Backhaul {
    fn default() -> Self {
        Self { copies: 1, delay: Duration::ZERO, stale: 0.0, stale_delay: Duration::ZERO }
    }
}

impl Outage {
    /// Whether it covers fragment `number` (counted from 1) of `planned`, on air `since_start` of the campaign.
    #[must_use]
    pub fn covers(self, number: u32, planned: u32, since_start: Duration) -> bool {
        match self {
            Self::Fragments(from, to) => {
                from.exceeded_by(number, planned) && !to.exceeded_by(number, planned)
            }
            Self::Time(from, to) => (from..to).contains(&since_start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_of_fragments_counts_those_of_the_first_round() {
        let outage = Outage::Fragments(Percent::whole(40), Percent::whole(55));
        let dead = (1..=472).filter(|&number| outage.covers(number, 472, Duration::ZERO)).count();
        assert_eq!(dead, 71, "188.8 to 259.6: 189 … 259");
        assert!(!outage.covers(600, 472, Duration::ZERO), "later rounds are spared");
        let minutes = |m: u64| Duration::from_secs(60 * m);
        let timed = Outage::Time(minutes(5), minutes(10));
        assert!(timed.covers(0, 0, minutes(5)) && !timed.covers(0, 0, minutes(10)));
    }
}
