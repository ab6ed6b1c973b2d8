//! Which gateways work at a moment.

use std::time::Duration;

use fuota_engine::time::GpsInstant;
use rand_distr::{Distribution as _, Exp1};

use super::START;
use crate::node::bit;
use crate::rng::{Draws, Stream};
use crate::scenario::{GatewaySpec, OnOff, Scenario};

/// The gateways' ups and downs.
#[derive(Debug)]
pub(crate) struct Gateways {
    all: Vec<Gateway>,
    /// Fragments of the first round.
    planned: u32,
}

#[derive(Debug)]
struct Gateway {
    spec: GatewaySpec,
    draws: Draws,
    /// Whether chance lets it work.
    up: bool,
    turns_at: GpsInstant,
}

impl Gateways {
    pub(crate) fn new(scenario: &Scenario, planned: u32) -> Self {
        let gateway = |(number, spec): (u32, &GatewaySpec)| {
            let draws = Draws::new(scenario.seed, number, Stream::Gateway);
            let mut gateway = Gateway { spec: spec.clone(), draws, up: true, turns_at: GpsInstant::MAX };
            if let Some(on_off) = gateway.spec.on_off {
                gateway.turns_at = START + exponential(on_off.mean_up, &mut gateway.draws);
            }
            gateway
        };
        Self { all: (0..).zip(&scenario.gateways).map(gateway).collect(), planned }
    }

    /// The gateways that work now, one bit each, while fragment `number` is the last that was on air.
    pub(crate) fn alive(&mut self, now: GpsInstant, number: u32) -> u64 {
        let planned = self.planned;
        let alive = self.all.iter_mut().enumerate().filter_map(|(gateway, state)| {
            state.turn(now);
            let since_start = now.since(START);
            let out = state.spec.outages.iter().any(|outage| outage.covers(number, planned, since_start));
            (state.up && !out).then_some(gateway)
        });
        alive.fold(0, |set, gateway| set | bit(gateway))
    }
}

impl Gateway {
    fn turn(&mut self, now: GpsInstant) {
        while let Some(OnOff { mean_up, mean_down }) = self.spec.on_off
            && self.turns_at <= now
        {
            self.up = !self.up;
            let mean = if self.up { mean_up } else { mean_down };
            self.turns_at += exponential(mean, &mut self.draws);
        }
    }
}

/// An exponentially distributed time, at least a microsecond so that time passes.
fn exponential(mean: Duration, draws: &mut Draws) -> Duration {
    let factor: f64 = Exp1.sample(draws.rng());
    mean.mul_f64(factor).max(Duration::from_micros(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_fails_by_chance_works_its_share_of_the_time() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let on_off = Some(OnOff { mean_up: minutes(90), mean_down: minutes(10) });
        let spec = GatewaySpec { on_off, ..GatewaySpec::default() };
        let scenario = Scenario { gateways: vec![spec, GatewaySpec::default()], ..Scenario::default() };
        let mut gateways = Gateways::new(&scenario, 100);
        let up = (0..200_000).filter(|&minute| gateways.alive(START + minutes(minute), 0) & 1 != 0).count();
        let share = up as f64 / 200_000.0;
        assert!((share - 0.9).abs() < 0.015, "{share}");
        assert_eq!(gateways.alive(START + minutes(200_000), 0) & 2, 2, "the other never fails");
    }
}
