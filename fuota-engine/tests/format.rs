//! Plans, records and snapshots as octets: what was ever written is read, and what is broken is refused.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{START, Stage, group, spec};
use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus};
use fuota_engine::campaign::format::{Format, FormatError};
use fuota_engine::campaign::io::{
    Derived, GroupReport, Input, Order, Output, Refusal, Report, Resource, SessionClass,
};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::quirk::{Quirk, Quirks};
use fuota_engine::campaign::record::{Entry, Record, Restore};
use fuota_engine::campaign::spec::{
    CampaignSpec, DeviceClass, FirmwareSpec, Indices, Kept, Kind, Membership, PackageVersion, Redundancy,
    Start,
};
use fuota_engine::config::{CleanUp, StatusThreshold};
use fuota_engine::ids::{DevEui, GroupId, TxId};
use fuota_engine::percent::Percent;
use fuota_engine::region::{DwellTime, Region};
use fuota_proto::{EncryptedMcKey, McAddr, Mic, PingSlotPeriodicity, Version};
use proptest::prelude::*;

/// The octets of a golden file: one line of hex for each value, remarks behind `#`.
fn golden(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap().trim());
    lines.filter(|line| !line.is_empty()).map(|line| hex::decode(line).unwrap()).collect()
}

/// One record of each kind.
fn records() -> Vec<Record> {
    let key = EncryptedMcKey(*b"0123456789abcdef");
    [
        Entry::Started,
        Entry::Uplink { device: 0, port: 201, payload: vec![1, 5, 0, 0], received: START },
        Entry::Uplink { device: 999_999, port: 10, payload: Vec::new(), received: START },
        Entry::Downlink { id: TxId(7 << 32 | 300), report: Report::Sent { at: START } },
        Entry::Downlink { id: TxId(0), report: Report::Refused(Refusal::Busy) },
        Entry::Downlink { id: TxId(1), report: Report::Refused(Refusal::DutyCycle) },
        Entry::Downlink { id: TxId(2), report: Report::Refused(Refusal::TooLong) },
        Entry::Downlink { id: TxId(3), report: Report::Refused(Refusal::Unknown) },
        Entry::Downlink { id: TxId(u64::MAX), report: Report::Dropped },
        Entry::Downlink { id: TxId(4), report: Report::Postponed { until: START } },
        Entry::Group { id: GroupId(0), report: GroupReport::Provisioned { next_fcnt: 70_000 } },
        Entry::Group { id: GroupId(3), report: GroupReport::Refused },
        Entry::Derived { device: 2, value: Derived::McKey(key) },
        Entry::Derived { device: 2, value: Derived::BlockMic(Mic([1, 2, 3, 4])) },
        Entry::Derived { device: 200, value: Derived::Unavailable },
        Entry::Operator(Order::Stop),
        Entry::Timeout,
        Entry::Drained,
        Entry::Restarted,
        Entry::Taken { device: 1, what: Resource::FragIndex(3) },
        Entry::Taken { device: 1, what: Resource::McGroupId(0) },
        Entry::Operator(Order::Start { at: None }),
        Entry::Operator(Order::Start { at: Some(START) }),
        Entry::Operator(Order::Pause),
        Entry::Operator(Order::Resume),
        Entry::Operator(Order::Exclude { device: DevEui(0x0123_4567_89ab_cdef) }),
        Entry::Operator(Order::Require { share: Percent::whole(80) }),
    ]
    .into_iter()
    .map(|entry| Record { at: START, entry })
    .collect()
}

#[test]
fn records_written_in_version_1_are_read() {
    let golden = golden(include_str!("vectors/format/records-1.hex"));
    let records = records();
    assert_eq!(golden.len(), records.len());
    for (octets, record) in golden.iter().zip(records) {
        assert_eq!(Record::from_octets(octets), Ok(record.clone()));
        assert_eq!(hex::encode(record.to_octets()), hex::encode(octets), "{record:?}");
    }
}

/// A campaign that has everything set.
fn elaborate() -> CampaignSpec {
    let mut spec = spec(3);
    spec.kind =
        Kind::Firmware(FirmwareSpec { target: Version(2), hardware: Some(Version(9)), reboot: Some(START) });
    spec.region = Region::As923(DwellTime::Limited);
    spec.session_start = Some(START);
    spec.ack_reception = true;
    spec.session_cnt = 7;
    spec.shared_airtime = Duration::from_secs(100);
    let mut second = group();
    second.parameters.id = GroupId(1);
    second.parameters.class = SessionClass::B { periodicity: PingSlotPeriodicity::MIN };
    second.redundancy = Redundancy::Rounds;
    spec.groups.push(second);
    let device = &mut spec.devices[1];
    device.group = GroupId(1);
    device.class = DeviceClass::C;
    device.multicast = None;
    device.fragmentation = Some(PackageVersion::V2);
    device.membership = Some(Membership { mc_addr: McAddr(5), key_id: 6, min_mc_fcnt: 0, max_mc_fcnt: 1000 });
    device.firmware = Some(Version(1));
    device.limits.nb_frag = Some(500);
    device.limits.frag_indices = Indices::only([1, 2]);
    device.limits.descriptor = Some([2, 0, 0, 0]);
    device.quirks = Quirks::NONE.with(Quirk::MissingFragLags);
    spec.config.fsession_status_threshold = StatusThreshold::Percent(Percent::whole(12));
    spec.config.mcgroup_max_fcntdn = Some(u32::MAX);
    spec.config.clean_up = CleanUp::Full;
    spec.start = Start::At(START);
    spec.kept = vec![Kept { device: 1, sent: 14 }];
    spec.config.multicast_gateways = 4;
    spec.config.adaptive_overlap = true;
    spec
}

/// Specifications cannot be compared, but everything in them can be shown.
fn shown(spec: &CampaignSpec) -> String {
    format!("{spec:#?}")
}

#[test]
fn plans_written_in_version_1_are_read() {
    let mut elaborate = elaborate();
    (elaborate.start, elaborate.kept) = (Start::AtOnce, Vec::new());
    (elaborate.config.multicast_gateways, elaborate.config.adaptive_overlap) = (1, false);
    for (octets, spec) in golden(include_str!("vectors/format/plans-1.hex")).iter().zip([spec(2), elaborate])
    {
        let read = CampaignSpec::from_octets(octets, spec.image.clone()).unwrap();
        assert_eq!(shown(&read), shown(&spec));
        for len in 1..octets.len() {
            let cut = CampaignSpec::from_octets(&octets[..len], spec.image.clone()).unwrap_err();
            assert_eq!(cut, FormatError::Truncated { format: Format::Plan, at: len });
        }
        for end in [&[0][..], &[0, 0], &[0x80], &[0x80, 0]] {
            let longer = [octets, end].concat();
            let expected = FormatError::Trailing { format: Format::Plan, at: octets.len(), left: end.len() };
            assert_eq!(CampaignSpec::from_octets(&longer, spec.image.clone()).unwrap_err(), expected);
        }
    }
}

/// Plans of an older version are read as these, and refused where they are cut short.
fn are_read_as(written: &str, specs: [CampaignSpec; 2]) {
    for (octets, spec) in golden(written).iter().zip(specs) {
        let read = CampaignSpec::from_octets(octets, spec.image.clone()).unwrap();
        assert_eq!(shown(&read), shown(&spec));
        for len in 1..octets.len() {
            let cut = CampaignSpec::from_octets(&octets[..len], spec.image.clone()).unwrap_err();
            assert_eq!(cut, FormatError::Truncated { format: Format::Plan, at: len });
        }
    }
}

#[test]
fn plans_written_in_version_2_are_read() {
    let mut elaborate = elaborate();
    (elaborate.config.multicast_gateways, elaborate.config.adaptive_overlap) = (1, false);
    are_read_as(include_str!("vectors/format/plans-2.hex"), [spec(2), elaborate]);
}

#[test]
fn plans_written_in_version_3_are_read() {
    let mut elaborate = elaborate();
    elaborate.config.adaptive_overlap = false;
    are_read_as(include_str!("vectors/format/plans-3.hex"), [spec(2), elaborate]);
}

#[test]
fn plans_written_in_version_4_are_read() {
    for (octets, spec) in
        golden(include_str!("vectors/format/plans-4.hex")).iter().zip([spec(2), elaborate()])
    {
        let read = CampaignSpec::from_octets(octets, spec.image.clone()).unwrap();
        assert_eq!(shown(&read), shown(&spec));
        assert_eq!(hex::encode(spec.to_octets()), hex::encode(octets));
    }
}

#[test]
fn a_plan_is_kept_without_its_image_but_knows_how_long_it_is() {
    let spec = spec(2);
    let mut long = spec.clone();
    long.image = vec![0xA5; 100_000];
    assert!(long.to_octets().len() < spec.to_octets().len() + 4);
    let wrong = CampaignSpec::from_octets(&spec.to_octets(), vec![0; 96]).unwrap_err();
    assert_eq!(wrong, FormatError::Image { expected: 97, got: 96 });
}

/// The campaign of the golden snapshot: without FEC, two of its four devices are still missing fragments and are in
/// their second round.
fn in_the_second_round() -> (Plan, Vec<u8>) {
    let mut spec = spec(4);
    spec.groups[0].redundancy = Redundancy::Rounds;
    let mut stage = Stage::new(spec.clone())
        .device(2, |heard, times, now| common::answer_missing(heard, now, if times > 2 { 0 } else { 3 }))
        .device(3, |heard, times, now| common::answer_missing(heard, now, if times > 2 { 0 } else { 2 }));
    stage.run_until(|stage| stage.multicasts.len() >= 16);
    (Plan::new(spec).unwrap(), stage.campaign.snapshot().unwrap())
}

#[test]
fn a_snapshot_of_this_version_is_read_and_one_of_another_refused() {
    let (plan, made_now) = in_the_second_round();
    let snapshot = golden(include_str!("vectors/format/snapshot-4.hex")).remove(0);
    for snapshot in [&snapshot, &made_now] {
        let campaign = Campaign::from_snapshot(plan.clone(), snapshot).unwrap();
        assert_eq!(campaign.status(), CampaignStatus::Running);
        let missing: Vec<_> = campaign.devices().map(|device| device.missing_frag).collect();
        assert_eq!(missing, [Some(0), Some(3), Some(2), Some(0)]);
        let complete = campaign.devices().filter(|device| device.status == DeviceStatus::Complete);
        assert_eq!(complete.count(), 2);
        assert_eq!(campaign.snapshot().as_ref(), Some(snapshot));
        // It goes on from there to the end.
        let mut restored = Restore::from_snapshot(plan.clone(), snapshot, 0).unwrap().finish(START).unwrap();
        let outcome = loop {
            match restored.poll_output() {
                Output::Finished(outcome) => break outcome,
                Output::Wait(until) => restored.handle(until.unwrap(), Input::Timeout),
                _ => {}
            }
        };
        assert_eq!((outcome.complete, outcome.failed), (2, 2));
    }
    let mut other = snapshot;
    other[0] += 1;
    let refused = Campaign::from_snapshot(plan, &other).unwrap_err();
    let format = Format::Snapshot;
    assert_eq!(refused, FormatError::Version { format, found: other[0], known: format.version() });
}

#[test]
fn a_snapshot_of_another_campaign_is_refused() {
    let (_, snapshot) = in_the_second_round();
    let other = Campaign::from_snapshot(Plan::new(spec(5)).unwrap(), &snapshot).unwrap_err();
    assert_eq!(other, FormatError::Plan { what: "devices", expected: 5, got: 4 });
}

#[test]
fn nothing_is_a_snapshot_while_something_waits_to_be_done() {
    let mut campaign = Campaign::new(Plan::new(spec(1)).unwrap(), START);
    assert_eq!(campaign.snapshot(), None);
    while !matches!(campaign.poll_output(), Output::Wait(_)) {}
    assert!(campaign.snapshot().is_some());
    campaign.handle(START, Input::Timeout);
    assert_eq!(campaign.snapshot(), None);
}

#[test]
fn a_snapshot_takes_few_octets_for_each_device() {
    let mut stage = Stage::new(spec(1_000));
    let mut most = 0;
    for stages in 1..=4 {
        stage.run_until(|stage| stage.campaign.stages().len() > stages || stage.outcome.is_some());
        most = most.max(stage.campaign.snapshot().unwrap().len() / 1_000);
    }
    println!("{most} octets");
    assert!(most <= 36);
}

#[test]
fn whatever_is_cut_off_is_said_to_be() {
    for record in records() {
        let octets = record.to_octets();
        assert_eq!(Record::from_octets(&[]), Err(FormatError::Empty { format: Format::Record }));
        for len in 1..octets.len() {
            let format = Format::Record;
            assert_eq!(Record::from_octets(&octets[..len]), Err(FormatError::Truncated { format, at: len }));
        }
        let longer = [&octets[..], &[0]].concat();
        let expected = FormatError::Trailing { format: Format::Record, at: octets.len(), left: 1 };
        assert_eq!(Record::from_octets(&longer), Err(expected));
    }
    let (plan, snapshot) = in_the_second_round();
    for len in 1..snapshot.len() {
        let cut = Campaign::from_snapshot(plan.clone(), &snapshot[..len]).unwrap_err();
        assert_eq!(cut, FormatError::Truncated { format: Format::Snapshot, at: len });
    }
    let octets = elaborate().to_octets();
    for len in 1..octets.len() {
        let cut = CampaignSpec::from_octets(&octets[..len], Vec::new()).unwrap_err();
        assert_eq!(cut, FormatError::Truncated { format: Format::Plan, at: len });
    }
}

#[test]
fn what_this_program_does_not_know_is_refused_where_it_stands() {
    let mut octets = Record { at: START, entry: Entry::Timeout }.to_octets();
    *octets.last_mut().unwrap() = 100;
    let Err(FormatError::Value { format: Format::Record, at, .. }) = Record::from_octets(&octets) else {
        panic!("the hundredth kind of entry was read")
    };
    assert_eq!(at, octets.len());
}

#[test]
fn records_differ_in_their_octets() {
    let different: BTreeSet<_> = records().iter().map(Record::to_octets).collect();
    assert_eq!(different.len(), records().len());
}

proptest! {
    #[test]
    fn no_octets_make_anything_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let versioned = [&[1], &octets[..]].concat();
        let _ = Record::from_octets(&versioned).map(|record| assert_eq!(record.to_octets(), versioned));
        let _ = CampaignSpec::from_octets(&versioned, Vec::new());
        let _ = Campaign::from_snapshot(Plan::new(spec(1)).unwrap(), &versioned);
    }

    #[test]
    fn uplinks_come_back_as_they_were(
        device: u32, port: u8, at: u64, received: u64, payload in proptest::collection::vec(any::<u8>(), 0..250),
    ) {
        use fuota_engine::time::GpsInstant;
        let entry = Entry::Uplink { device, port, payload, received: GpsInstant::from_micros(received) };
        let record = Record { at: GpsInstant::from_micros(at), entry };
        let octets = record.to_octets();
        prop_assert!(octets.len() < 32 + 250);
        prop_assert_eq!(Record::from_octets(&octets), Ok(record));
    }
}

/// Writes the golden files of the versions that this program writes: `cargo test --test format -- --ignored`. Only for
/// a new version; the file of an old one is never written again.
#[test]
#[ignore = "writes files"]
fn write_golden_files() {
    let write = |name: &str, version: u8, values: Vec<Vec<u8>>| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/format");
        let text: String = values.iter().map(|octets| hex::encode(octets) + "\n").collect();
        std::fs::write(format!("{folder}/{name}-{version}.hex"), text).unwrap();
    };
    write("records", Format::Record.version(), records().iter().map(Record::to_octets).collect());
    write("plans", Format::Plan.version(), vec![spec(2).to_octets(), elaborate().to_octets()]);
    write("snapshot", Format::Snapshot.version(), vec![in_the_second_round().1]);
}
