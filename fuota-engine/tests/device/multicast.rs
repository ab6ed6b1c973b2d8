//! Groups: TS005-1.0.0.

use fuota_engine::device::Source;
use fuota_proto::multicast::v1::{
    Downlink, McClassBSessionReq, McGroupDeleteReq, McGroupStatusReq, PackageVersionReq,
};
use fuota_proto::{DataRate, Frequency, GpsSeconds, GroupMask, PingSlotPeriodicity, TimeOut};

use crate::harness::*;

fn delete(id: u8) -> Downlink {
    McGroupDeleteReq { mc_group_id: group(id) }.into()
}

fn status(mask: u8) -> Downlink {
    McGroupStatusReq { req_group_mask: GroupMask::new(mask).unwrap() }.into()
}

#[test]
fn a_group_reaches_the_stack_with_the_keys_that_were_wrapped() {
    let mut device = Device::new();
    device.hears_multicast_setup(&[mc_group_setup(0, 7, 500)]);
    assert_eq!(device.does(), [Did::Install { mc_group_id: group(0), mc_addr: MC_ADDR, min: 7, max: 500 }]);
    let context = device.context.take().unwrap();
    assert!(context.mc_app_s_key == mc_key().mc_app_s_key(MC_ADDR));
    assert!(context.mc_nwk_s_key == mc_key().mc_nwk_s_key(MC_ADDR));

    assert_eq!(device.until, Some(START + secs(1)), "the answer leaves a second after the downlink");
    assert_eq!(device.after(secs(1)), [Did::Uplink(200, vec![0x02, 0x00])]);
    assert_eq!(device.until, None);
}

#[test]
fn a_group_beyond_those_that_the_device_has_is_refused() {
    let mut device = Device::new();
    device.hears_multicast_setup(&[mc_group_setup(2, 0, 1)]);
    assert_eq!(device.answers(), [(200, vec![0x02, 0b0000_0110])], "IDerror");
    assert!(device.context.is_none());
}

#[test]
fn a_repeated_set_up_replaces_the_context_and_is_answered_again() {
    let mut device = Device::in_group();
    device.hears_multicast_setup(&[mc_group_setup(0, 9, 20)]);
    assert_eq!(device.answers(), [(200, vec![0x02, 0x00])]);
    assert_eq!(device.context.map(|context| (context.min_mc_fcnt, context.max_mc_fcnt)), Some((9, 20)));
}

#[test]
fn commands_of_one_payload_are_answered_in_order_in_one_uplink() {
    let mut device = Device::new();
    device.hears_multicast_setup(&[
        PackageVersionReq {}.into(),
        mc_group_setup(1, 0, 1),
        status(0b1111),
        delete(0),
    ]);
    let [a, b, c, d] = MC_ADDR.0.to_le_bytes();
    let expected = vec![0x00, 2, 1, 0x02, 0x01, 0x01, 0b0001_0010, 1, a, b, c, d, 0x03, 0b0000_0100];
    assert_eq!(device.answers(), [(200, expected)]);
}

#[test]
fn a_deleted_group_leaves_the_stack_and_hears_nothing_more() {
    let mut device = Device::in_group();
    device.hears_multicast_setup(&[delete(0)]);
    assert_eq!(device.does(), [Did::Remove(group(0))]);
    assert_eq!(device.after(secs(1)), [Did::Uplink(200, vec![0x03, 0x00])]);
    device.hears_multicast_setup(&[delete(0)]);
    assert_eq!(device.answers(), [(200, vec![0x03, 0b0000_0100])], "McGroupUndefined");
}

#[test]
fn a_group_set_up_and_deleted_at_once_is_not_left_behind() {
    let mut device = Device::new();
    device.hears_multicast_setup(&[mc_group_setup(0, 0, 9), delete(0)]);
    assert_eq!(device.does(), [Did::Remove(group(0))]);
    device.hears_multicast_setup(&[mc_group_setup(0, 0, 9), delete(0), mc_group_setup(0, 1, 9)]);
    assert_eq!(device.does(), [Did::Install { mc_group_id: group(0), mc_addr: MC_ADDR, min: 1, max: 9 }]);
}

#[test]
fn a_short_uplink_drops_groups_from_the_highest_down() {
    let mut device = Device::in_group();
    device.hears_multicast_setup(&[mc_group_setup(1, 0, 1)]);
    device.answers();
    device.board.max_uplink = Some(11);
    device.hears_multicast_setup(&[status(0b0011)]);
    let [a, b, c, d] = MC_ADDR.0.to_le_bytes();
    assert_eq!(device.answers(), [(200, vec![0x01, 0b0010_0001, 0, a, b, c, d])]);
}

#[test]
fn answers_that_do_not_fit_are_dropped_from_the_first_of_them_on() {
    let mut device = Device::new();
    device.board.max_uplink = Some(8);
    let version = || Downlink::from(PackageVersionReq {});
    device.hears_multicast_setup(&[version(), version(), version(), delete(0)]);
    assert_eq!(device.answers(), [(200, vec![0x00, 2, 1, 0x00, 2, 1])]);
    device.board.max_uplink = Some(51);
    device.hears(Source::Unicast, 200, &[0; 242]);
    assert_eq!(device.answers(), [(200, [0x00, 2, 1].repeat(16))], "only so many wait");
}

#[test]
fn what_comes_before_a_fault_is_executed_and_answered() {
    let mut device = Device::new();
    let mut payload = encoded(&[mc_group_setup(0, 0, 9)]);
    payload.extend([0x03]);
    device.hears(Source::Unicast, 200, &payload);
    assert_eq!(device.answers(), [(200, vec![0x02, 0x00])], "a truncated McGroupDeleteReq follows");
    device.hears(Source::Unicast, 200, &[0x00, 0x7F, 0x00]);
    assert_eq!(device.answers(), [(200, vec![0x00, 2, 1])], "an unknown command follows");
}

#[test]
fn the_package_is_deaf_on_multicast_and_on_other_ports() {
    let mut device = Device::in_group();
    let payload = encoded(&[delete(0), status(1)]);
    device.hears(Source::Multicast { group: group(0), fcnt: 1 }, 200, &payload);
    device.hears(Source::Unicast, 199, &payload);
    assert_eq!(device.answers(), []);
}

#[test]
fn class_b_is_refused_in_the_standards_own_bits() {
    let mut device = Device::in_group();
    let req = |id| McClassBSessionReq {
        mc_group_id: group(id),
        session_time: GpsSeconds((START + secs(1280)).wire_secs() & !127),
        time_out: TimeOut::new(4).unwrap(),
        periodicity: PingSlotPeriodicity::new(2).unwrap(),
        dl_frequency_hz: Frequency::from_hz(EU868_RX2_HZ).unwrap(),
        dr: DataRate::new(3).unwrap(),
    };
    device.hears_multicast_setup(&[req(0).into()]);
    assert_eq!(device.answers(), [(200, vec![0x05, 0b0000_1100])], "FreqError and DRError");
    device.hears_multicast_setup(&[req(1).into()]);
    assert_eq!(device.answers(), [(200, vec![0x05, 0b0001_1101])], "and McGroupUndefined");
}
