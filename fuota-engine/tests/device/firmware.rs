//! Firmware management: TS006-1.0.0.

use fuota_engine::device::{Settings, Source};
use fuota_proto::firmware::v1::{
    DevDeleteImageReq, DevRebootCountdownReq, DevRebootTimeReq, DevUpgradeImageAns, DevUpgradeImageReq,
    DevVersionReq, Downlink,
};
use fuota_proto::{Countdown, GpsSeconds, Version};

use crate::harness::*;

const NEXT: Version = Version::from_parts([2, 0, 0, 0]);

fn hears(device: &mut Device, commands: &[Downlink]) {
    device.hears(Source::Unicast, 203, &encoded(commands));
}

fn reboot_in(delay: u64) -> Downlink {
    DevRebootTimeReq { reboot_time: GpsSeconds((START + secs(delay)).wire_secs()) }.into()
}

fn countdown(seconds: u32) -> Downlink {
    DevRebootCountdownReq { countdown: Countdown::new(seconds).unwrap() }.into()
}

#[test]
fn versions_and_images_are_told_in_one_uplink() {
    let mut device = Device::new();
    let ask = [DevVersionReq {}.into(), DevUpgradeImageReq {}.into()];
    hears(&mut device, &ask);
    assert_eq!(device.answers(), [(203, vec![0x01, 0, 0, 0, 1, 0, 0, 0, 7, 0x04, 0])]);
    device.board.image = DevUpgradeImageAns::Valid { next_firmware_version: NEXT };
    hears(&mut device, &ask);
    assert_eq!(device.answers(), [(203, vec![0x01, 0, 0, 0, 1, 0, 0, 0, 7, 0x04, 3, 0, 0, 0, 2])]);
}

#[test]
fn a_reboot_time_is_answered_with_what_is_left_and_kept() {
    let mut device = Device::new();
    hears(&mut device, &[reboot_in(100)]);
    assert_eq!(device.answers(), [(203, vec![0x02, 99, 0, 0, 0])]);
    assert_eq!(device.until, Some(START + secs(100)));
    assert_eq!(device.after(secs(99)), [Did::Reboot]);
    assert_eq!(device.until, None);
}

#[test]
fn a_time_that_has_passed_is_refused_and_leaves_what_was_programmed() {
    let mut device = Device::new();
    device.now = START + secs(50);
    hears(&mut device, &[reboot_in(100), reboot_in(49)]);
    assert_eq!(device.answers(), [(203, vec![0x02, 49, 0, 0, 0, 0x02, 0, 0, 0, 0])]);
    assert_eq!(device.until, Some(START + secs(100)));
}

#[test]
fn only_the_last_reboot_counts_and_any_cancels_it() {
    let mut device = Device::new();
    hears(&mut device, &[reboot_in(100), countdown(10)]);
    // Both answers speak of the one reboot that is kept.
    assert_eq!(device.answers(), [(203, vec![0x02, 9, 0, 0, 0, 0x03, 9, 0, 0])]);
    assert_eq!(device.until, Some(START + secs(10)));
    hears(&mut device, &[DevRebootTimeReq::CANCEL.into()]);
    assert_eq!(device.answers(), [(203, vec![0x02, 0xFF, 0xFF, 0xFF, 0xFF])]);
    assert_eq!(device.until, None);
    hears(&mut device, &[countdown(10), DevRebootCountdownReq { countdown: Countdown::CANCEL }.into()]);
    assert_eq!(device.answers(), [(203, vec![0x03, 0, 0, 0, 0x03, 0xFF, 0xFF, 0xFF])]);
}

#[test]
fn a_reboot_at_once_is_not_answered() {
    for req in [DevRebootTimeReq::NOW.into(), countdown(0)] {
        let mut device = Device::new();
        hears(&mut device, &[req]);
        assert_eq!(device.does(), [Did::Reboot]);
        assert_eq!(device.after(secs(1000)), []);
    }
}

#[test]
fn a_countdown_keeps_its_length_when_the_clock_is_set_and_a_time_keeps_its_time() {
    let mut device = Device::new();
    hears(&mut device, &[countdown(500)]);
    device.answers();
    device.hears(Source::Unicast, 202, &[0x01, 60, 0, 0, 0, 0]);
    assert_eq!(device.does(), [Did::AdjustClock(60)]);
    assert_eq!(device.until, Some(START + secs(560)));
    hears(&mut device, &[reboot_in(500)]);
    device.answers();
    device.hears(Source::Unicast, 202, &[0x01, 60, 0, 0, 0, 1]);
    device.does();
    assert_eq!(device.until, Some(START + secs(500)));
}

#[test]
fn only_the_image_that_is_meant_is_deleted() {
    let mut device = Device::new();
    let delete = |version| Downlink::from(DevDeleteImageReq { firmware_to_delete_version: version });
    hears(&mut device, &[delete(NEXT)]);
    assert_eq!(device.answers(), [(203, vec![0x05, 0b01])], "ErrorNoValidImage");
    device.board.image = DevUpgradeImageAns::Valid { next_firmware_version: NEXT };
    hears(&mut device, &[delete(Version(1)), delete(NEXT), delete(NEXT)]);
    assert_eq!(device.answers(), [(203, vec![0x05, 0b10, 0x05, 0, 0x05, 0b01])]);
    device.board.image = DevUpgradeImageAns::WrongHardware;
    hears(&mut device, &[delete(NEXT)]);
    assert_eq!(device.answers(), [(203, vec![0x05, 0b01])]);
}

#[test]
fn new_firmware_reports_itself_within_two_minutes() {
    for (dice, delay) in [(0, 16), (1 << 31, 72), (u32::MAX, 128)] {
        let mut device = Device::new();
        device.board.dice = dice;
        device.session.report_upgrade(device.now, &mut device.board);
        device.does();
        let until = device.until.unwrap();
        assert!(START + secs(delay - 1) < until && until <= START + secs(delay));
        device.now = until;
        assert_eq!(device.after(secs(0)), [Did::Uplink(203, vec![0x01, 0, 0, 0, 1, 0, 0, 0, 7])]);
        assert_eq!(device.until, None);
    }
}

/// A device that installs at once and receives a block of one fragment, which makes the image that it holds.
fn receives(image: DevUpgradeImageAns) -> Device {
    let mut device = Device::with_settings(Settings { installs_at_once: true, ..Settings::default() });
    device.board.image = image;
    device.board.dice = 1 << 30;
    device.hears_fragmentation(&[frag_session(0, 1).into()]);
    device.answers();
    device.hears_fragmentation(&[data_fragment(0, 1, &fragment(1))]);
    device
}

#[test]
fn a_valid_image_is_installed_within_the_answer_window() {
    let mut device = receives(DevUpgradeImageAns::Valid { next_firmware_version: NEXT });
    assert!(matches!(device.does()[..], [Did::Complete(..)]));
    assert_eq!(device.until, Some(device.now + secs(4)), "a quarter of 16 s");
    assert_eq!(device.after(secs(4)), [Did::Reboot]);
}

#[test]
fn other_blocks_make_no_device_reboot() {
    for image in [DevUpgradeImageAns::NoImage, DevUpgradeImageAns::Invalid, DevUpgradeImageAns::WrongHardware]
    {
        let mut device = receives(image);
        assert!(matches!(device.does()[..], [Did::Complete(..)]));
        assert_eq!(device.until, None);
    }
}

#[test]
fn a_programmed_reboot_comes_first() {
    let mut device = Device::with_settings(Settings { installs_at_once: true, ..Settings::default() });
    device.board.image = DevUpgradeImageAns::Valid { next_firmware_version: NEXT };
    hears(&mut device, &[reboot_in(5000)]);
    device.hears_fragmentation(&[frag_session(0, 1).into()]);
    device.answers();
    device.hears_fragmentation(&[data_fragment(0, 1, &fragment(1))]);
    device.does();
    assert_eq!(device.until, Some(START + secs(5000)));
}
