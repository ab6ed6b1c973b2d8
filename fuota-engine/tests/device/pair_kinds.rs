//! Both halves face to face, in every type of campaign, both versions and both classes.

use std::time::Duration;

use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, StageKind};
use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{CampaignSpec, FirmwareSpec, Kind, PackageVersion, Redundancy};
use fuota_engine::time::GpsInstant;
use fuota_proto::{PingSlotPeriodicity, Version};

use crate::harness::*;
use crate::pair::*;

const TARGET: Version = Version::from_parts([2, 0, 0, 0]);

fn with_version(mut spec: CampaignSpec, version: impl Fn(usize) -> PackageVersion) -> CampaignSpec {
    for (n, device) in spec.devices.iter_mut().enumerate() {
        device.multicast = Some(version(n));
        device.fragmentation = Some(version(n));
    }
    spec
}

fn with_firmware(mut spec: CampaignSpec, reboot: Option<GpsInstant>) -> CampaignSpec {
    spec.kind = Kind::Firmware(FirmwareSpec { target: TARGET, hardware: Some(HARDWARE), reboot });
    spec
}

/// Every fourth multicast frame does not reach a device, each its own.
fn loses_fragments(device: usize, frame: Frame, n: u32) -> bool {
    frame == Frame::Multicast && (n as usize + device).is_multiple_of(4)
}

fn loses_nothing(_: usize, _: Frame, _: u32) -> bool {
    false
}

/// Runs a campaign that has to reach everybody, and says through which stages.
fn stages(link: &mut Link) -> Vec<StageKind> {
    let (outcome, devices) = (link.run(), link.peers.len());
    let reached = (outcome.status, outcome.complete as usize);
    assert_eq!(reached, (CampaignStatus::Succeeded, devices), "{:?}", link.statuses());
    link.campaign.stages().iter().map(|stage| stage.stage).collect()
}

/// Requests of a stage, and answers that brought a device forward in it.
fn account(link: &Link, stage: StageKind) -> (u32, u32) {
    let report = link.campaign.stages().iter().find(|report| report.stage == stage).unwrap();
    (report.requests, report.answers)
}

fn image() -> Vec<u8> {
    (0..200).collect()
}

#[test]
fn a_multicast_setup_leaves_every_device_with_a_group_that_listens_in_time() {
    let mut spec = spec(6, 0);
    spec.kind = Kind::MulticastSetup;
    let mut link = Link::new(spec, loses_nothing);
    assert_eq!(stages(&mut link), [StageKind::McGroupSetup, StageKind::McClassSession]);
    for peer in &mut link.peers {
        assert!(peer.device.context.is_some() && !peer.listening);
        let start = peer.device.until.unwrap();
        peer.device.now = start;
        assert!(
            matches!(peer.device.after(secs(0))[..], [Did::Open(_)]),
            "the session is the application's now"
        );
    }
}

#[test]
fn version_2_verifies_what_it_put_together() {
    let mut link = Link::new(with_version(spec(8, 100), |_| PackageVersion::V2), loses_fragments);
    stages(&mut link);
    assert!(link.images().all(|held| held == Some(&image()[..])));
    assert!(link.peers.iter().all(|peer| peer.device.board.session_cnt_prev[0] == Some(0)));
}

#[test]
fn devices_that_report_by_themselves_need_not_be_asked() {
    let mut spec = with_version(spec(8, 100), |_| PackageVersion::V2);
    spec.ack_reception = true;
    let mut link = Link::new(spec, loses_fragments);
    stages(&mut link);
    assert!(link.images().all(|held| held == Some(&image()[..])));
    let (requests, _) = account(&link, StageKind::FragSessionStatus);
    assert!(requests <= 1, "{requests} status requests");
    assert!(link.peers.iter().all(|peer| !peer.listening), "windows close once the server knows");
}

#[test]
fn a_report_that_is_lost_is_repeated() {
    let mut spec = with_version(spec(4, 0), |_| PackageVersion::V2);
    spec.ack_reception = true;
    let mut link = Link::new(spec, |_, frame, n| frame == Frame::BlockReceived && n <= 2);
    stages(&mut link);
    assert!(link.peers.iter().all(|peer| peer.frames[Frame::BlockReceived as usize] == 3));
}

#[test]
fn each_version_decodes_by_its_own_rule_in_one_campaign() {
    let version = |n: usize| if n.is_multiple_of(2) { PackageVersion::V1 } else { PackageVersion::V2 };
    let mut link = Link::new(with_version(spec(8, 100), version), loses_fragments);
    stages(&mut link);
    let held = link.peers.iter().filter_map(|peer| {
        let blocks = [0, 1].map(|id| peer.device.session.store(index(id)));
        blocks.into_iter().flatten().next().map(|store| store.image().to_vec())
    });
    assert_eq!(held.collect::<Vec<_>>(), vec![image(); 8]);
}

#[test]
fn a_class_b_group_hears_everything_in_its_window() {
    for version in [PackageVersion::V1, PackageVersion::V2] {
        let mut spec = with_version(spec(6, 100), |_| version);
        spec.groups[0].parameters.class =
            SessionClass::B { periodicity: PingSlotPeriodicity::new(1).unwrap() };
        let mut link = Link::new(spec, loses_fragments);
        stages(&mut link);
        assert!(link.images().all(|held| held == Some(&image()[..])));
        assert!(link.peers.iter().all(|peer| !peer.listening));
    }
}

#[test]
fn firmware_installs_itself_and_says_so() {
    use StageKind::{DataFragment, DevVersion, FragSessionSetup, McClassSession, McGroupSetup};
    for version in [PackageVersion::V1, PackageVersion::V2] {
        let spec = with_firmware(with_version(spec(6, 100), |_| version), None);
        let mut link = Link::new(spec, loses_fragments);
        assert_eq!(
            stages(&mut link),
            [McGroupSetup, FragSessionSetup, McClassSession, DataFragment, DevVersion]
        );
        assert!(link.peers.iter().all(|peer| peer.reboots == 1 && peer.device.board.firmware == TARGET));
        assert_eq!(account(&link, DevVersion).0, 0, "nobody had to be asked");
    }
}

#[test]
fn firmware_waits_for_its_reboot_time() {
    let reboot = START + Duration::from_secs(10 * 3600);
    let mut link = Link::new(with_firmware(spec(6, 100), Some(reboot)), loses_fragments);
    assert_eq!(stages(&mut link)[1], StageKind::DevRebootTime);
    for (peer, device) in link.peers.iter().zip(link.campaign.devices()) {
        assert_eq!((peer.reboots, peer.device.board.firmware), (1, TARGET));
        assert!(device.since > reboot);
    }
}

#[test]
fn without_parity_devices_say_which_image_they_hold() {
    let reboot = START + Duration::from_secs(10 * 3600);
    let mut spec = with_firmware(spec(6, 0), Some(reboot));
    spec.groups[0].redundancy = Redundancy::Rounds;
    let mut link = Link::new(spec, |device, frame, n| frame == Frame::Multicast && n == 3 && device == 2);
    let stages = stages(&mut link);
    assert!(stages.contains(&StageKind::UpgradeImage), "{stages:?}");
    assert!(link.peers.iter().all(|peer| peer.device.board.firmware == TARGET));
}

#[test]
fn a_clock_that_is_far_off_is_set_before_the_session() {
    let mut spec = spec(6, 0);
    for device in &mut spec.devices {
        device.clock_sync = true;
    }
    let mut link = Link::new(spec, loses_nothing);
    link.peers[2].late = Duration::from_secs(120);
    stages(&mut link);
    assert!(link.peers[2].late < Duration::from_secs(2), "{:?}", link.peers[2].late);
    assert!(link.statuses().iter().all(|status| *status == DeviceStatus::Complete));
}
