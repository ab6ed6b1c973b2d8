//! The radio links that policies are compared on.

use fuota_engine::percent::Percent;
use fuota_sim::scenario::{GatewaySpec, Link, Outage};

/// A radio link, and the gateways around it.
pub(crate) struct Channel {
    pub(crate) name: &'static str,
    pub(crate) link: Link,
    /// Whether one of two gateways is off while 40 to 55 % of the fragments are on air.
    pub(crate) outage: bool,
}

/// Independent losses, losses that differ from device to device, bursts on the ground and in the air, and an outage.
pub(super) fn channels() -> [Channel; 6] {
    let channel = |name, link| Channel { name, link, outage: false };
    let bursts = |good_to_bad, bad_to_good| Link::GilbertElliott { good_to_bad, bad_to_good };
    [
        channel("iid 10 %", Link::Independent { loss: 0.1 }),
        channel("iid 20 %", Link::Independent { loss: 0.2 }),
        channel("Beta(2, 18)", Link::Beta { alpha: 2.0, beta: 18.0 }),
        channel("GE(.0138, .195)", bursts(0.0138, 0.195)),
        channel("GE(.324, .562)", bursts(0.324, 0.562)),
        Channel { name: "gateway outage", link: Link::Independent { loss: 0.05 }, outage: true },
    ]
}

impl Channel {
    pub(super) fn gateways(&self) -> Vec<GatewaySpec> {
        if !self.outage {
            return vec![GatewaySpec::default()];
        }
        let off = Outage::Fragments(Percent::whole(40), Percent::whole(55));
        // Each of them reaches seven in ten devices.
        let gateway = |outages| GatewaySpec { coverage: 0.7, outages, ..GatewaySpec::default() };
        vec![gateway(vec![off]), gateway(Vec::new())]
    }
}
