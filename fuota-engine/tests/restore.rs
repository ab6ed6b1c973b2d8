//! A server that crashes after any output and is restarted from what was durable comes to the same end.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::kinds::every_kind;
use common::{Heard, START, Stage, answer_missing, fragment, good, multicast, spec};
use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{CampaignStatus, Event, Warning};
use fuota_engine::campaign::io::{Input, Order, Output, Transmit};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Entry, Record, Restore, RestoreError};
use fuota_engine::campaign::spec::{CampaignSpec, Redundancy};
use fuota_engine::time::GpsInstant;
use fuota_proto::clock_sync::{self, v1::AppTimeReq};
use fuota_proto::multicast::v1::McGroupSetupAns;
use fuota_proto::{GpsSeconds, McGroupId, TimeToken};

/// Seven devices: asked by multicast; without FEC the last one needs a third round.
fn rounds() -> CampaignSpec {
    let mut spec = spec(7);
    spec.groups[0].redundancy = Redundancy::Rounds;
    spec
}

fn stage(spec: CampaignSpec) -> Stage {
    Stage::new(spec).device(7, |heard, times, now| match heard {
        Heard::Status { .. } => answer_missing(heard, now, if times <= 2 { 4 } else { 0 }),
        _ => good(heard, now),
    })
}

#[test]
fn a_crash_after_any_output_changes_nothing_but_repeats() {
    let mut whole = stage(rounds());
    let outcome = whole.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 7));
    let outputs = whole.outputs;
    assert!(outputs > 300);

    for crash in 1..=outputs {
        let mut stage = stage(rounds()).crash_after(crash);
        assert_eq!(stage.run(), outcome, "crash after output {crash}");

        // Rounds are whole; what went out twice is the same under the same name.
        let mut sent = BTreeMap::new();
        let mut repeated = 0;
        for (_, tx) in &stage.multicasts {
            if let Some(before) = sent.insert(tx.id, tx.payload.clone()) {
                assert_eq!(before, tx.payload);
                repeated += 1;
            }
        }
        assert!(repeated <= 1, "crash after output {crash}: {repeated} repeats");
        let fragments = sent.values().filter(|payload| payload[0] == 0x08).count();
        assert!(fragments >= 20 && fragments % 10 == 0, "crash after output {crash}: {fragments} fragments");
    }
}

/// So many devices, and nobody waits for the network server's reports.
fn unreported(devices: u64) -> CampaignSpec {
    let mut spec = spec(devices);
    spec.config.summary_reports_disabled = true;
    spec
}

#[test]
fn no_fragment_is_skipped_where_reports_are_not_waited_for() {
    let mut whole = Stage::new(unreported(2));
    whole.run();
    for crash in 1..=whole.outputs {
        let mut stage = Stage::new(unreported(2)).crash_after(crash);
        stage.run();
        let sent = stage.multicasts.iter().filter_map(|(_, tx)| fragment(tx));
        let numbers: BTreeSet<_> = sent.map(|(n, _)| n).collect();
        assert_eq!(numbers, (1..=11).collect(), "crash after output {crash}");
    }
}

/// Of several frames that may not have been handed over, the next restart would know only the last.
#[test]
fn where_reports_are_not_waited_for_what_is_repeated_goes_alone() {
    let mut stage = Stage::new(unreported(1));
    stage.run_until(|stage| stage.multicasts.len() == 3);
    let mut restore = Restore::new(Plan::new(unreported(1)).unwrap());
    for record in &stage.records {
        restore.apply(record.clone()).unwrap();
    }
    // The next two would have gone out meanwhile.
    let (last, before) = (&stage.multicasts[2], &stage.multicasts[1]);
    let gap = last.0.since(before.0);
    let now = last.0 + 2 * gap;
    let mut campaign = restore.finish(now).unwrap();
    let mut sent = Vec::new();
    let until = loop {
        match campaign.poll_output() {
            Output::Transmit(tx) => sent.push(tx.id),
            Output::Wait(until) => break until,
            _ => {}
        }
    };
    assert_eq!((sent, until), (vec![last.1.id], Some(now + gap)));
}

/// A device asks for the time, and wants an answer.
fn time_request() -> Vec<u8> {
    let device_time = GpsSeconds(START.wire_secs());
    let request = AppTimeReq { device_time, token_req: TimeToken::from_wire(3), ans_required: true };
    let mut octets = [0; 8];
    let len = clock_sync::v1::Uplink::from(request).encode_to_slice(&mut octets).unwrap();
    octets[..len].to_vec()
}

#[test]
fn what_a_device_was_answered_is_repeated_only_while_its_fate_is_unknown() {
    let asked_for_the_time = || {
        let mut spec = spec(2);
        spec.devices[0].clock_sync = true;
        let mut stage = Stage::new(spec);
        stage.answer_at(Duration::from_secs(50), 1, Some((202, time_request())));
        stage
    };
    let mut whole = asked_for_the_time();
    whole.run();
    let mut repeated = 0;
    for crash in 1..=whole.outputs {
        let mut stage = asked_for_the_time().crash_after(crash);
        stage.run();
        let answers: Vec<_> = stage.unicasts.iter().filter(|(_, tx)| tx.port == 202).collect();
        let [.., (_, last)] = answers[..] else { continue };
        let place = |wanted: &dyn Fn(&Entry) -> bool| stage.records.iter().position(|r| wanted(&r.entry));
        let reported = place(&|entry| matches!(entry, Entry::Downlink { id, .. } if *id == last.id));
        let restarted = place(&|entry| *entry == Entry::Restarted);
        if reported < restarted {
            assert_eq!(answers.len(), 1, "crash after output {crash}: it was known to be sent");
        }
        if answers.len() > 1 {
            repeated += 1;
            let told = Warning::PossiblyRepeated { id: last.id };
            assert!(stage.warnings().contains(&told), "crash after output {crash}");
        }
    }
    assert!(repeated > 0, "some crash comes before its report");
}

/// A campaign that has answered a device's question for the time, and not heard what became of the answer.
struct Answered {
    plan: Plan,
    records: Vec<Record>,
    answer: Transmit,
}

impl Answered {
    fn new() -> Self {
        let mut spec = spec(2);
        spec.devices[0].clock_sync = true;
        let plan = Plan::new(spec).unwrap();
        let mut campaign = Campaign::new(plan.clone(), START);
        let (from, payload) = (plan.devices()[0].dev_eui, time_request());
        campaign.handle(START, Input::Uplink { from, port: 202, payload: &payload, received: START });
        let mut records = Vec::new();
        loop {
            match campaign.poll_output() {
                Output::Persist(record) => records.push(record),
                Output::Transmit(answer) if answer.port == 202 => return Self { plan, records, answer },
                Output::Wait(_) => panic!("the device is answered"),
                _ => {}
            }
        }
    }

    /// Restarts it; how often the answer is sent again, and is told to be.
    fn restart(&mut self, now: GpsInstant) -> (usize, usize) {
        let mut restore = Restore::new(self.plan.clone());
        self.records.iter().for_each(|record| restore.apply(record.clone()).unwrap());
        let mut campaign = restore.finish(now).unwrap();
        let (mut sent, mut told) = (0, 0);
        loop {
            match campaign.poll_output() {
                Output::Persist(record) => self.records.push(record),
                Output::Transmit(tx) => sent += usize::from(tx.id == self.answer.id),
                Output::Event(Event::Warning(Warning::PossiblyRepeated { id })) => {
                    told += usize::from(id == self.answer.id);
                }
                Output::Wait(_) => return (sent, told),
                _ => {}
            }
        }
    }
}

/// Whoever was answered while the server goes down for long asks again; nobody may send an answer whose time has passed.
#[test]
fn an_answer_that_is_no_longer_worth_sending_is_not_repeated() {
    let answer = Answered::new().answer;
    assert_eq!(Answered::new().restart(answer.expires_at), (1, 1));
    assert_eq!(Answered::new().restart(answer.expires_at + Duration::from_secs(1)), (0, 0));
}

/// What one restart has to say does not grow with those before it.
#[test]
fn a_server_that_goes_down_again_and_again_tells_each_time_once_what_it_repeats() {
    let mut answered = Answered::new();
    for restart in 1..=100 {
        assert_eq!(answered.restart(START + Duration::from_millis(restart)), (1, 1), "restart {restart}");
    }
}

#[test]
fn who_answers_while_waiting_to_be_asked_leaves_the_queue_alike_whichever_way_it_is_restored() {
    let waiting = || {
        let mut spec = spec(2);
        spec.config.ucast_msg_delay = Duration::from_secs(30);
        let mut stage = Stage::new(spec).device(1, |_, _, _| None);
        // Device 2 waits for its turn when it answers; then the first one is all that is waited for.
        let answer = McGroupSetupAns { mc_group_id: McGroupId::MIN, id_error: false };
        stage.answer_at(Duration::from_secs(20), 2, multicast(&answer.into()));
        stage.order(Duration::from_secs(150), Order::Stop)
    };
    let mut whole = waiting();
    let outcome = whole.run();
    assert_eq!(outcome.status, CampaignStatus::Stopped);
    for crash in 1..=whole.outputs {
        // The restored campaigns are compared octet for octet.
        let mut stage = waiting().snapshot_every(1).crash_after(crash);
        assert_eq!(stage.run(), outcome, "crash after output {crash}");
    }
}

#[test]
fn a_crash_after_any_output_leaves_the_adaptive_policy_where_it_was() {
    let adaptive = || {
        let mut spec = spec(3);
        spec.groups[0].redundancy = Redundancy::Adaptive;
        // The first poll finds two devices without some fragments, the second one, and then a late answer.
        let stage = Stage::new(spec).device(1, |heard, times, now| match heard {
            Heard::Status { .. } => answer_missing(heard, now, if times <= 2 { 3 } else { 0 }),
            _ => good(heard, now),
        });
        stage.device(3, |heard, times, now| match heard {
            Heard::Status { .. } => answer_missing(heard, now, if times <= 4 { 2 } else { 0 }),
            _ => good(heard, now),
        })
    };
    let mut whole = adaptive();
    let outcome = whole.run();
    // The two that were named are asked alone in the end.
    assert_eq!((outcome.status, outcome.complete, outcome.inferred), (CampaignStatus::Succeeded, 3, 1));
    let sent: BTreeMap<_, _> = whole.multicasts.iter().map(|(_, tx)| (tx.id, tx.payload.clone())).collect();
    for crash in 1..=whole.outputs {
        let mut stage = adaptive().crash_after(crash);
        assert_eq!(stage.run(), outcome, "crash after output {crash}");
        let again: BTreeMap<_, _> =
            stage.multicasts.iter().map(|(_, tx)| (tx.id, tx.payload.clone())).collect();
        let fragments =
            |sent: &BTreeMap<_, Vec<u8>>| sent.values().filter(|payload| payload[0] == 0x08).count();
        assert!(fragments(&again) >= fragments(&sent), "crash after output {crash}");
    }
}

#[test]
fn campaigns_of_every_kind_survive_a_crash_after_any_output() {
    for (name, spec) in every_kind() {
        let mut whole = Stage::new(spec.clone());
        let outcome = whole.run();
        // From records alone, from the latest snapshot on; with the last record whole, missing or torn.
        let ways: [fn(Stage) -> Stage; 3] =
            [|stage| stage, |stage| stage.snapshot_every(1), |stage| stage.snapshot_every(7).torn(true)];
        for (crash, way) in (1..=whole.outputs).flat_map(|crash| ways.map(|way| (crash, way))) {
            let after = way(Stage::new(spec.clone()).crash_after(crash)).run();
            assert_eq!(
                (after.status, after.complete),
                (outcome.status, outcome.complete),
                "{name}: crash after output {crash}"
            );
        }
    }
}

#[test]
fn a_campaign_that_is_handed_over_goes_on_as_if_it_had_not_been() {
    // Written down and read again at every rest, it takes every step at the same moment.
    for (name, spec) in every_kind() {
        let (mut whole, mut handed) = (Stage::new(spec.clone()), Stage::new(spec).handed_over());
        assert_eq!(whole.run(), handed.run(), "{name}");
        assert_eq!(whole.records, handed.records, "{name}");
        assert_eq!(whole.events, handed.events, "{name}");
        assert_eq!(whole.unicasts, handed.unicasts, "{name}");
        assert_eq!(whole.multicasts, handed.multicasts, "{name}");
    }
}

#[test]
fn a_restart_is_history_too() {
    // The records of a campaign that was restarted lead to where it really came, restart included.
    for (name, spec) in every_kind() {
        let mut whole = Stage::new(spec.clone());
        whole.run();
        for crash in 1..=whole.outputs {
            // Nothing derived comes for the second device any more, nor is it heard: only time moves it.
            let mut stage = Stage::new(spec.clone()).crash_after(crash).deaf_after_crash(2);
            stage.run();
            let mut restore = Restore::new(Plan::new(spec.clone()).unwrap());
            for record in stage.records.clone() {
                restore.apply(record).unwrap();
            }
            let restored = restore.finish(stage.now).unwrap();
            assert_eq!(restored.stages(), stage.campaign.stages(), "{name}: crash after output {crash}");
            assert!(restored.devices().eq(stage.campaign.devices()), "{name}: crash after output {crash}");
        }
    }
}

#[test]
fn what_may_have_been_on_air_twice_is_reported() {
    let mut whole = stage(rounds());
    whole.run();
    let mut reported = 0;
    for crash in 1..=whole.outputs {
        let mut stage = stage(rounds()).crash_after(crash);
        stage.run();
        let warned = |event: &Event| matches!(event, Event::Warning(Warning::PossiblyRepeated { .. }));
        reported += stage.events.iter().filter(|event| warned(event)).count();
    }
    assert!(reported > 20);
}

#[test]
fn records_lead_to_the_same_state_at_every_drained_moment() {
    let mut whole = stage(rounds());
    whole.run();
    let plan = Plan::new(rounds()).unwrap();
    let mut restore = Restore::new(plan);
    for record in whole.records.clone() {
        restore.apply(record).unwrap();
    }
    let mut restored = restore.finish(whole.now).unwrap();
    // The restart itself becomes durable first.
    assert!(matches!(restored.poll_output(), Output::Persist(Record { entry: Entry::Restarted, .. })));
    let Output::Finished(outcome) = restored.poll_output() else { panic!("not over") };
    assert_eq!(Some(&outcome), whole.campaign.outcome());
    assert_eq!(restored.stages(), whole.campaign.stages());
    assert!(restored.devices().eq(whole.campaign.devices()));
}

#[test]
fn records_tell_again_what_was_told() {
    let retold = |spec: &CampaignSpec, records: Vec<Record>| {
        let (mut restore, mut events) = (Restore::new(Plan::new(spec.clone()).unwrap()), Vec::new());
        for record in records {
            restore.retell(record, &mut |event| events.push(event)).unwrap();
        }
        events
    };
    for (name, spec) in every_kind() {
        let mut whole = Stage::new(spec.clone());
        whole.run();
        assert_eq!(retold(&spec, whole.records.clone()), whole.events, "{name}");
        // Through a crash nothing is told twice, and nothing is missing.
        let decided = |events: &[Event]| events.iter().filter(|e| matches!(e, Event::Decided(_))).count();
        let ended = |events: &[Event]| events.iter().filter(|e| matches!(e, Event::StageEnded(_))).count();
        for crash in 1..=whole.outputs {
            let mut stage = Stage::new(spec.clone()).crash_after(crash);
            stage.run();
            let events = retold(&spec, stage.records.clone());
            assert_eq!(decided(&events), 1, "{name}: crash after output {crash}");
            assert_eq!(ended(&events), ended(&whole.events), "{name}: crash after output {crash}");
        }
    }
}

#[test]
fn records_that_make_no_campaign_are_refused() {
    let plan = || Plan::new(spec(2)).unwrap();
    assert!(matches!(Restore::new(plan()).finish(START), Err(RestoreError::Empty)));
    let record = |entry| Record { at: START, entry };
    let mut restore = Restore::new(plan());
    assert_eq!(restore.apply(record(Entry::Timeout)), Err(RestoreError::Start { at: 0 }));
    let mut restore = Restore::new(plan());
    assert_eq!(restore.apply(record(Entry::Started)), Ok(()));
    let stranger = Entry::Uplink { device: 2, port: 10, payload: vec![], received: START };
    assert_eq!(restore.apply(record(stranger)), Err(RestoreError::Device { at: 1, device: 2, devices: 2 }));
    assert_eq!(restore.apply(record(Entry::Started)), Err(RestoreError::Start { at: 2 }));
}

#[test]
fn strangers_do_not_move_a_campaign() {
    use fuota_engine::campaign::Campaign;
    use fuota_engine::campaign::io::Input;
    use fuota_engine::ids::DevEui;

    let mut campaign = Campaign::new(Plan::new(spec(1)).unwrap(), START);
    while !matches!(campaign.poll_output(), Output::Wait(_)) {}
    // Far beyond the maximum duration, but only a stranger says so.
    let now = START + Duration::from_secs(1_000_000);
    campaign.handle(now, Input::Uplink { from: DevEui(99), port: 10, payload: &[], received: now });
    assert!(matches!(campaign.poll_output(), Output::Event(Event::Warning(Warning::UnknownInput))));
    assert!(matches!(campaign.poll_output(), Output::Wait(_)), "nothing is recorded, nothing has changed");
    assert!(campaign.outcome().is_none());
}
