//! Uplinks on air: who destroys whom, and which gateway is deaf to them.

use fuota_engine::time::GpsInstant;

use crate::node::{Node, bit};
use crate::scenario::RadioEffects;

/// The uplinks that are on air now.
#[derive(Debug, Default)]
pub(super) struct Flights {
    up: Vec<Flight>,
}

/// One uplink on air.
#[derive(Clone, Copy, Debug)]
struct Flight {
    device: u32,
    channel: u8,
    ends: GpsInstant,
    /// The gateways at which it is lost, one bit each.
    ruined: u64,
}

impl Flights {
    /// An uplink begins. `deaf` are the gateways that transmit just now.
    pub(super) fn begin(
        &mut self,
        (now, ends): (GpsInstant, GpsInstant),
        (device, channel): (u32, u8),
        deaf: u64,
        nodes: &[Node],
        radio: &RadioEffects,
    ) {
        let mut flight = Flight { device, channel, ends, ruined: if radio.half_duplex { deaf } else { 0 } };
        if radio.collisions {
            let same = |other: &&mut Flight| other.channel == channel && other.ends > now;
            for other in self.up.iter_mut().filter(same) {
                collide(&mut flight, other, nodes, radio.capture_db);
            }
        }
        self.up.push(flight);
    }

    /// Gateways begin to transmit, and hear nothing of what is on air.
    pub(super) fn deafen(&mut self, gateways: u64) {
        for flight in &mut self.up {
            flight.ruined |= gateways;
        }
    }

    /// A device's uplink ends. The gateways at which it is lost.
    pub(super) fn end(&mut self, device: u32) -> u64 {
        match self.up.iter().position(|flight| flight.device == device) {
            Some(at) => self.up.swap_remove(at).ruined,
            None => 0,
        }
    }
}

/// Two uplinks overlap on a channel: at each gateway that both reach, both are lost, unless one is stronger by
/// `capture` dB.
fn collide(one: &mut Flight, other: &mut Flight, nodes: &[Node], capture: Option<f64>) {
    let air = |flight: &Flight| nodes.get(flight.device as usize).map(|node| &node.air);
    let (Some(a), Some(b)) = (air(one), air(other)) else { return };
    let both = a.gateways() & b.gateways();
    for gateway in (0..64).filter(|&gateway| both & bit(gateway) != 0) {
        let lead = a.rssi_dbm(gateway).zip(b.rssi_dbm(gateway)).map(|(a, b)| a - b);
        let wins = |lead: f64| capture.is_some_and(|needed| lead >= needed);
        if !lead.is_some_and(wins) {
            one.ruined |= bit(gateway);
        }
        if !lead.is_some_and(|lead| wins(-lead)) {
            other.ruined |= bit(gateway);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fuota_engine::airtime::Modulation;

    use super::*;
    use crate::rng::{Draws, Stream};
    use crate::scenario::{DeviceGroup, Link, PathLoss, Scenario};
    use crate::theory::wilson_at;
    use crate::world::{START, World};

    /// How many of `devices` uplinks of 18 octets at SF10 survive that begin anywhere within the window, on three
    /// channels.
    fn survivors(devices: u32, exponent: u32, link: &Link, capture_db: Option<f64>) -> (u64, Duration) {
        let group = DeviceGroup { devices, uplink: link.clone(), ..DeviceGroup::default() };
        let mut scenario = Scenario { image: vec![0], fleet: vec![group], ..Scenario::default() };
        scenario.radio = RadioEffects { collisions: true, capture_db, ..RadioEffects::default() };
        let nodes = World::new(&scenario).unwrap().nodes;
        let airtime = Modulation { spreading_factor: 10, bandwidth_khz: 125 }.frame(18, true);
        let window = Duration::from_secs(16 << exponent);
        let mut moments = Vec::new();
        for device in 0..devices {
            let mut draws = Draws::new(1, device, Stream::Device);
            let begins = START + draws.within(window);
            let channel = u8::try_from(draws.below(3)).unwrap();
            moments.push((begins, true, device, channel));
            moments.push((begins + airtime, false, device, channel));
        }
        moments.sort_unstable();
        let (mut flights, mut survived) = (Flights::default(), 0);
        for (now, begins, device, channel) in moments {
            if begins {
                flights.begin((now, now + airtime), (device, channel), 0, &nodes, &scenario.radio);
            } else {
                survived += u64::from(flights.end(device) == 0);
            }
        }
        (survived, airtime)
    }

    /// P(success) = exp(-2 · devices · ToA / (W · channels)).
    #[test]
    fn answers_collide_as_aloha_has_it() {
        let link = Link::Independent { loss: 0.0 };
        for (devices, exponent, published) in [(1_000, 4, 0.424), (1_000, 7, 0.898), (10_000, 7, 0.342)] {
            let (survived, airtime) = survivors(devices, exponent, &link, None);
            assert_eq!(airtime, Duration::from_micros(329_728));
            let window = f64::from(16_u32 << exponent);
            let expected = (-2.0 * f64::from(devices) * airtime.as_secs_f64() / (window * 3.0)).exp();
            assert!((expected - published).abs() < 0.001, "{expected}");
            let (low, high) = wilson_at(survived, devices.into(), 2.576);
            assert!((low..=high).contains(&expected), "{devices} {exponent}: {survived}, {expected}");
        }
        assert_eq!(survivors(1_000, 0, &link, None).0, 0, "nobody gets through sixteen seconds");
    }

    #[test]
    fn the_stronger_of_two_is_captured() {
        let link = Link::PathLoss(PathLoss { fading_db: 0.0, ..PathLoss::default() });
        let (without, _) = survivors(1_000, 4, &link, None);
        let (with, _) = survivors(1_000, 4, &link, Some(6.0));
        assert!(with > without + 100, "{with} with capture, {without} without");
    }

    #[test]
    fn a_gateway_that_transmits_hears_nothing() {
        let scenario = Scenario { image: vec![0], ..Scenario::default() };
        let nodes = World::new(&scenario).unwrap().nodes;
        let radio = RadioEffects { half_duplex: true, ..RadioEffects::default() };
        let mut flights = Flights::default();
        let frame = (START, START + Duration::from_secs(1));
        flights.begin(frame, (0, 0), 0, &nodes, &radio);
        flights.begin(frame, (1, 0), bit(0), &nodes, &radio);
        assert_eq!((flights.end(0), flights.end(1)), (0, bit(0)));
        flights.begin(frame, (2, 0), 0, &nodes, &radio);
        flights.deafen(bit(0));
        assert_eq!(flights.end(2), bit(0), "it began to transmit meanwhile");
    }
}
