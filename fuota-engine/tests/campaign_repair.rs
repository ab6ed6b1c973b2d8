//! The last few devices are sent what they need alone where every multicast frame is on air at several gateways.

mod common;

use std::time::Duration;

use common::{Answer, Heard, Stage, answer_missing, fragment, good, spec};
use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, Event};
use fuota_engine::campaign::io::{Input, Order, Refusal, Report};
use fuota_engine::campaign::spec::{CampaignSpec, Redundancy};
use fuota_engine::config::SessionDuration;
use fuota_engine::ids::DevEui;
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;
use fuota_proto::DataRate;

/// A campaign of ten uncoded fragments that wants every device, behind so many gateways.
fn adaptive(devices: u64, gateways: u16) -> CampaignSpec {
    let mut spec = spec(devices);
    spec.groups[0].redundancy = Redundancy::Adaptive;
    spec.config.success_threshold = Percent::whole(100);
    spec.config.multicast_gateways = gateways;
    // A device that speaks every hundred seconds takes its time.
    spec.config.session_duration = Some(SessionDuration::Documented);
    spec
}

/// A device that answers the first poll that it misses so many; asked alone, it says the first of `alone` the first time,
/// and so on, and that it is complete once there are no more.
fn misses(first: u8, alone: &'static [u8]) -> impl FnMut(&Heard, u32, GpsInstant) -> Answer {
    let (mut polled, mut asked) = (0, 0);
    move |heard, _, now| match heard {
        Heard::Status { multicast: true, .. } => {
            polled += 1;
            (polled == 1).then(|| answer_missing(heard, now, first)).flatten()
        }
        Heard::Status { .. } => {
            asked += 1;
            answer_missing(heard, now, alone.get(asked - 1).copied().unwrap_or(0))
        }
        _ => good(heard, now),
    }
}

/// The chart from the first poll on.
fn polls(stage: &Stage) -> Vec<String> {
    let chart = stage.chart();
    chart.into_iter().skip_while(|line| line != ASKED).collect()
}

fn repairs(stage: &Stage) -> Vec<(u32, u32)> {
    let repair = |event: &Event| match *event {
        Event::RepairedAlone { devices, fragments, .. } => Some((devices, fragments)),
        _ => None,
    };
    stage.events.iter().filter_map(repair).collect()
}

/// Numbers of the fragments that a device was sent alone.
fn alone(stage: &Stage, device: u64) -> Vec<u16> {
    let to = fuota_engine::campaign::io::Dest::Unicast(DevEui(device));
    stage
        .unicasts
        .iter()
        .filter(|(_, tx)| tx.dest == to)
        .filter_map(|(_, tx)| Some(fragment(tx)?.0))
        .collect()
}

const ASKED: &str = "S->* FragSessionStatusReq 0";

#[test]
fn behind_two_gateways_one_device_is_served_alone_and_confirms_it() {
    let mut stage = Stage::new(adaptive(3, 2)).device(1, misses(2, &[]));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.inferred), (CampaignStatus::Succeeded, 3, 2));
    let expected = [
        &[ASKED, ASKED, "D1->S FragSessionStatusAns missing 2"][..],
        // 3 / (1 − 3/22) = 3.5: eight frames for all, or four for one.
        &["S->D1 DataFragment 12", "S->D1 DataFragment 13", "S->D1 DataFragment 14", "S->D1 DataFragment 15"],
        &["S->D1 FragSessionStatusReq 1", "D1->S FragSessionStatusAns missing 0"],
        // The others' silence has been heard once.
        &[ASKED, ASKED, ASKED, ASKED, "release group"],
    ];
    assert_eq!(polls(&stage), expected.concat());
    assert_eq!(repairs(&stage), [(1, 4)]);
    let fragments: u32 = stage.campaign.stages().iter().map(|stage| stage.fragments).sum();
    assert_eq!(fragments, 15);
}

#[test]
fn behind_one_gateway_nobody_is_served_alone() {
    let mut stage = Stage::new(adaptive(3, 1)).device(1, misses(2, &[]));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(polls(&stage)[3], "S->* DataFragment 12..15");
    assert_eq!(repairs(&stage), []);
}

#[test]
fn what_all_need_together_decides() {
    // Each needs four; the largest need is four as well.
    for (gateways, served) in [(2, vec![]), (3, vec![(2, 8)])] {
        let mut stage = Stage::new(adaptive(3, gateways)).device(1, misses(2, &[])).device(3, misses(2, &[]));
        assert_eq!(stage.run().status, CampaignStatus::Succeeded);
        assert_eq!(repairs(&stage), served, "{gateways} gateways");
    }
}

#[test]
fn whom_it_did_not_help_is_served_with_all_others_next_by_other_fragments() {
    let mut stage = Stage::new(adaptive(3, 2)).device(1, misses(2, &[1]));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    assert_eq!(alone(&stage, 1), [12, 13, 14, 15]);
    let after = polls(&stage);
    assert_eq!(after[8], "D1->S FragSessionStatusAns missing 1");
    // 2 / (1 − 2/22) = 2.2, for eleven that everybody was sent.
    assert_eq!(after[9], "S->* DataFragment 16..18");
}

#[test]
fn devices_are_served_side_by_side_each_as_much_as_it_needs() {
    let mut stage = Stage::new(adaptive(3, 3)).device(1, misses(1, &[])).device(2, misses(3, &[]));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    // 2 / (1 − 2/22) = 2.2 and 4 / (1 − 4/22) = 4.9; the last numbers are those of both.
    assert_eq!((alone(&stage, 1), alone(&stage, 2)), (vec![14, 15, 16], vec![12, 13, 14, 15, 16]));
    // One after each of its uplinks: the second does not wait for the first.
    let of = |name: &str| stage.log.iter().position(|line| line == name).unwrap();
    assert!(of("S->D2 DataFragment 12") < of("S->D1 DataFragment 15"));
}

#[test]
fn a_fragment_that_was_not_sent_is_sent_again_and_one_that_is_too_long_never() {
    let fate = |refusal: Refusal| {
        let mut stage = Stage::new(adaptive(3, 2)).device(1, misses(2, &[]));
        stage.run_until(|stage| !alone(stage, 1).is_empty());
        let id = stage.unicasts.last().unwrap().1.id;
        let report = Report::Refused(refusal);
        let now = stage.now;
        stage.campaign.handle(now, Input::Downlink { id, report });
        let outcome = stage.run();
        assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
        alone(&stage, 1)
    };
    assert_eq!(fate(Refusal::Busy), [12, 12, 13, 14, 15]);
    assert_eq!(fate(Refusal::TooLong), [12]);
}

#[test]
fn a_device_that_needs_longer_frames_than_it_can_be_sent_alone_is_served_with_all_others() {
    let mut spec = adaptive(3, 2);
    // A fragment of 60 octets, where uplinks and their answers carry 51.
    spec.image = (0..=255).cycle().take(597).collect();
    spec.config.fsize = Some(60);
    spec.uplink_data_rate = DataRate::from_wire(2);
    let mut stage = Stage::new(spec).device(1, misses(2, &[]));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(repairs(&stage), []);
}

#[test]
fn what_would_take_longer_than_the_session_lasts_is_sent_to_all() {
    let mut spec = adaptive(3, 2);
    // Four fragments, a request and its answer take six hours.
    spec.devices[0].uplink_period = Duration::from_secs(3_600);
    spec.config.session_duration = Some(SessionDuration::Tight);
    spec.max_duration = Duration::from_secs(10 * 86_400);
    let mut stage = Stage::new(spec).device(1, misses(2, &[]));
    stage.run();
    assert_eq!(repairs(&stage), []);
}

#[test]
fn a_pause_interrupts_it_and_nothing_is_left_out() {
    let mut stage = Stage::new(adaptive(3, 2)).device(1, misses(2, &[]));
    stage.run_until(|stage| alone(stage, 1) == [12, 13]);
    let now = stage.now;
    stage.campaign.handle(now, Input::Operator(Order::Pause));
    stage.campaign.handle(now, Input::Operator(Order::Resume));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    let sent = stage.log.iter().filter_map(|line| line.strip_prefix("S->D1 DataFragment "));
    assert_eq!(sent.collect::<Vec<_>>(), ["12", "13", "14", "15"]);
}

#[test]
fn those_who_may_fail_are_served_alone_too_before_they_are_named() {
    let mut spec = adaptive(5, 2);
    spec.config.success_threshold = Percent::whole(80);
    let mut stage = Stage::new(spec).device(5, |heard, _, now| match heard {
        Heard::Status { .. } => answer_missing(heard, now, 3),
        _ => good(heard, now),
    });
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.failed), (CampaignStatus::Succeeded, 4, 1));
    assert_eq!(repairs(&stage).len(), 1);
    let last = stage.campaign.devices().last().unwrap();
    assert!(matches!(last.status, DeviceStatus::Failed { .. }));
    assert_eq!(last.missing_frag, Some(3));
}

#[test]
fn a_crash_at_any_moment_of_it_changes_nothing() {
    let run = |crash: Option<usize>| {
        let mut stage = Stage::new(adaptive(3, 2)).device(1, misses(2, &[])).snapshot_every(3);
        if let Some(output) = crash {
            stage = stage.crash_after(output);
        }
        let outcome = stage.run();
        let sent = stage.log.iter().filter_map(|line| line.strip_prefix("S->D1 DataFragment "));
        let mut sent: Vec<_> = sent.map(str::to_owned).collect();
        // What may not have been handed over is handed over once more.
        sent.dedup();
        (outcome.status, outcome.complete, sent, stage.outputs)
    };
    let (status, complete, sent, outputs) = run(None);
    assert_eq!((status, complete, sent.len()), (CampaignStatus::Succeeded, 3, 4));
    let mut unheard = 0;
    for output in 1..=outputs {
        let (crashed_status, crashed_complete, crashed_sent, _) = run(Some(output));
        assert_eq!((crashed_status, crashed_complete), (status, complete), "after output {output}");
        // A crash over the only answer to a poll loses it.
        if crashed_sent.is_empty() {
            unheard += 1;
        } else {
            assert_eq!(crashed_sent, sent, "after output {output}");
        }
    }
    assert_eq!(unheard, 1);
}
