//! The compact device against the session that firmware runs.

use std::sync::atomic::AtomicBool;

use fuota_engine::campaign::spec::{PackageVersion, Redundancy};
use fuota_engine::config::Config;
use fuota_engine::percent::Percent;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::{prop_assert_eq, proptest};

use super::*;
use crate::code::Code;
use crate::scenario::{DeviceGroup, GatewaySpec, Link, Outage};
use crate::world::World;

fn links() -> impl Strategy<Value = Link> {
    prop_oneof![
        (0.0..0.6).prop_map(|loss| Link::Independent { loss }),
        (1.0..4.0, 2.0..20.0).prop_map(|(alpha, beta)| Link::Beta { alpha, beta }),
        (0.01..0.3, 0.1..0.9)
            .prop_map(|(good_to_bad, bad_to_good)| Link::GilbertElliott { good_to_bad, bad_to_good }),
    ]
}

/// A fleet whose set-up always succeeds, so that both ways begin the transfer alike.
fn scenario(link: Link, redundancy: u32, version: PackageVersion, seed: u64, outage: bool) -> Scenario {
    let group = |name: &str, downlink| DeviceGroup {
        name: name.into(),
        devices: 12,
        downlink,
        uplink: Link::Independent { loss: 0.0 },
        uplink_period: std::time::Duration::from_secs(60),
        ..DeviceGroup::default()
    };
    let mut config = Config::default();
    config.fsize = Some(20);
    config.msg_retries = 100;
    config.success_threshold = Percent::whole(0);
    let outages =
        if outage { vec![Outage::Fragments(Percent::whole(30), Percent::whole(50))] } else { Vec::new() };
    Scenario {
        image: (0..=u8::MAX).cycle().take(1_330).collect(),
        fleet: vec![group("any", link), group("tenth", Link::Independent { loss: 0.1 })],
        gateways: vec![
            GatewaySpec { outages, ..GatewaySpec::default() },
            GatewaySpec { coverage: 0.5, ..GatewaySpec::default() },
        ],
        redundancy: Redundancy::Fec(Percent::whole(redundancy)),
        package_version: version,
        max_duration: std::time::Duration::from_secs(100 * 86_400),
        config,
        seed,
        ..Scenario::default()
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]

    /// A device that is bits and ranks holds the block exactly when the full session, fed with the same frames
    /// octet by octet, does.
    #[test]
    fn rank_only_devices_hold_what_full_sessions_hold(
        link in links(),
        redundancy in 0..120_u32,
        is_v2 in any::<bool>(),
        seed in any::<u64>(),
        outage in any::<bool>(),
    ) {
        let version = if is_v2 { PackageVersion::V2 } else { PackageVersion::V1 };
        let scenario = scenario(link, redundancy, version, seed, outage);
        let ranks = transfer(&scenario, NonZero::new(1)).unwrap();
        let full = World::new(&scenario).unwrap().run(&mut (), &AtomicBool::new(false)).unwrap();
        let took_part = |device: &&(Held, &crate::record::DeviceRecord)| device.1.fragments_received > 0;
        let both: Vec<_> = ranks.devices.iter().copied().zip(&full.devices).collect();
        for (held, device) in both.iter().filter(took_part) {
            prop_assert_eq!(held.complete_at.is_some(), device.holds_block, "{:?}", device.report.dev_eui);
            // A session counts no further once it is complete.
            if held.complete_at.is_none() {
                prop_assert_eq!(u32::from(held.received), device.fragments_received);
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let mut scenario = scenario(Link::Beta { alpha: 2.0, beta: 18.0 }, 30, PackageVersion::V1, 7, true);
    scenario.set_devices(20_000);
    let on = |threads| transfer(&scenario, NonZero::new(threads)).unwrap();
    let one = on(1);
    assert_eq!(one, on(2));
    assert!(one.complete() > 1_000 && one.complete() < 19_999, "{}", one.complete());
}

/// In a fleet of one kind with independent losses the share of complete devices is that of the random code.
#[test]
fn success_lies_within_the_99_percent_interval_of_theory() {
    // No multiple of 32: those are known to be worse.
    for (image_len, redundancy, loss) in [(51_200, 12, 0.1), (51_200, 25, 0.2), (24_139, 60, 0.3)] {
        let mut config = Config::default();
        config.fsize = Some(239);
        let group =
            DeviceGroup { devices: 20_000, downlink: Link::Independent { loss }, ..DeviceGroup::default() };
        let scenario = Scenario {
            image: vec![0; image_len],
            fleet: vec![group],
            redundancy: Redundancy::Fec(Percent::whole(redundancy)),
            package_version: PackageVersion::V2,
            config,
            ..Scenario::default()
        };
        let record = transfer(&scenario, None).unwrap();
        let theory =
            crate::theory::random_code_success(record.nb_frag().into(), record.parity().into(), loss);
        let (low, high) = crate::theory::wilson_at(record.complete().into(), 20_000, 2.576);
        assert!((low..=high).contains(&theory), "{} {theory} {low} {high}", record.nb_frag());
    }
}

/// With the same seed a device loses the same fragments however many are sent and whatever they are made of.
#[test]
fn codes_and_redundancies_are_compared_on_the_same_losses() {
    let with = |redundancy, code| {
        let link = Link::Beta { alpha: 2.0, beta: 18.0 };
        let mut scenario = scenario(link, redundancy, PackageVersion::V1, 5, false);
        scenario.set_devices(2_000);
        scenario.code = code;
        transfer(&scenario, None).unwrap()
    };
    let (few, many) = (with(10, None), with(60, None));
    let sent = few.nb_frag() + few.parity();
    for (few, many) in few.devices.iter().zip(&many.devices) {
        assert_eq!(few.complete_at, many.complete_at.filter(|at| at.get() <= sent));
    }
    let any_m = with(60, Some(Code::Rs));
    for (own, any_m) in many.devices.iter().zip(&any_m.devices) {
        assert_eq!(own.received, any_m.received);
        assert!(own.complete_at.is_none_or(|at| any_m.complete_at.is_some_and(|first| first <= at)));
    }
    assert!(few.complete() < many.complete() && many.complete() < any_m.complete());
}
