//! Every type of campaign, both classes and both package versions, against real device sessions.

use std::time::Duration;

use fuota_engine::campaign::event::{CampaignStatus, StageKind};
use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{FirmwareSpec, Kind, PackageVersion, Redundancy};
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;
use fuota_proto::{PingSlotPeriodicity, Version};
use fuota_sim::record::RunRecord;
use fuota_sim::scenario::Scenario;
use fuota_sim::world::START;

use crate::harness::*;

const V1: PackageVersion = PackageVersion::V1;
const V2: PackageVersion = PackageVersion::V2;

fn class_b(periodicity: u8) -> SessionClass {
    SessionClass::B { periodicity: PingSlotPeriodicity::new(periodicity).unwrap() }
}

fn firmware(reboot: Option<GpsInstant>) -> Kind {
    let (target, hardware) = (Version::from_parts([2, 1, 0, 0]), Some(Version::from_parts([1, 0, 0, 0])));
    Kind::Firmware(FirmwareSpec { target, hardware, reboot })
}

/// Runs a campaign that has to reach every device; the stages that it went through.
fn stages(scenario: &Scenario) -> (RunRecord, Vec<StageKind>) {
    let record = run(scenario).unwrap();
    let reached = (record.outcome.status, record.outcome.complete);
    assert_eq!(reached, (CampaignStatus::Succeeded, scenario.devices()), "{:?}", record.outcome);
    let stages = record.stages.iter().map(|stage| stage.stage).collect();
    (record, stages)
}

#[test]
fn both_versions_bring_the_file_through_losses_by_their_own_parity_rules() {
    for package_version in [V1, V2] {
        let (record, _) = stages(&Scenario { package_version, ..lossy() });
        assert_eq!(record.bytes_checked, 20, "{package_version:?}");
    }
}

#[test]
fn devices_that_report_completion_by_themselves_leave_less_to_ask_for() {
    let asked = |ack_reception| {
        let (record, _) = stages(&Scenario { package_version: V2, ack_reception, ..lossy() });
        let stage = |kind| record.stages.iter().find(|report| report.stage == kind).copied().unwrap();
        (stage(StageKind::FragSessionStatus).answers, record.bytes_checked)
    };
    let (with, without) = (asked(true), asked(false));
    assert_eq!((with.1, without.1), (20, 20));
    // Reports that come while fragments still travel are nobody's answer.
    assert!(with.0 < without.0, "{with:?} {without:?}");
}

#[test]
fn in_class_b_fragments_start_in_ping_slots() {
    for (package_version, periodicity) in [(V1, 0), (V2, 2)] {
        let class = class_b(periodicity);
        let (record, _) = stages(&Scenario { class, package_version, ..lossy() });
        assert_eq!(record.bytes_checked, 20);
        let start = record.session_start.unwrap();
        assert_eq!(start.as_secs() % 128, 0, "at a beacon");
        let (first, _) = record.data_phase.unwrap();
        let slots = first.since(start).checked_sub(Duration::from_millis(2120)).unwrap();
        assert_eq!(slots.as_micros() % 30_000, 0, "2.120 s after a beacon, and a whole number of slots");
    }
}

#[test]
fn a_multicast_setup_ends_with_the_sessions() {
    for class in [SessionClass::C, class_b(1)] {
        let (record, stages) = stages(&Scenario { kind: Kind::MulticastSetup, class, ..quiet() });
        assert_eq!(stages, [StageKind::McGroupSetup, StageKind::McClassSession]);
        assert_eq!((record.frames, record.nb_frag), (0, 0));
    }
}

#[test]
fn new_firmware_installs_itself_and_reports() {
    use StageKind::{DataFragment, DevVersion, FragSessionSetup, McClassSession, McGroupSetup};
    for package_version in [V1, V2] {
        let (record, stages) = stages(&Scenario { kind: firmware(None), package_version, ..lossy() });
        assert_eq!(stages, [McGroupSetup, FragSessionSetup, McClassSession, DataFragment, DevVersion]);
        assert_eq!(record.bytes_checked, 20);
    }
}

#[test]
fn new_firmware_waits_for_its_reboot_time() {
    let reboot = START + Duration::from_secs(20 * 3600);
    let scenario = Scenario { kind: firmware(Some(reboot)), ..lossy() };
    let (record, stages) = stages(&scenario);
    assert_eq!(stages[1], StageKind::DevRebootTime);
    assert!(record.devices.iter().all(|device| device.report.since >= reboot), "nobody runs it before");
}

#[test]
fn without_parity_devices_are_asked_which_image_they_hold() {
    let reboot = START + Duration::from_secs(20 * 3600);
    let mut scenario = Scenario { kind: firmware(Some(reboot)), redundancy: Redundancy::Rounds, ..lossy() };
    // Otherwise rounds end as soon as 95 % hold it.
    scenario.config.success_threshold = Percent::whole(100);
    let (_, stages) = stages(&scenario);
    assert!(stages.contains(&StageKind::UpgradeImage));
    assert_eq!(stages.last(), Some(&StageKind::DevVersion));
}

#[test]
fn a_session_starts_when_it_is_told_to() {
    let session_start = Some(START + Duration::from_secs(9 * 3600 + 1));
    let (record, _) = stages(&Scenario { session_start, ..quiet() });
    assert_eq!(record.session_start, session_start);
    let too_early = Scenario { session_start: Some(START + Duration::from_secs(60)), ..quiet() };
    assert_eq!(run(&too_early).unwrap().outcome.status, CampaignStatus::Failed);
}

#[test]
fn firmware_that_not_every_device_could_decode_does_not_count_there() {
    let redundancy = Redundancy::Fec(Percent::whole(4));
    let record = run(&Scenario { kind: firmware(None), redundancy, ..lossy() }).unwrap();
    let holders = record.devices.iter().filter(|device| device.holds_block).count();
    assert!(record.outcome.complete as usize <= holders && holders < 20);
}
