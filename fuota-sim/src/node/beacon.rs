//! A class B device follows beacons; without them it goes on for a while, in ever wider windows.

use std::time::Duration;

use fuota_engine::time::GpsInstant;
use fuota_proto::GpsSeconds;

use super::plight::Plight;
use crate::rng::{Chance, Resting};
use crate::scenario::RadioEffects;
use crate::world::START;

/// How long a device goes on without a beacon before it falls back to class A (LoRaWAN 1.0.3 §10).
const BEACONLESS: Duration = Duration::from_secs(120 * 60);

/// Which beacons a device heard.
#[derive(Debug)]
pub(super) struct Beacons {
    /// The last that it heard.
    heard: GpsInstant,
    /// The next that is sent.
    next: GpsInstant,
    draws: Resting,
}

impl Beacons {
    /// Of a session that opens now: it opens only for those who follow the beacon.
    pub(super) fn new(now: GpsInstant, plight: &Plight) -> Self {
        let period = u64::from(GpsSeconds::BEACON_PERIOD_S);
        let next = GpsInstant::from_secs(now.as_secs() / period * period + period);
        Self { heard: now, next, draws: plight.beacons() }
    }

    /// Whether the device listens in its ping slots at this moment: it has heard one of the beacons of the last two
    /// hours. A beacon that is heard later brings it back.
    pub(super) fn still_followed(&mut self, now: GpsInstant, radio: &RadioEffects) -> bool {
        let Self { heard, next, draws } = self;
        let loss = Chance::new(radio.beacon_loss);
        if *next <= now {
            draws.draw(|draws| {
                while *next <= now {
                    let since_start = next.since(START);
                    let missing =
                        radio.beacon_outages.iter().any(|(from, to)| (*from..*to).contains(&since_start));
                    if !draws.happens(loss) && !missing {
                        *heard = *next;
                    }
                    *next += Duration::from_secs(GpsSeconds::BEACON_PERIOD_S.into());
                }
            });
        }
        now.since(*heard) <= BEACONLESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Pace;
    use crate::rng::{Draws, Stream};
    use crate::scenario::{DeviceGroup, Scenario};

    fn beacons() -> Beacons {
        let (mut draws, pace) = (Draws::new(1, 0, Stream::Fate), Pace::default());
        let plight = Plight::new(&Scenario::default(), &DeviceGroup::default(), 0, pace, &mut draws);
        Beacons::new(START, &plight)
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    #[test]
    fn a_device_gives_up_two_hours_after_its_last_beacon_and_comes_back_with_the_next() {
        let outage = (minutes(30), minutes(160));
        let radio = RadioEffects { beacon_outages: vec![outage], ..RadioEffects::default() };
        let mut beacons = beacons();
        for (minute, listens) in
            [(29, true), (100, true), (148, true), (151, false), (159, false), (163, true)]
        {
            assert_eq!(beacons.still_followed(START + minutes(minute), &radio), listens, "minute {minute}");
        }
    }

    #[test]
    fn a_beacon_missed_now_and_then_does_no_harm() {
        let radio = RadioEffects { beacon_loss: 0.1, ..RadioEffects::default() };
        let mut beacons = beacons();
        assert!((0..2000).all(|minute| beacons.still_followed(START + minutes(minute), &radio)));
        let never = RadioEffects { beacon_loss: 1.0, ..RadioEffects::default() };
        assert!(!beacons.still_followed(START + minutes(2000) + BEACONLESS, &never));
    }
}
