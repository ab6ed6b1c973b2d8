//! The multicast flow: pacing, reports, refusals; and the polls.

mod common;

use std::time::Duration;

use common::{BUSY, Heard, Stage, answer_missing, good, spec, status_ans};
use fuota_engine::campaign::event::{CampaignStatus, Cause, DeviceStatus, FailureReason, StageKind, Warning};
use fuota_engine::campaign::io::{Report, Transmit};
use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::config::StatusThreshold;
use fuota_engine::percent::Percent;
use fuota_fec::{FragmentNumber, Geometry, ParityRule};

/// Numbers of the fragments handed to the network server, in order.
fn fragments(stage: &Stage) -> Vec<u16> {
    use fuota_proto::fragmentation::v1::Downlink;
    let number = |payload: &[u8]| match Downlink::commands(payload).next()?.ok()? {
        Downlink::DataFragment(fragment) => Some(fragment.n.get()),
        _ => None,
    };
    stage.multicasts.iter().filter_map(|(_, tx)| number(&tx.payload)).collect()
}

/// Time on air of a fragment, and least time between the starts of two.
#[allow(clippy::unwrap_used)] // binary campaigns have a block
fn timing(stage: &Stage) -> (Duration, Duration) {
    let block = stage.campaign.plan().groups()[0].block().unwrap();
    (block.airtime, block.gap)
}

#[test]
fn fragments_keep_the_duty_cycle_to_the_microsecond() {
    let mut stage = Stage::new(spec(1));
    stage.run();
    let (airtime, gap) = timing(&stage);
    assert_eq!(gap, airtime * 10);
    let starts: Vec<_> = stage.multicasts.iter().map(|(at, _)| *at).collect();
    assert_eq!(starts.len(), 11);
    assert!(starts.windows(2).all(|pair| pair[1].since(pair[0]) == gap));
}

#[test]
fn a_configured_gap_longer_than_the_duty_cycle_wins() {
    let mut spec = spec(1);
    spec.config.mcast_msg_delay = Duration::from_secs(2);
    let mut stage = Stage::new(spec);
    stage.run();
    let starts: Vec<_> = stage.multicasts.iter().map(|(at, _)| *at).collect();
    assert!(starts.windows(2).all(|pair| pair[1].since(pair[0]) == Duration::from_secs(2)));
}

#[test]
fn what_travels_are_the_fragments_of_the_code() {
    let spec = spec(1);
    let image = spec.image.clone();
    let mut stage = Stage::new(spec);
    stage.run();
    let geometry = Geometry::new(image.len(), 10).unwrap();
    let encoder = fuota_fec::Encoder::new(geometry, ParityRule::V1, &image).unwrap();
    for (n, (_, tx)) in (1..=11).zip(&stage.multicasts) {
        let mut data = [0; 10];
        encoder.fragment(FragmentNumber::new(n).unwrap(), &mut data).unwrap();
        assert_eq!(tx.payload[..3], [0x08, n.to_le_bytes()[0], 0]);
        assert_eq!(tx.payload[3..], data);
    }
}

#[test]
fn a_refused_fragment_is_sent_again_and_none_is_skipped() {
    let mut stage = Stage::new(spec(1)).multicast_fate(|n, _| (n == 3 || n == 4).then_some(BUSY));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(fragments(&stage), [1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(stage.campaign.stages()[3].fragments, 11);
}

#[test]
fn a_missing_report_does_not_stop_the_transfer() {
    let mut stage = Stage::new(spec(1)).multicast_fate(|n, _| (n == 5).then_some(Report::Dropped));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(stage.warnings().iter().filter(|warning| **warning == Warning::ReportMissing).count(), 1);
    let pause = stage.multicasts[5].0.since(stage.multicasts[4].0);
    assert_eq!(pause, Duration::from_secs(10), "the report's time-out");
    assert_eq!(fragments(&stage), (1..=11).collect::<Vec<_>>());
}

#[test]
fn with_an_endless_report_timeout_sending_pauses_until_the_campaign_ends() {
    let mut spec = spec(1);
    spec.config.summary_report_timeout = Duration::ZERO;
    let mut stage = Stage::new(spec).multicast_fate(|n, _| (n == 5).then_some(Report::Dropped));
    let outcome = stage.run();
    assert_eq!(outcome.status, CampaignStatus::Failed);
    assert!(matches!(outcome.cause, Some(Cause::NoTimeLeft { stage: StageKind::DataFragment })));
    assert_eq!(fragments(&stage), [1, 2, 3, 4, 5]);
}

#[test]
fn with_reports_disabled_only_the_gap_counts() {
    let mut spec = spec(1);
    spec.config.summary_reports_disabled = true;
    let mut stage = Stage::new(spec).multicast_fate(|_, _| Some(Report::Dropped));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let (_, gap) = timing(&stage);
    let starts: Vec<_> = stage.multicasts.iter().map(|(at, _)| *at).collect();
    assert!(starts.windows(2).all(|pair| pair[1].since(pair[0]) == gap));
}

#[test]
fn the_poll_by_multicast_waits_for_its_whole_window_and_no_longer() {
    // Seven devices, none of which answers: window of 16 s and ten more, then each is asked alone.
    let mut stage = Stage::new(spec(7));
    for n in 1..=7 {
        stage = stage.device(n, |heard, _, now| match heard {
            Heard::Status { multicast: true, .. } => None,
            _ => good(heard, now),
        });
    }
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let poll = stage.log.iter().position(|line| line == "S->* FragSessionStatusReq 1").unwrap();
    assert_eq!(
        stage.log[poll + 1..].iter().filter(|line| line.ends_with("FragSessionStatusReq 1")).count(),
        7
    );
}

#[test]
fn a_poll_ends_as_soon_as_everybody_has_answered() {
    let mut stage = Stage::new(spec(7));
    stage.run();
    let report = *stage.campaign.stages().last().unwrap();
    // The duty cycle's gap before the request, two seconds to the answers, ten of grace at the end.
    assert!(report.ended.since(report.started) < Duration::from_secs(16));
}

#[test]
fn the_memory_bit_fails_a_device_with_fec_and_not_without() {
    for (redundancy, complete) in [(Redundancy::Fec(Percent::whole(10)), 1), (Redundancy::Rounds, 2)] {
        let mut spec = spec(2);
        spec.groups[0].redundancy = redundancy;
        spec.config.success_threshold = Percent::whole(if complete == 1 { 50 } else { 100 });
        let mut stage = Stage::new(spec).device(2, |heard, times, now| match heard {
            Heard::Status { .. } if times == 1 => status_ans(2, true),
            _ => good(heard, now),
        });
        assert_eq!(stage.run().complete, complete);
        if complete == 1 {
            let status = stage.campaign.devices().nth(1).unwrap().status;
            let reason = FailureReason::MemoryError;
            assert_eq!(status, DeviceStatus::Failed { stage: StageKind::FragSessionStatus, reason });
        }
    }
}

#[test]
fn without_fec_a_device_that_stops_answering_stays_for_the_next_round() {
    let mut spec = spec(2);
    spec.groups[0].redundancy = Redundancy::Rounds;
    // All six requests after the first round are lost on device 2; it answers after the second round.
    let mut stage = Stage::new(spec).device(2, |heard, times, now| match heard {
        Heard::Status { .. } if times <= 6 => None,
        _ => good(heard, now),
    });
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    assert_eq!(fragments(&stage).len(), 20);
}

#[test]
fn a_device_that_reports_late_within_complete_delay_counts() {
    let mut spec = spec(4);
    spec.config.success_threshold = Percent::whole(75);
    spec.config.complete_delay = Duration::from_secs(300);
    let mut stage = Stage::new(spec).device(4, |heard, times, now| match heard {
        Heard::Status { .. } if times <= 6 => None,
        _ => good(heard, now),
    });
    stage.run();
    let end = stage.now;
    let mut spec = common::spec(4);
    spec.config.success_threshold = Percent::whole(75);
    spec.config.complete_delay = Duration::from_secs(300);
    let mut stage = Stage::new(spec).device(4, |heard, times, now| match heard {
        Heard::Status { .. } if times <= 6 => None,
        _ => good(heard, now),
    });
    stage.answer_at(end.since(common::START) - Duration::from_secs(100), 4, status_ans(0, false));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.failed), (CampaignStatus::Succeeded, 4, 0));
}

#[test]
fn further_rounds_stop_when_the_session_has_no_room_for_another() {
    let mut spec = spec(1);
    spec.groups[0].redundancy = Redundancy::Rounds;
    spec.config.datafrag_loops_max = u16::MAX;
    let mut stage = Stage::new(spec).device(1, |heard, _, now| answer_missing(heard, now, 1));
    let outcome = stage.run();
    assert_eq!(outcome.status, CampaignStatus::Failed);
    assert_eq!(outcome.cause, Some(Cause::NoTimeLeft { stage: StageKind::FurtherRounds }));
    assert_eq!(fragments(&stage).len() % 10, 0, "no round is cut short");
}

#[test]
fn garbage_is_reported_and_changes_nothing() {
    let mut stage = Stage::new(spec(1));
    stage.answer_at(Duration::from_secs(5), 1, Some((200, vec![0x02])));
    stage.answer_at(Duration::from_secs(6), 1, Some((201, vec![0xEE, 1, 2, 3])));
    stage.answer_at(Duration::from_secs(7), 1, Some((201, vec![])));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let malformed =
        stage.warnings().into_iter().filter(|warning| matches!(warning, Warning::Malformed { .. }));
    assert_eq!(malformed.count(), 2);
}

#[test]
fn a_frame_that_waits_for_its_turn_is_neither_overdue_nor_overtaken() {
    // Every frame's turn comes a minute late: longer than reports are waited for.
    for disabled in [false, true] {
        let late = Duration::from_secs(60);
        let postponed = move |_, tx: &Transmit| Some(Report::Postponed { until: tx.not_before + late });
        let mut spec = spec(2);
        spec.config.summary_reports_disabled = disabled;
        let mut stage = Stage::new(spec).multicast_fate(postponed);
        let outcome = stage.run();
        assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2), "{:?}", stage.chart());
        assert!(!stage.warnings().contains(&Warning::ReportMissing), "{disabled}");
        let fragments = stage.log.iter().filter(|line| line.starts_with("S->* DataFragment")).count();
        assert_eq!(fragments, 11, "{disabled}: each goes out once");
        let least = late + Duration::from_millis(400);
        assert!(stage.on_air.windows(2).all(|pair| pair[1].since(pair[0]) >= least), "{:?}", stage.on_air);
    }
}

#[test]
fn the_window_of_a_poll_opens_when_its_turn_comes() {
    let late = Duration::from_secs(600);
    for disabled in [false, true] {
        let window_ends = |late: Duration| {
            let mut spec = spec(2);
            spec.config.summary_reports_disabled = disabled;
            spec.config.fsession_status_threshold = StatusThreshold::Count(0);
            let until = move |tx: &Transmit| Some(Report::Postponed { until: tx.not_before + late });
            let mut stage = Stage::new(spec)
                .multicast_fate(move |_, tx| (tx.payload.len() == 2).then(|| until(tx)).flatten());
            // Nobody answers the poll, so it lasts until its window closes.
            for device in [1, 2] {
                stage = stage.device(device, |heard, _, now| match heard {
                    Heard::Status { .. } => None,
                    _ => good(heard, now),
                });
            }
            stage.run_until(|stage| {
                stage
                    .unicasts
                    .iter()
                    .any(|(_, tx)| tx.payload.first() == Some(&1) && tx.port == 201 && tx.payload.len() == 2)
            });
            stage.now
        };
        let (soon, later) = (window_ends(Duration::ZERO), window_ends(late));
        assert_eq!(later.since(soon), late, "{disabled}");
    }
}
