//! Several groups in one campaign, class B, and campaigns that only set groups up.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Heard, START, Stage, answer_missing, fragment, good, group, slot, spec};
use fuota_engine::campaign::event::{CampaignStatus, Cause, Event, StageKind, Warning};
use fuota_engine::campaign::io::{Dest, SessionClass};
use fuota_engine::campaign::plan::{Bound, Plan, PlanError};
use fuota_engine::campaign::spec::{CampaignSpec, DeviceClass, Kind, Redundancy};
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::time::GpsInstant;
use fuota_proto::multicast::v1::Downlink;
use fuota_proto::{DataRate, Frequency, McAddr, PingSlotPeriodicity};

/// Devices 1 and 2 in a fast group with FEC, device 3 in a slow one without.
fn two_groups() -> CampaignSpec {
    let mut spec = spec(3);
    let mut slow = group();
    slow.parameters.id = GroupId(1);
    slow.parameters.mc_addr = McAddr(0x0202_0202);
    slow.parameters.data_rate = DataRate::new(0).unwrap();
    slow.redundancy = Redundancy::Rounds;
    spec.groups.push(slow);
    spec.devices[2].group = GroupId(1);
    spec
}

fn class_b(devices: u64) -> CampaignSpec {
    let mut spec = spec(devices);
    spec.groups[0].parameters.class = SessionClass::B { periodicity: PingSlotPeriodicity::new(3).unwrap() };
    spec
}

#[test]
fn groups_transfer_in_parallel_each_at_its_own_pace() {
    let mut stage = Stage::new(two_groups());
    assert_eq!(stage.run().complete, 3);
    let starts = |id| -> Vec<_> {
        let mine = stage.multicasts.iter().filter(|(_, tx)| tx.dest == Dest::Multicast(GroupId(id)));
        mine.filter(|(_, tx)| fragment(tx).is_some()).map(|(at, _)| *at).collect()
    };
    let (fast, slow) = (starts(0), starts(1));
    assert_eq!((fast.len(), slow.len()), (11, 10));
    assert_eq!(fast[0], slow[0]);
    let gap = |id: usize| stage.campaign.plan().groups()[id].block().unwrap().gap;
    assert!(fast.windows(2).all(|pair| pair[1].since(pair[0]) == gap(0)));
    assert!(slow.windows(2).all(|pair| pair[1].since(pair[0]) == gap(1)));
    assert!(gap(1) > gap(0) * 10);
}

#[test]
fn only_the_groups_without_fec_get_further_rounds() {
    // Devices 2 and 3 miss something at first; the threshold wants everybody.
    let missing = |heard: &Heard, times: u32, now| match heard {
        Heard::Status { .. } => answer_missing(heard, now, if times == 1 { 1 } else { 0 }),
        _ => good(heard, now),
    };
    let mut spec = two_groups();
    spec.config.success_threshold = fuota_engine::percent::Percent::whole(60);
    let mut stage = Stage::new(spec.clone()).device(2, missing).device(3, missing);
    let outcome = stage.run();
    // Two of three are needed: device 1 at once, device 3 after the second round of its group.
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    let of = |stage: &Stage, id| {
        let mine = stage.multicasts.iter().filter(|(_, tx)| tx.dest == Dest::Multicast(GroupId(id)));
        mine.filter(|(_, tx)| fragment(tx).is_some()).count()
    };
    assert_eq!((of(&stage, 0), of(&stage, 1)), (11, 20));
}

#[test]
fn class_b_sessions_start_at_a_beacon_and_fragments_keep_the_ping_period() {
    let (starts, seen) = std::sync::mpsc::channel();
    let mut stage = Stage::new(class_b(1)).device(1, move |heard, _, now| {
        if let Heard::Multicast(Downlink::McClassBSessionReq(req)) = heard {
            starts.send((req.session_time.get(), req.time_out.get(), req.periodicity.get())).unwrap();
        }
        good(heard, now)
    });
    assert_eq!(stage.run().complete, 1);
    let (session_time, time_out, periodicity) = seen.recv().unwrap();
    assert_eq!((session_time % 128, periodicity), (0, 3));
    // The campaign lasts a day: 2^10 beacon periods cover what is left of it.
    assert_eq!(time_out, 10);
    // Rounded up, never down: not before every device has had time to answer and to find a beacon.
    let scheduled = stage.events.iter().find_map(|event| match event {
        Event::SessionScheduled { start, .. } => Some(*start),
        _ => None,
    });
    assert_eq!(scheduled.map(GpsInstant::wire_secs), Some(session_time));
    // Fragments start with the session and each takes the first slot that there is after the one before.
    assert_eq!(Some(stage.multicasts[0].0), scheduled);
    let gap = stage.campaign.plan().groups()[0].block().unwrap().gap;
    let periodicity = PingSlotPeriodicity::new(3).unwrap();
    for pair in stage.on_air.windows(2) {
        assert_eq!(pair[1], slot(periodicity, pair[0] + gap));
    }
    assert!(
        !stage.warnings().contains(&Warning::ReportMissing),
        "waiting for a slot is not a missing report"
    );
}

#[test]
fn what_class_b_excludes_is_refused_by_the_plan() {
    let mut spec = class_b(1);
    spec.devices[0].class = DeviceClass::C;
    assert_eq!(Plan::new(spec).unwrap_err(), PlanError::ClassConflict(DevEui(1)));

    // Frequency 0 hops in class B; in class C it is reserved.
    let mut spec = class_b(1);
    spec.groups[0].parameters.frequency = Frequency::HOPPING;
    assert!(Plan::new(spec.clone()).is_ok());
    spec.groups[0].parameters.class = SessionClass::C;
    assert_eq!(Plan::new(spec).unwrap_err(), PlanError::Frequency { hz: 0 });
}

#[test]
fn plans_with_groups_that_do_not_fit_together_are_refused() {
    let mut spec = two_groups();
    spec.groups[1].parameters.id = GroupId(0);
    assert_eq!(Plan::new(spec).unwrap_err(), PlanError::GroupOrder { id: GroupId(0), at: 1 });
    let mut spec = two_groups();
    spec.devices[0].group = GroupId(2);
    assert_eq!(
        Plan::new(spec).unwrap_err(),
        PlanError::UnknownGroup { device: DevEui(1), group: GroupId(2) }
    );
    let mut spec = common::spec(1);
    spec.devices[0].limits.nb_frag = Some(9);
    assert!(matches!(Plan::new(spec).unwrap_err(), PlanError::DeviceLimit { nb_frag: 10, limit: 9, .. }));
    let mut spec = common::spec(1);
    spec.devices[0].limits.frag_size = Some(9);
    assert_eq!(Plan::new(spec).unwrap_err(), PlanError::FragSize { frag_size: 10, max: 9 });
}

#[test]
fn a_multicast_setup_campaign_ends_with_groups_that_stay() {
    let mut spec = spec(2);
    spec.kind = Kind::MulticastSetup;
    spec.image.clear();
    let mut stage = Stage::new(spec);
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    assert_eq!(
        stage.chart(),
        [
            "S->D1 McGroupSetupReq",
            "D1->S McGroupSetupAns",
            "S->D2 McGroupSetupReq",
            "D2->S McGroupSetupAns",
            "S->D2 McClassCSessionReq",
            "D2->S McClassCSessionAns",
            "S->D1 McClassCSessionReq",
            "D1->S McClassCSessionAns",
        ]
    );
}

#[test]
fn a_configured_start_is_kept_or_the_campaign_fails() {
    let start = START + Duration::from_secs(5 * 3600);
    let mut spec = spec(1);
    spec.session_start = Some(start);
    let mut stage = Stage::new(spec.clone());
    assert_eq!(stage.run().complete, 1);
    assert_eq!(stage.multicasts[0].0, start + Duration::from_secs(4));

    // Device 1 has answered both set-up requests after five seconds, with ten to go before a start makes sense.
    for (secs, stage_then) in [(4, StageKind::FragSessionSetup), (12, StageKind::McClassSession)] {
        spec.session_start = Some(START + Duration::from_secs(secs));
        let mut stage = Stage::new(spec.clone());
        let outcome = stage.run();
        let expected = (CampaignStatus::Failed, Some(Cause::SessionStartPassed));
        assert_eq!((outcome.status, outcome.cause), expected, "{secs} s");
        assert_eq!(stage.campaign.stages().last().map(|report| report.stage), Some(stage_then), "{secs} s");
        assert!(stage.now <= START + Duration::from_secs(secs), "no later than it is known");
    }
}

#[test]
fn without_reports_class_b_fragments_keep_whole_ping_periods() {
    let mut spec = class_b(1);
    spec.groups[0].parameters.class = SessionClass::B { periodicity: PingSlotPeriodicity::MIN };
    spec.groups[0].parameters.data_rate = DataRate::new(0).unwrap();
    spec.config.summary_reports_disabled = true;
    let plan = Plan::new(spec).unwrap();
    let block = plan.groups()[0].block().unwrap();
    let period = Duration::from_millis(960);
    let duty = block.airtime * 10;
    assert!(block.gap >= duty && block.gap < duty + period);
    assert_eq!(block.gap.as_micros() % period.as_micros(), 0, "a frame starts in a slot only");
}

#[test]
fn a_class_b_round_that_its_slots_make_too_long_is_refused() {
    // One slot in 128 s and, by bad luck, only every other one can be used.
    let mut spec = class_b(1);
    spec.groups[0].parameters.class = SessionClass::B { periodicity: PingSlotPeriodicity::MAX };
    spec.max_duration = Duration::from_secs(11 * 128);
    assert!(matches!(
        Plan::new(spec).unwrap_err(),
        PlanError::RoundTooLong { frames: 11, bound: Bound::MaxDuration, .. }
    ));
}
