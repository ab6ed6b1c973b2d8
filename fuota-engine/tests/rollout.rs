//! Staged roll-outs: canaries first, gates between the waves, and why a roll-out stopped.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{START, Stage, good, spec};
use fuota_engine::campaign::event::{CampaignStatus, DeviceReport};
use fuota_engine::campaign::spec::{CampaignSpec, FirmwareSpec, Kind};
use fuota_engine::ids::DevEui;
use fuota_engine::percent::Percent;
use fuota_engine::rollout::{
    Check, Completion, End, Entry, Event, Gate, Input, Output, Record, RestoreError, Rollout, RolloutError,
    RolloutPlan, RolloutSpec, VersionGate, WaveSize, WaveSpec,
};
use fuota_engine::time::GpsInstant;
use fuota_proto::Version;

const HOUR: Duration = Duration::from_secs(3_600);

/// Nine in ten are complete and on version 1, all of which are heard in the last hour of four.
fn gate() -> Gate {
    Gate {
        complete: Percent::whole(90),
        version: Some(VersionGate { target: Version(1), share: Percent::whole(90) }),
        soak: HOUR * 4,
        heard: Percent::whole(90),
        heard_within: HOUR,
    }
}

/// Ten devices: one canary, three more, everybody else.
fn three_waves() -> RolloutSpec {
    let wave = |size| WaveSpec { size, gate: gate() };
    RolloutSpec {
        devices: (1..=10).map(DevEui).collect(),
        waves: [WaveSize::Devices(1), WaveSize::Share(Percent::whole(30)), WaveSize::Rest].map(wave).into(),
    }
}

/// How the devices of these campaigns behave.
#[derive(Clone, Copy, Default)]
struct Fleet {
    /// It answers nothing.
    deaf: Option<u64>,
    /// It falls back to version 0 an hour into the soak.
    falls_back: Option<u64>,
    /// It is never heard once it has been updated.
    dies: Option<u64>,
}

/// A roll-out with a real campaign for each wave, in virtual time.
struct Theatre {
    rollout: Rollout,
    now: GpsInstant,
    fleet: Fleet,
    records: Vec<Record>,
    events: Vec<Event>,
    /// The devices of the campaigns so far.
    served: Vec<Vec<u64>>,
    outputs: usize,
    /// The process dies over this output, and is restarted from its records.
    crash: Option<usize>,
}

impl Theatre {
    fn new(fleet: Fleet) -> Self {
        let rollout = Rollout::new(RolloutPlan::new(three_waves()).unwrap(), START);
        Self {
            rollout,
            now: START,
            fleet,
            records: Vec::new(),
            events: Vec::new(),
            served: Vec::new(),
            outputs: 0,
            crash: None,
        }
    }

    fn next_output(&mut self) -> Output {
        let output = self.rollout.poll_output();
        if matches!(output, Output::Wait(_)) {
            return output;
        }
        self.outputs += 1;
        if self.crash != Some(self.outputs) {
            return output;
        }
        let durable: Vec<_> =
            self.records.iter().map(|record| Record::from_octets(&record.to_octets()).unwrap()).collect();
        let plan = RolloutPlan::new(three_waves()).unwrap();
        self.rollout = match Rollout::restore(plan.clone(), durable) {
            Err(RestoreError::Empty) => Rollout::new(plan, self.now),
            restored => restored.unwrap(),
        };
        self.next_output()
    }

    fn run(&mut self) -> End {
        loop {
            match self.next_output() {
                Output::Persist(record) => self.records.push(record),
                Output::Event(event) => self.events.push(event),
                Output::Serve { wave } => {
                    let reports = self.serve(wave);
                    let ended = Input::Ended { wave, devices: &reports, verified: Some(Version(1)) };
                    self.rollout.handle(self.now, ended);
                }
                Output::Finished(end) => return end,
                Output::Wait(until) => self.soak(until.unwrap()),
                Output::Halt { wave } => panic!("wave {wave} is stopped by nobody"),
            }
        }
    }

    /// Runs the wave's campaign to its end.
    fn serve(&mut self, wave: usize) -> Vec<DeviceReport> {
        let names: Vec<_> = self.rollout.plan().devices(wave).iter().map(|device| device.0).collect();
        let mut stage = Stage::new(update(names.len() as u64));
        for (n, name) in (1..).zip(&names) {
            if self.fleet.deaf == Some(*name) {
                stage = stage.device(n, |_, _, _| None);
            } else {
                stage = stage.device(n, |heard, _, now| good(heard, now));
            }
        }
        stage.run();
        self.now += stage.now.since(START);
        // The scripted devices are called 1, 2, 3 …
        let named = |report: DeviceReport| {
            let mut named = report;
            named.dev_eui = DevEui(names[usize::try_from(report.dev_eui.0).unwrap() - 1]);
            named
        };
        if self.served.len() == wave {
            self.served.push(names.clone());
        }
        stage.campaign.devices().map(named).collect()
    }

    /// Tells something while devices soak, and carries out what comes of it.
    fn tell(&mut self, at: GpsInstant, input: Input<'_>) {
        self.rollout.handle(at, input);
        loop {
            match self.next_output() {
                Output::Persist(record) => self.records.push(record),
                Output::Wait(_) => return,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Every device of the wave speaks every half hour.
    fn soak(&mut self, until: GpsInstant) {
        let (began, Fleet { dies, falls_back, .. }) = (self.now, self.fleet);
        let mut at = began;
        let wave = self.rollout.wave();
        let devices = self.rollout.plan().devices(wave).to_vec();
        while at + HOUR / 2 < until && self.rollout.end().is_none() {
            at += HOUR / 2;
            for &device in devices.iter().filter(|device| dies != Some(device.0)) {
                let version = Version(u32::from(falls_back != Some(device.0)));
                self.tell(at, Input::Heard(device));
                // Once more half an hour later, should the server have been down.
                if at == began + HOUR || at == began + HOUR * 3 / 2 {
                    self.tell(at, Input::Version { device, version });
                }
            }
        }
        self.now = until;
        self.rollout.handle(until, Input::Timeout);
    }
}

fn update(devices: u64) -> CampaignSpec {
    let mut spec = spec(devices);
    spec.kind = Kind::Firmware(FirmwareSpec { target: Version(1), hardware: None, reboot: None });
    // The gate decides what is enough.
    spec.config.success_threshold = Percent::whole(0);
    spec
}

#[test]
fn canaries_come_first_and_everybody_is_served_once() {
    let mut theatre = Theatre::new(Fleet::default());
    assert_eq!(theatre.run(), End::Succeeded);
    let served: [&[u64]; 3] = [&[1], &[2, 3, 4], &[5, 6, 7, 8, 9, 10]];
    assert_eq!(theatre.served, served);
    let passed = |event: &Event| match *event {
        Event::GatePassed { wave, complete, heard } => Some((wave, complete, heard)),
        _ => None,
    };
    let passed: Vec<_> = theatre.events.iter().filter_map(passed).collect();
    assert_eq!(passed, [(0, 1, 1), (1, 3, 3), (2, 6, 6)]);
    // Each wave has soaked before the next began.
    for (event, next) in theatre.events.iter().zip(&theatre.events[1..]) {
        match (event, next) {
            (Event::WaveStarted { wave, .. }, Event::SoakStarted { wave: then, .. })
            | (Event::SoakStarted { wave, .. }, Event::GatePassed { wave: then, .. }) => {
                assert_eq!(wave, then);
            }
            (Event::GatePassed { wave, .. }, Event::WaveStarted { wave: then, .. }) => {
                assert_eq!(wave + 1, *then);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_wave_with_too_few_complete_devices_is_the_last() {
    let mut theatre = Theatre::new(Fleet { deaf: Some(3), ..Fleet::default() });
    let end = theatre.run();
    assert_eq!(end, End::GateFailed { wave: 1, check: Check::Complete, counted: 2, required: 3 });
    assert_eq!(end.to_string(), "wave 1: 2 devices are complete, 3 required");
    assert_eq!(theatre.served.len(), 2);
}

#[test]
fn a_device_that_falls_back_while_its_wave_soaks_stops_the_roll_out() {
    let mut theatre = Theatre::new(Fleet { falls_back: Some(2), ..Fleet::default() });
    let end = theatre.run();
    assert_eq!(end, End::GateFailed { wave: 1, check: Check::Version, counted: 2, required: 3 });
    assert_eq!(end.to_string(), "wave 1: 2 devices are on the version, 3 required");
}

#[test]
fn a_canary_that_is_no_longer_heard_stops_the_roll_out() {
    let mut theatre = Theatre::new(Fleet { dies: Some(1), ..Fleet::default() });
    let end = theatre.run();
    assert_eq!(end, End::GateFailed { wave: 0, check: Check::Heard, counted: 0, required: 1 });
    assert_eq!(theatre.served, [[1]]);
}

#[test]
fn one_of_ten_may_fail_where_nine_in_ten_are_wanted() {
    // Six devices are left: nine tenths of them are six. A seventh is needed for one to fail.
    let mut few = Theatre::new(Fleet { dies: Some(10), ..Fleet::default() });
    assert_eq!(few.run(), End::GateFailed { wave: 2, check: Check::Heard, counted: 5, required: 6 });
    let mut spec = three_waves();
    spec.waves = vec![WaveSpec { size: WaveSize::Rest, gate: gate() }];
    let mut theatre = Theatre::new(Fleet { dies: Some(10), ..Fleet::default() });
    theatre.rollout = Rollout::new(RolloutPlan::new(spec).unwrap(), START);
    assert_eq!(theatre.run(), End::Succeeded);
}

#[test]
fn a_crash_after_any_output_changes_nothing() {
    for fleet in [Fleet::default(), Fleet { falls_back: Some(7), ..Fleet::default() }] {
        let mut whole = Theatre::new(fleet);
        let end = whole.run();
        assert!(whole.outputs > 25);
        for crash in 1..=whole.outputs {
            let mut theatre = Theatre::new(fleet);
            theatre.crash = Some(crash);
            assert_eq!(theatre.run(), end, "crash over output {crash}");
            assert_eq!(theatre.served, whole.served, "crash over output {crash}");
        }
    }
}

#[test]
fn the_operator_ends_it_while_it_serves_and_while_it_soaks() {
    let drained = |rollout: &mut Rollout| {
        let outputs = std::iter::from_fn(|| match rollout.poll_output() {
            Output::Wait(_) => None,
            output => Some(output),
        });
        outputs.filter(|output| !matches!(output, Output::Persist(_))).collect::<Vec<_>>()
    };
    let mut rollout = Rollout::new(RolloutPlan::new(three_waves()).unwrap(), START);
    drained(&mut rollout);
    let mut soaking = rollout.clone();
    rollout.handle(START + HOUR, Input::Stop);
    let stopped = Output::Finished(End::Stopped { wave: 0 });
    assert_eq!(drained(&mut rollout), [Output::Halt { wave: 0 }, stopped.clone()]);
    rollout.handle(START + HOUR, Input::Stop);
    assert_eq!(drained(&mut rollout), []);

    let mut stage = Stage::new(update(1));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let reports: Vec<_> = stage.campaign.devices().collect();
    let ended = Input::Ended { wave: 0, devices: &reports, verified: Some(Version(1)) };
    soaking.handle(START + HOUR, ended);
    // Told twice, it counts once; and what another wave's campaign did is no matter of this one.
    soaking.handle(START + HOUR * 2, ended);
    soaking.handle(START + HOUR * 2, Input::Ended { wave: 1, devices: &reports, verified: None });
    let until = START + HOUR * 5;
    let told = Output::Event(Event::SoakStarted { wave: 0, complete: 1, until });
    assert_eq!(drained(&mut soaking), [told]);
    assert_eq!(soaking.poll_output(), Output::Wait(Some(until)));
    soaking.handle(START + HOUR * 2, Input::Stop);
    assert_eq!(drained(&mut soaking), [stopped]);
}

#[test]
fn only_the_last_part_of_a_soak_counts_and_only_once() {
    let mut rollout = Rollout::new(RolloutPlan::new(three_waves()).unwrap(), START);
    let mut stage = Stage::new(update(1));
    stage.run();
    let reports: Vec<_> = stage.campaign.devices().collect();
    rollout.handle(START, Input::Ended { wave: 0, devices: &reports, verified: Some(Version(1)) });
    let records = |rollout: &mut Rollout| {
        let outputs = std::iter::from_fn(|| match rollout.poll_output() {
            Output::Wait(_) => None,
            output => Some(output),
        });
        outputs.filter(|output| matches!(output, Output::Persist(_))).count()
    };
    records(&mut rollout);
    rollout.handle(START + HOUR, Input::Heard(DevEui(1)));
    rollout.handle(START + HOUR * 3, Input::Heard(DevEui(2)));
    assert_eq!(records(&mut rollout), 0, "too early, and not of this wave");
    rollout.handle(START + HOUR * 3, Input::Heard(DevEui(1)));
    rollout.handle(START + HOUR * 3, Input::Heard(DevEui(1)));
    assert_eq!(records(&mut rollout), 1);
    // What is heard after the moment counts for the next wave.
    rollout.handle(START + HOUR * 4, Input::Heard(DevEui(1)));
    assert_eq!((records(&mut rollout), rollout.wave()), (1, 1));
}

#[test]
fn a_roll_out_that_cannot_be_is_refused() {
    let refused = |change: &dyn Fn(&mut RolloutSpec)| {
        let mut spec = three_waves();
        change(&mut spec);
        RolloutPlan::new(spec).unwrap_err()
    };
    assert_eq!(refused(&|spec| spec.devices.clear()), RolloutError::NoDevices);
    assert_eq!(refused(&|spec| spec.devices[4] = DevEui(2)), RolloutError::DuplicateDevice(DevEui(2)));
    assert_eq!(
        refused(&|spec| spec.waves[0].size = WaveSize::Devices(0)),
        RolloutError::EmptyWave { wave: 0 }
    );
    assert_eq!(refused(&|spec| spec.waves[1].size = WaveSize::Rest), RolloutError::EmptyWave { wave: 2 });
    assert_eq!(refused(&|spec| spec.waves.truncate(2)), RolloutError::LeftOut { devices: 6 });
    let share = Percent::whole(101);
    assert_eq!(refused(&|spec| spec.waves[2].gate.heard = share), RolloutError::Share { wave: 2, share });
    let (soak, heard_within) = (HOUR * 4, HOUR * 5);
    assert_eq!(
        refused(&|spec| spec.waves[0].gate.heard_within = heard_within),
        RolloutError::SoakTooShort { wave: 0, soak, heard_within }
    );
}

#[test]
fn what_a_device_said_last_is_what_it_runs() {
    let mut stage = Stage::new(update(1));
    stage.run();
    let reports: Vec<_> = stage.campaign.devices().collect();
    let verified = reports[0].since;
    // It ran the old version before it was updated, or it has fallen back since, before the campaign was over.
    let second = Duration::from_secs(1);
    for (said, version, on_target) in
        [(verified - second, 0, 1), (verified + second, 0, 0), (verified + second, 1, 1)]
    {
        let mut rollout = Rollout::new(RolloutPlan::new(three_waves()).unwrap(), START);
        rollout.handle(said, Input::Version { device: DevEui(1), version: Version(version) });
        let ended = verified + second * 2;
        rollout.handle(ended, Input::Ended { wave: 0, devices: &reports, verified: Some(Version(1)) });
        rollout.handle(ended + HOUR * 4 - second, Input::Heard(DevEui(1)));
        rollout.handle(ended + HOUR * 4, Input::Timeout);
        let failed = End::GateFailed { wave: 0, check: Check::Version, counted: 0, required: 1 };
        assert_eq!(rollout.end(), (on_target == 0).then_some(failed));
    }
}

#[test]
fn records_written_in_version_1_are_read() {
    let at = START;
    let complete = vec![Completion { place: 0, since: START }, Completion { place: 300, since: START }];
    let entries = [
        Entry::Started,
        Entry::Ended { complete, verified: Some(Version(7)) },
        Entry::Ended { complete: Vec::new(), verified: None },
        Entry::Heard { place: 300 },
        Entry::Version { place: 2, version: Version(9) },
        Entry::Stopped,
        Entry::Timeout,
    ];
    let golden = [
        "018080beb5aea9be0200",
        "018080beb5aea9be020102008080beb5aea9be02ac028080beb5aea9be020107",
        "018080beb5aea9be02010000",
        "018080beb5aea9be0202ac02",
        "018080beb5aea9be02030209",
        "018080beb5aea9be0204",
        "018080beb5aea9be0205",
    ];
    for (octets, entry) in golden.into_iter().zip(entries) {
        let record = Record { at, entry };
        assert_eq!(hex::encode(record.to_octets()), octets);
        assert_eq!(Record::from_octets(&hex::decode(octets).unwrap()), Ok(record));
    }
}
