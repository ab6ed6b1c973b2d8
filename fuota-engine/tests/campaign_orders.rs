//! What an operator orders: each order in each stage, what goes out because of it and what no longer does.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Heard, PERIOD, START, Stage, answer_missing, good, group, spec};
use fuota_engine::campaign::event::{
    CampaignStatus, Cause, DeviceStatus, Event, FailureReason, StageKind, Warning,
};
use fuota_engine::campaign::io::{Order, SessionClass};
use fuota_engine::campaign::order::OrderRefusal;
use fuota_engine::campaign::spec::{CampaignSpec, Kind, Redundancy, Start};
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::percent::Percent;
use fuota_proto::PingSlotPeriodicity;

const PAUSE: Order = Order::Pause;
const RESUME: Order = Order::Resume;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Downlinks handed over in the time from `from` to `to`, both counted from the campaign's creation.
fn handed_over(stage: &Stage, from: Duration, to: Duration) -> usize {
    let within = |at| (START + from..START + to).contains(&at);
    let unicasts = stage.unicasts.iter().filter(|(at, _)| within(*at)).count();
    unicasts + stage.multicasts.iter().filter(|(at, _)| within(*at)).count()
}

fn refusals(stage: &Stage) -> Vec<OrderRefusal> {
    let refused = |warning: &Warning| match warning {
        Warning::OrderRefused { refusal, .. } => Some(*refusal),
        _ => None,
    };
    stage.warnings().iter().filter_map(refused).collect()
}

fn ordered(stage: &Stage) -> Vec<Order> {
    let ordered = |event: &Event| if let Event::Ordered(order) = event { Some(*order) } else { None };
    stage.events.iter().filter_map(ordered).collect()
}

fn stages(stage: &Stage) -> Vec<StageKind> {
    stage.campaign.stages().iter().map(|report| report.stage).collect()
}

/// When a stage began, counted from the campaign's creation.
fn begins(spec: CampaignSpec, stage: StageKind) -> Duration {
    let mut whole = Stage::new(spec);
    whole.run();
    let report = whole.campaign.stages().iter().find(|report| report.stage == stage).unwrap();
    report.started.since(START)
}

/// Just after the third fragment was handed over, counted from the campaign's creation.
fn third_fragment(spec: CampaignSpec) -> Duration {
    let mut whole = Stage::new(spec);
    whole.run_until(|stage| stage.multicasts.len() >= 3);
    whole.now.since(START) + Duration::from_millis(1)
}

#[test]
fn a_campaign_begins_when_its_time_has_come() {
    let mut later = spec(2);
    later.start = Start::At(START + secs(5_000));
    let mut stage = Stage::new(later.clone());
    stage.run_until(|_| true);
    assert_eq!(stage.campaign.status(), CampaignStatus::Configured);
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    assert_eq!(handed_over(&stage, Duration::ZERO, secs(5_000)), 0);
    assert_eq!(stage.campaign.stages()[0].started, START + secs(5_000));

    // Earlier, if the operator says so, or later.
    for (at, began) in [(None, 1_000), (Some(START), 1_000), (Some(START + secs(7_000)), 7_000)] {
        let order = Order::Start { at };
        let mut stage = Stage::new(later.clone()).order(secs(1_000), order);
        assert_eq!(stage.run().status, CampaignStatus::Succeeded);
        assert_eq!(stage.campaign.stages()[0].started, START + secs(began));
        assert_eq!(ordered(&stage), [order]);
    }
}

#[test]
fn a_campaign_that_waits_for_an_order_waits_as_long_as_it_takes() {
    let mut waiting = spec(2);
    waiting.start = Start::OnOrder;
    let begin = waiting.max_duration * 3;
    let mut stage = Stage::new(waiting.clone()).order(begin, Order::Start { at: None });
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(handed_over(&stage, Duration::ZERO, begin), 0);

    let mut stage = Stage::new(waiting).order(secs(50), Order::Stop).order(secs(60), Order::Stop);
    assert_eq!(stage.run().status, CampaignStatus::Stopped);
    assert!(stage.unicasts.is_empty());
}

#[test]
fn nothing_is_sent_in_a_pause_and_everything_after_it() {
    // A pause of an hour, begun at any time: what goes on air is the same, only later.
    let mut campaign = spec(3);
    campaign.config.mcsession_delay = Some(secs(6_000));
    let mut whole = Stage::new(campaign.clone());
    let outcome = whole.run();
    let took = whole.now.since(START).as_secs();
    for begin in (0..took).step_by(37) {
        let (from, to) = (secs(begin), secs(begin + 3_600));
        let mut stage = Stage::new(campaign.clone()).order(from, PAUSE).order(to, RESUME);
        let paused = stage.run();
        assert_eq!(paused, outcome, "paused after {begin} s");
        assert_eq!(handed_over(&stage, from, to), 0, "paused after {begin} s");
        let mut fragments: Vec<_> =
            stage.multicasts.iter().filter_map(|(_, tx)| common::fragment(tx)).map(|(n, _)| n).collect();
        fragments.dedup();
        assert_eq!(fragments, (1..=11).collect::<Vec<_>>(), "paused after {begin} s");
        assert_eq!(stage.campaign.devices().filter(|device| device.requests > 4).count(), 0);
    }
}

#[test]
fn a_paused_transfer_goes_on_where_it_was() {
    let from = third_fragment(spec(2));
    let mut stage = Stage::new(spec(2)).order(from, PAUSE).order(from + secs(500), RESUME);
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let times: Vec<_> = stage.multicasts.iter().map(|(at, _)| at.since(START)).collect();
    assert!(times[2] < from && times[3] >= from + secs(500));
    let chart = stage.chart();
    let transfer: Vec<_> = chart.iter().skip_while(|line| !line.starts_with("S->* Data")).collect();
    // The third was on its way when the pause began, and so may not have been sent.
    assert_eq!(transfer[..2], ["S->* DataFragment 1..3", "S->* DataFragment 3..11"]);
    assert_eq!(ordered(&stage), [PAUSE, RESUME]);
    assert!(stage.warnings().is_empty());
}

#[test]
fn requests_that_wait_at_the_network_server_are_withdrawn() {
    // Both devices' requests wait for an uplink.
    let mut stage = Stage::new(spec(2)).order(secs(12), PAUSE);
    stage.run_until(|stage| stage.campaign.is_paused());
    assert!(stage.nothing_is_queued());
    let asked = stage.unicasts.len();
    assert!(asked > 0);
    stage.run_until(|stage| stage.now > START + secs(900));
    assert_eq!(stage.unicasts.len(), asked);
}

#[test]
fn an_answer_in_a_pause_counts() {
    let mut stage = Stage::new(spec(1));
    // The request is on air, and its answer comes two seconds later.
    stage.run_until(|stage| stage.log.iter().any(|line| line == "S->D1 McGroupSetupReq"));
    let asked = stage.now.since(START);
    let mut stage = Stage::new(spec(1)).order(asked + secs(1), PAUSE).order(asked + secs(400), RESUME);
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(stage.log.iter().filter(|line| *line == "S->D1 McGroupSetupReq").count(), 1);
    assert_eq!(stage.campaign.stages()[0].requests, 1);
}

#[test]
fn a_session_that_ran_out_in_a_pause_is_followed_by_another() {
    for policy in [group().redundancy, Redundancy::Rounds, Redundancy::Adaptive] {
        for class in [SessionClass::C, SessionClass::B { periodicity: PingSlotPeriodicity::MIN }] {
            let mut campaign = spec(2);
            campaign.groups[0].redundancy = policy;
            campaign.groups[0].parameters.class = class;
            campaign.config.session_duration = Some(fuota_engine::config::SessionDuration::Tight);
            let from = third_fragment(campaign.clone());
            let mut stage =
                Stage::new(campaign.clone()).order(from, PAUSE).order(from + secs(20_000), RESUME);
            let outcome = stage.run();
            assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2), "{policy:?}");
            let too_short = |warning: &Warning| matches!(warning, Warning::SessionTooShort { group: GroupId(0), left, .. } if left.is_zero());
            assert_eq!(stage.warnings().iter().filter(|warning| too_short(warning)).count(), 1);
            let stages = stages(&stage);
            assert_eq!(
                stages[2..6],
                [
                    StageKind::McClassSession,
                    StageKind::DataFragment,
                    StageKind::McClassSession,
                    StageKind::DataFragment
                ]
            );
            let sent: Vec<_> = stage.multicasts.iter().filter_map(|(_, tx)| common::fragment(tx)).collect();
            let mut sent: Vec<_> = sent.into_iter().map(|(n, _)| n).collect();
            sent.dedup();
            assert!(sent.starts_with(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), "{sent:?}");
            // Each device was given two sessions.
            for device in ["D1", "D2"] {
                let line = match class {
                    SessionClass::C => format!("S->{device} McClassCSessionReq"),
                    SessionClass::B { .. } => format!("S->{device} McClassBSessionReq"),
                };
                assert_eq!(stage.log.iter().filter(|it| **it == line).count(), 2);
            }
        }
    }
}

#[test]
fn a_pause_over_the_start_of_the_session_puts_it_off() {
    let mut campaign = spec(2);
    campaign.config.mcsession_delay = Some(secs(1_000));
    let session = begins(campaign.clone(), StageKind::McClassSession);
    let mut stage = Stage::new(campaign).order(session + secs(1), PAUSE).order(session + secs(3_000), RESUME);
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    let starts: Vec<_> = stage
        .events
        .iter()
        .filter_map(|event| match event {
            Event::SessionScheduled { start, .. } => Some(start.since(START)),
            _ => None,
        })
        .collect();
    assert_eq!(starts.len(), 2);
    assert!(starts[0] < session + secs(1_010) && starts[1] >= session + secs(4_000));
    assert_eq!(stages(&stage).iter().filter(|stage| **stage == StageKind::McClassSession).count(), 1);
}

#[test]
fn a_pause_does_not_stop_the_campaign_s_clock() {
    let mut short = spec(2);
    short.max_duration = secs(9_000);
    let mut stage = Stage::new(short).order(secs(500), PAUSE);
    let outcome = stage.run();
    assert_eq!(outcome.status, CampaignStatus::Failed);
    assert!(matches!(outcome.cause, Some(Cause::TimedOut { .. })));
    assert_eq!(stage.now, START + secs(9_000));

    // The session that is left is too short, and so is what is left of the campaign.
    let fragments = third_fragment(spec(2));
    let mut campaign = spec(2);
    campaign.max_duration = fragments + secs(2_000);
    campaign.config.session_duration = Some(fuota_engine::config::SessionDuration::Tight);
    let mut stage = Stage::new(campaign).order(fragments, PAUSE).order(fragments + secs(1_900), RESUME);
    let outcome = stage.run();
    assert_eq!(outcome.cause, Some(Cause::NoTimeLeft { stage: StageKind::McClassSession }));
}

#[test]
fn a_paused_campaign_can_be_stopped() {
    let mut stage = Stage::new(spec(2)).order(secs(500), PAUSE).order(secs(900), Order::Stop);
    assert_eq!(stage.run().status, CampaignStatus::Stopped);
    assert!(!stage.campaign.is_paused());
    assert_eq!(stage.now, START + secs(900));
}

#[test]
fn an_excluded_device_is_left_alone_and_does_not_count() {
    // All of those that count are required; the second never answers.
    let silent = |spec: CampaignSpec| {
        Stage::new(spec).device(2, |heard, _, now| match heard {
            Heard::Status { .. } => None,
            _ => good(heard, now),
        })
    };
    let mut campaign = spec(3);
    campaign.config.success_threshold = Percent::whole(100);
    assert_eq!(silent(campaign.clone()).run().status, CampaignStatus::Failed);
    let took = {
        let mut whole = silent(campaign.clone());
        whole.run();
        whole.now.since(START).as_secs()
    };
    for after in (0..took).step_by(41) {
        let order = Order::Exclude { device: DevEui(2) };
        let mut stage = silent(campaign.clone()).order(secs(after), order);
        let outcome = stage.run();
        assert_eq!(
            (outcome.status, outcome.complete, outcome.failed),
            (CampaignStatus::Succeeded, 2, 1),
            "excluded after {after} s"
        );
        let device = stage.campaign.devices().nth(1).unwrap();
        let DeviceStatus::Failed { reason, .. } = device.status else { panic!("{device:?}") };
        assert_eq!((reason, device.since), (FailureReason::Excluded, START + secs(after)));
        let asked_later = stage.unicasts.iter().filter(|(at, tx)| {
            *at > START + secs(after) && tx.dest == fuota_engine::campaign::io::Dest::Unicast(DevEui(2))
        });
        assert_eq!(asked_later.count(), 0, "excluded after {after} s");
    }
}

#[test]
fn an_excluded_device_does_not_come_back() {
    let mut campaign = spec(2);
    campaign.kind = Kind::Firmware(fuota_engine::campaign::spec::FirmwareSpec {
        target: fuota_proto::Version(1),
        hardware: None,
        reboot: None,
    });
    let verification = begins(campaign.clone(), StageKind::DevVersion);
    let mut stage = Stage::new(campaign).order(secs(500), Order::Exclude { device: DevEui(1) });
    stage.answer_at(verification + secs(1), 1, common::dev_version(1));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.failed), (CampaignStatus::Succeeded, 1, 1));
}

#[test]
fn the_threshold_can_be_changed_while_devices_are_asked() {
    let mut campaign = spec(4);
    campaign.config.success_threshold = Percent::whole(100);
    let stage = |share: Option<u32>, after: u64| {
        let stage = Stage::new(campaign.clone()).device(4, |heard, _, now| {
            answer_missing(heard, now, if heard.is("FragSessionStatusReq") { 9 } else { 0 })
        });
        match share {
            Some(share) => stage.order(secs(after), Order::Require { share: Percent::whole(share) }),
            None => stage,
        }
    };
    assert_eq!(stage(None, 0).run().status, CampaignStatus::Failed);
    for after in [0, 300, 900, 1_500] {
        let mut lowered = stage(Some(75), after);
        let outcome = lowered.run();
        assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3), "after {after} s");
        assert_eq!(lowered.campaign.required(), 3);
        let outcome = stage(Some(76), after).run();
        let stage = StageKind::FragSessionStatus;
        assert_eq!(outcome.cause, Some(Cause::BelowThreshold { stage, succeeded: 3, required: 4 }));
    }
}

#[test]
fn orders_at_impossible_moments_are_refused_and_change_nothing() {
    let mut whole = Stage::new(spec(2));
    whole.run();
    let over_100 = Order::Require { share: Percent::whole(101) };
    let stranger = Order::Exclude { device: DevEui(77) };
    let mut stage = Stage::new(spec(2))
        .order(secs(100), RESUME)
        .order(secs(200), Order::Start { at: None })
        .order(secs(300), stranger)
        .order(secs(400), over_100);
    stage.run();
    let refused = [
        OrderRefusal::NotPaused,
        OrderRefusal::Begun,
        OrderRefusal::UnknownDevice(DevEui(77)),
        OrderRefusal::Threshold(Percent::whole(101)),
    ];
    assert_eq!(refusals(&stage), refused);
    assert_eq!((&stage.records, &stage.log), (&whole.records, &whole.log));

    let exclude = |device| Order::Exclude { device: DevEui(device) };
    let mut stage = Stage::new(spec(2))
        .order(secs(100), PAUSE)
        .order(secs(101), PAUSE)
        .order(secs(102), RESUME)
        .order(secs(103), exclude(1))
        .order(secs(104), exclude(1))
        .order(secs(105), exclude(2));
    let outcome = stage.run();
    let refused =
        [OrderRefusal::Paused, OrderRefusal::NotTakingPart(DevEui(1)), OrderRefusal::LastDevice(DevEui(2))];
    assert_eq!(refusals(&stage), refused);
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 1));
    for order in [PAUSE, RESUME, exclude(2), Order::Require { share: Percent::whole(1) }] {
        assert_eq!(stage.campaign.check(order), Err(OrderRefusal::Decided));
    }
    assert_eq!(stage.campaign.check(Order::Stop), Ok(()));
}

/// A campaign that meets every order, with devices that need a second round.
fn ordered_about(campaign: &CampaignSpec, period: Duration) -> Stage {
    Stage::new(campaign.clone())
        .order(secs(500), Order::Start { at: None })
        .order(secs(600), PAUSE)
        .order(secs(650), Order::Require { share: Percent::whole(60) })
        .order(secs(900), RESUME)
        .order(secs(900) + period * 3, Order::Exclude { device: DevEui(3) })
        .order(secs(900) + period * 20, PAUSE)
        .order(secs(900) + period * 60, RESUME)
        .order(secs(900) + period * 61, RESUME)
        .device(1, |heard, times, now| answer_missing(heard, now, if times <= 2 { 3 } else { 0 }))
}

#[test]
fn a_crash_after_any_output_forgets_no_order() {
    for redundancy in [group().redundancy, Redundancy::Rounds, Redundancy::Adaptive] {
        let mut campaign = spec(4);
        campaign.groups[0].redundancy = redundancy;
        campaign.start = Start::OnOrder;
        let mut whole = ordered_about(&campaign, PERIOD);
        let outcome = whole.run();
        let ways: [fn(Stage) -> Stage; 3] =
            [|stage| stage, |stage| stage.snapshot_every(1), |stage| stage.snapshot_every(7).torn(true)];
        for (crash, way) in (1..=whole.outputs).flat_map(|crash| ways.map(|way| (crash, way))) {
            let mut stage = way(ordered_about(&campaign, PERIOD).crash_after(crash));
            let after = stage.run();
            assert_eq!(
                (after.status, after.complete),
                (outcome.status, outcome.complete),
                "{redundancy:?}: crash after output {crash}"
            );
            // A pause that is not durable when the server crashes is ordered again, after what was open was repeated.
            let paused = secs(600) + Duration::from_millis(1);
            assert_eq!(handed_over(&stage, paused, secs(900)), 0, "crash after output {crash}");
            let excluded = stage.campaign.devices().nth(2).unwrap();
            assert!(
                matches!(excluded.status, DeviceStatus::Failed { reason: FailureReason::Excluded, .. }),
                "{redundancy:?}: crash after output {crash}"
            );
        }
        // Written down and read again at every rest, it takes every step at the same moment.
        let mut handed = ordered_about(&campaign, PERIOD).handed_over();
        assert_eq!(handed.run(), outcome);
        assert_eq!((handed.records, handed.multicasts), (whole.records, whole.multicasts));
    }
}
