//! Forecasts against published figures, formulas and the simulated campaign.

use std::sync::atomic::AtomicBool;

use fuota_proto::PingSlotPeriodicity;

use super::*;
use crate::scenario::{DeviceGroup, Scenario};
use crate::world::World;

fn question(image_len: usize, dr: u8, frag_size: u8, parity: u32) -> Question {
    Question {
        image_len,
        region: Region::Eu868,
        data_rate: DataRate::from_wire(dr),
        uplink_data_rate: DataRate::from_wire(5),
        frag_size: Some(frag_size),
        parity: Parity::Fragments(parity),
        class: SessionClass::C,
        duty: DutyCycle::one_in(10),
        framing: Framing::default(),
        version: PackageVersion::V1,
        devices: 1000,
        loss: 0.1,
        uplink_period: Duration::from_secs(600),
        profile: Profile::default(),
    }
}

#[test]
fn the_golden_data_phase_is_exact() {
    let forecast = forecast(&question(51_200, 5, 239, 0)).unwrap();
    assert_eq!((forecast.nb_frag, forecast.padding, forecast.frames()), (215, 185, 215));
    assert_eq!(forecast.time_on_air, Duration::from_micros(394_496));
    // 215 fragments, the last without the silence after it: 2141 times on air.
    assert_eq!(forecast.data_phase, Duration::from_micros(394_496) * 2141);
    assert!(forecast.reasons.is_empty());
}

#[test]
fn what_no_session_holds_still_has_its_figures() {
    let slow = forecast(&question(102_400, 0, 48, 214)).unwrap();
    assert_eq!((slow.nb_frag, slow.frames()), (2134, 2348));
    assert_eq!(slow.data_phase.as_millis(), 65_565_581);
    assert_eq!(slow.session_time_out, 15);
    assert!(slow.reasons[0].contains("3 sessions"), "{:?}", slow.reasons);

    let many = forecast(&question(1_000_000, 5, 8, 0)).unwrap();
    assert_eq!(many.nb_frag, 125_000);
    assert!(many.reasons[0].contains("125000 fragments cannot be numbered"), "{:?}", many.reasons);

    let long = forecast(&question(10_000, 0, 100, 0)).unwrap();
    assert!(long.reasons[0].contains("outside 1 to 48"), "{:?}", long.reasons);

    let region = Region::As923(DwellTime::Limited);
    let dwell = forecast(&Question { region, ..question(1_000, 0, 48, 0) }).unwrap();
    assert!(dwell.reasons[0].contains("dwell time of 400 ms"), "{:?}", dwell.reasons);
    assert!(forecast(&question(1_000, 9, 48, 0)).is_err(), "there is no DR9");
    assert!(forecast(&question(0, 5, 48, 0)).is_err());
}

#[test]
fn class_b_keeps_the_ping_period_and_spares_the_battery() {
    let class_c = forecast(&question(51_200, 3, 112, 46)).unwrap();
    let periodicity = PingSlotPeriodicity::MIN;
    let class = SessionClass::B { periodicity };
    let class_b = forecast(&Question { class, ..question(51_200, 3, 112, 46) }).unwrap();
    // 6.76864 s of silence and frame round up to eight ping periods of 0.96 s.
    assert_eq!(class_b.gap, Duration::from_millis(7_680));
    assert_eq!(class_c.gap, Duration::from_micros(6_768_640));
    let profile = Profile::default();
    assert!(class_b.joules(&profile) * 3.0 < class_c.joules(&profile));
}

#[test]
fn without_parity_and_without_loss_success_is_a_formula() {
    let v1 = PackageVersion::V1;
    let none = success(215, 0, 0.01, v1);
    assert_eq!(none.method, Method::Exact);
    assert!((none.probability - 0.99_f64.powi(215)).abs() < 1e-12);
    assert!((success(215, 65, 0.0, v1).probability - 1.0).abs() < f64::EPSILON);
    assert_eq!(success(100_000, 5_000, 0.1, v1).method, Method::RandomCode);
}

/// Where the random code is known to describe the rows (no multiple of 32), the estimates agree with it.
#[test]
fn drawn_success_agrees_with_the_random_code_where_that_holds() {
    for (nb_frag, parity, loss) in [(215, 30, 0.1), (429, 120, 0.2), (101, 60, 0.3)] {
        let drawn = success(nb_frag, parity, loss, PackageVersion::V2);
        let Method::MonteCarlo { decoded, trials } = drawn.method else { panic!("{drawn:?}") };
        // A 99.9 % interval: three comparisons of drawn numbers that never change.
        let (low, high) = crate::theory::wilson_at(decoded, trials, 3.29);
        assert!((low..=high).contains(&drawn.random_code), "{drawn:?}");
        assert_eq!(drawn, success(nb_frag, parity, loss, PackageVersion::V2), "the same question");
    }
}

#[test]
fn advice_fits_and_reaches_its_target() {
    let question = question(51_200, 0, 48, 0);
    for objective in [Objective::Airtime, Objective::Duration, Objective::Energy] {
        let advice = advise(&question, objective).unwrap().unwrap();
        assert!(advice.forecast.reasons.is_empty());
        assert!(advice.success.probability >= TARGET, "{advice:?}");
        assert_eq!(advice.data_rate.get(), 6, "the fastest, at equal loss");
        let is_class_b = matches!(advice.class, SessionClass::B { .. });
        assert_eq!(is_class_b, objective == Objective::Energy, "{objective:?}");
    }
    let hopeless = Question { loss: 1.0, ..question };
    assert!(advise(&hopeless, Objective::Airtime).unwrap().is_none());
}

/// Ping slots begin elsewhere in every beacon period, and around beacons there are none: the forecast is for the worst,
/// and not far from what a transfer takes.
#[test]
fn a_class_b_transfer_takes_no_longer_than_forecast() {
    for (periodicity, duty) in [(0, 10), (2, 20), (4, 10)] {
        let class = SessionClass::B { periodicity: PingSlotPeriodicity::new(periodicity).unwrap() };
        let duty = DutyCycle::one_in(duty);
        let question = Question { class, duty, devices: 3, ..question(22_400, 3, 112, 0) };
        let forecast = forecast(&question).unwrap();
        let mut scenario = Scenario {
            image: vec![0; 22_400],
            class,
            data_rate: DataRate::from_wire(3),
            multicast_duty: duty,
            redundancy: Redundancy::Fec(Percent::whole(0)),
            fleet: vec![DeviceGroup { devices: 3, ..DeviceGroup::default() }],
            ..Scenario::default()
        };
        scenario.config.fsize = Some(112);
        let record = World::new(&scenario).unwrap().run(&mut (), &AtomicBool::new(false)).unwrap();
        assert_eq!(u64::from(record.frames), forecast.frames());
        let (first, last) = record.data_phase.unwrap();
        let (took, most) = (last.since(first).as_secs_f64(), forecast.data_phase.as_secs_f64());
        assert!(took <= most && most < 1.2 * took, "{class:?}: {took} s, at most {most} s");
    }
}
