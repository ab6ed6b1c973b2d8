//! Figures that follow from formulas alone.

use std::time::Duration;

use fuota_engine::campaign::event::CampaignStatus;
use fuota_sim::scenario::Scenario;

use crate::harness::*;

/// A full frame of DR5 takes 0.394496 s; at 10 % the next starts ten times that later. 215 fragments: the first
/// bit of the first and the last bit of the last are 214 gaps and one frame apart.
#[test]
fn a_lossless_transfer_takes_exactly_what_the_duty_cycle_makes_it_take() {
    let scenario = Scenario { image: image(51_200), fleet: fleet(100, 0.0, 0.0), ..quiet() };
    let record = run(&scenario).unwrap();
    assert_eq!((record.nb_frag, record.frag_size, record.parity), (215, 239, 0));
    let (first, last) = record.data_phase.unwrap();
    assert_eq!(last.since(first), Duration::from_micros(394_496 * 2141));
    assert_eq!(record.frames, 215);
    assert!(record.devices.iter().all(|device| device.fragments_received == 215));

    assert_eq!(record.outcome.status, CampaignStatus::Succeeded);
    assert_eq!((record.outcome.complete, record.bytes_checked), (100, 100));
    // One poll by multicast besides the fragments: 2 octets in 15 with what is around them, 46.336 ms at DR5.
    assert_eq!(record.airtime, Duration::from_micros(394_496 * 215 + 46_336));
}

/// McGroupSetupReq, FragSessionSetupReq and McClassCSessionReq: 30, 11 and 11 octets, in RX1 at DR5 or in RX2 at DR0.
#[test]
fn setting_up_without_losses_takes_one_request_for_each_device_and_stage() {
    let record = run(&quiet()).unwrap();
    let rx1 = [87_296, 56_576, 56_576].map(Duration::from_micros);
    let rx2 = [2_138_112, 1_318_912, 1_318_912].map(Duration::from_micros);
    for stage in &record.stages[..3] {
        assert_eq!((stage.requests, stage.answers, stage.retries), (20, 20, 0), "{}", stage.stage);
    }
    let (least, most) = (rx1.iter().sum::<Duration>() * 20, rx2.iter().sum::<Duration>() * 20);
    assert!((least..=most).contains(&record.setup_airtime), "{:?}", record.setup_airtime);
}
