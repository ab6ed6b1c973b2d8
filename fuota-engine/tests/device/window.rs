//! Sessions in class C and B: TS005-1.0.0 §3.5 and §3.6.

use fuota_engine::device::{Window, WindowClass};
use fuota_proto::multicast::McClassBSessionReq;
use fuota_proto::multicast::v1::{McClassCSessionReq, McGroupDeleteReq};
use fuota_proto::{DataRate, Frequency, GpsSeconds, PingSlotPeriodicity, TimeOut};

use crate::harness::*;

fn place() -> Window {
    Window {
        mc_group_id: group(0),
        frequency: Frequency::from_hz(EU868_RX2_HZ).unwrap(),
        data_rate: DataRate::new(5).unwrap(),
        class: WindowClass::C,
    }
}

#[test]
fn a_window_opens_at_session_time_and_closes_when_its_time_is_out() {
    let mut device = Device::in_group();
    device.hears_multicast_setup(&[class_c(300, 4).into()]);
    device.answers();
    assert_eq!(device.until, Some(START + secs(300)));
    device.now = START + secs(299);
    assert_eq!(device.after(secs(0)), []);
    assert_eq!(device.after(secs(1)), [Did::Open(place())]);
    assert_eq!(device.until, Some(START + secs(316)));
    assert_eq!(device.after(secs(15)), []);
    assert_eq!(device.after(secs(1)), [Did::Close]);
    assert_eq!(device.until, None);
}

#[test]
fn time_to_start_counts_from_the_uplink_not_from_the_request() {
    let mut device = Device::in_group();
    device.now = START + secs(100);
    device.hears_multicast_setup(&[class_c(400, 4).into()]);
    assert_eq!(device.does(), []);
    assert_eq!(device.after(secs(40)), [Did::Uplink(200, vec![0x04, 0x00, 4, 1, 0])], "260 s are left");
}

#[test]
fn a_start_in_the_past_is_answered_as_an_undefined_group() {
    let mut device = Device::in_group();
    device.now = START + secs(500);
    device.hears_multicast_setup(&[class_c(499, 4).into()]);
    assert_eq!(device.answers(), [(200, vec![0x04, 0b0001_0000])]);
    assert_eq!(device.until, None, "no session");
}

#[test]
fn session_time_wraps_with_the_clock() {
    let mut device = Device::in_group();
    device.now = fuota_engine::time::GpsInstant::from_secs((1 << 32) - 10);
    device.hears_multicast_setup(&[
        McClassCSessionReq { session_time: GpsSeconds(20), ..class_c(0, 4) }.into()
    ]);
    assert_eq!(device.answers(), [(200, vec![0x04, 0x00, 29, 0, 0])]);
    assert_eq!(device.until, Some(fuota_engine::time::GpsInstant::from_secs((1 << 32) + 20)));
}

#[test]
fn what_the_radio_cannot_do_is_named() {
    let mut device = Device::in_group();
    let usual = class_c(300, 4);
    let elsewhere = Frequency::from_hz(923_300_000).unwrap();
    device.hears_multicast_setup(&[
        McClassCSessionReq { dl_frequency_hz: elsewhere, ..usual }.into(),
        McClassCSessionReq { dr: DataRate::new(9).unwrap(), ..usual }.into(),
        McClassCSessionReq { dl_frequency_hz: Frequency::HOPPING, dr: DataRate::from_wire(16), ..usual }
            .into(),
        McClassCSessionReq { mc_group_id: group(1), ..usual }.into(),
    ]);
    let expected = vec![0x04, 0b0000_1000, 0x04, 0b0000_0100, 0x04, 0b0000_1100, 0x04, 0b0001_0001];
    assert_eq!(device.answers(), [(200, expected)]);
    assert_eq!(device.until, None);
}

#[test]
fn a_later_request_replaces_the_session_even_while_it_runs() {
    let mut device = Device::in_group();
    device.hears_multicast_setup(&[class_c(300, 4).into()]);
    device.hears_multicast_setup(&[class_c(400, 4).into()]);
    device.answers();
    device.now = START + secs(300);
    assert_eq!(device.after(secs(0)), []);
    assert_eq!(device.after(secs(100)), [Did::Open(place())]);
    device.hears_multicast_setup(&[class_c(600, 4).into()]);
    assert_eq!(device.does(), [Did::Close]);
    device.now = START + secs(600);
    assert!(device.after(secs(0)).contains(&Did::Open(place())));
}

#[test]
fn deleting_the_group_closes_its_window() {
    let mut device = Device::in_group();
    device.hears_multicast_setup(&[class_c(300, 15).into()]);
    device.answers();
    device.now = START + secs(300);
    device.after(secs(0));
    device.hears_multicast_setup(&[McGroupDeleteReq { mc_group_id: group(0) }.into()]);
    assert_eq!(device.does(), [Did::Remove(group(0)), Did::Close]);
}

#[test]
fn one_radio_listens_to_one_group_at_a_time() {
    let mut device = Device::in_group();
    device.hears_multicast_setup(&[mc_group_setup(1, 0, 9)]);
    device.answers();
    device.hears_multicast_setup(&[
        class_c(310, 4).into(),
        McClassCSessionReq { mc_group_id: group(1), ..class_c(300, 4) }.into(),
    ]);
    device.answers();
    let other = Window { mc_group_id: group(1), ..place() };
    device.now = START + secs(300);
    assert_eq!(device.after(secs(0)), [Did::Open(other)]);
    assert_eq!(device.after(secs(10)), [], "the window that is open stays open");
    assert_eq!(device.after(secs(6)), [Did::Close, Did::Open(place())]);
    assert_eq!(device.after(secs(10)), [Did::Close]);
}

#[test]
fn a_device_that_overslept_the_whole_session_does_not_open_it() {
    let mut device = Device::in_group();
    device.hears_multicast_setup(&[class_c(300, 4).into()]);
    device.answers();
    device.now = START + secs(1000);
    assert_eq!(device.after(secs(0)), []);
    assert_eq!(device.until, None);
}

#[test]
fn a_busy_radio_holds_answers_up_but_not_the_window() {
    let mut device = Device::in_group();
    device.board.max_uplink = None;
    device.hears_multicast_setup(&[class_c(300, 4).into()]);
    assert_eq!(device.does(), []);
    assert_eq!(device.until, Some(START + secs(300)), "the radio says itself when it is free");
    device.now = START + secs(300);
    assert_eq!(device.after(secs(0)), [Did::Open(place())]);
    device.board.max_uplink = Some(51);
    assert_eq!(device.after(secs(2)), [Did::Uplink(200, vec![0x04, 0x00, 0, 0, 0])]);
    assert_eq!(device.until, Some(START + secs(316)));
}

/// A class B session of group 0, `delay` after the beginning.
fn class_b(delay: u64, time_out: u8) -> McClassBSessionReq {
    McClassBSessionReq {
        mc_group_id: group(0),
        session_time: GpsSeconds((START + secs(delay)).wire_secs()),
        time_out: TimeOut::new(time_out).unwrap(),
        periodicity: PingSlotPeriodicity::new(2).unwrap(),
        dl_frequency_hz: Frequency::from_hz(EU868_RX2_HZ).unwrap(),
        dr: DataRate::new(3).unwrap(),
    }
}

#[test]
fn a_class_b_window_opens_at_a_beacon_and_lasts_so_many_beacon_periods() {
    let mut device = newest();
    assert!(GpsSeconds(START.wire_secs()).is_beacon());
    device.hears_multicast_setup(&[class_b(1280, 1).into()]);
    assert_eq!(device.answers(), [(200, vec![0x05, 0x00, 0xFE, 0x04, 0])], "1278 s are left");
    device.now = START + secs(1280);
    let window = Window {
        data_rate: DataRate::new(3).unwrap(),
        class: WindowClass::B { periodicity: PingSlotPeriodicity::new(2).unwrap() },
        ..place()
    };
    assert_eq!(device.after(secs(0)), [Did::Open(window)]);
    assert_eq!(device.until, Some(START + secs(1280 + 256)), "128 × 2^1 s");
    assert_eq!(device.after(secs(256)), [Did::Close]);
}

#[test]
fn a_class_b_session_between_beacons_is_a_missed_start() {
    let mut device = newest();
    device.hears_multicast_setup(&[class_b(1281, 1).into()]);
    assert_eq!(device.answers(), [(200, vec![0x05, 0b0010_0000])]);
    assert_eq!(device.until, None);
}

#[test]
fn version_2_has_a_bit_for_a_missed_start_and_a_limit_for_a_distant_one() {
    let mut device = newest();
    device.now = START + secs(500);
    device.hears_multicast_setup(&[class_c(499, 4).into()]);
    assert_eq!(device.answers(), [(200, vec![0x04, 0b0010_0000])]);
    let distant = McClassCSessionReq {
        session_time: GpsSeconds(START.wire_secs() + (1 << 24) + 1000),
        ..class_c(0, 4)
    };
    device.hears_multicast_setup(&[distant.into()]);
    assert_eq!(device.answers(), [(200, vec![0x04, 0x00, 0xFF, 0xFF, 0xFF])]);
}
