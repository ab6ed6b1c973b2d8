//! Clock synchronisation: TS003.

use fuota_engine::device::{Settings, Source};
use fuota_proto::clock_sync::v1::{AppTimeAns, DeviceAppTimePeriodicityReq, Downlink, ForceDeviceResyncReq};
use fuota_proto::{AppTimePeriod, NbTransmissions, PackageVersion, TimeToken};

use crate::harness::*;

fn hears(device: &mut Device, commands: &[Downlink]) {
    device.hears(Source::Unicast, 202, &encoded(commands));
}

fn resync(times: u8) -> Downlink {
    ForceDeviceResyncReq { nb_transmissions: NbTransmissions::new(times).unwrap() }.into()
}

fn correction(seconds: i32, token: u8) -> Downlink {
    AppTimeAns { time_correction: seconds, token_ans: TimeToken::new(token).unwrap() }.into()
}

/// AppTimeReq as it leaves now.
fn question(device: &Device, param: u8) -> Did {
    let [a, b, c, d] = device.now.wire_secs().to_le_bytes();
    Did::Uplink(202, vec![0x01, a, b, c, d, param])
}

#[test]
fn a_forced_device_asks_so_often_unless_it_is_told_the_time() {
    let mut device = Device::new();
    hears(&mut device, &[resync(2)]);
    assert_eq!(device.does(), []);
    let said = device.after(secs(1));
    assert_eq!(said, [question(&device, 0)]);
    assert_eq!(device.until, Some(device.now + secs(30)));
    let said = device.after(secs(30));
    assert_eq!(said, [question(&device, 0)]);
    assert_eq!(device.until, None, "twice and no more");

    hears(&mut device, &[resync(7)]);
    device.after(secs(1));
    let before = device.now;
    hears(&mut device, &[correction(-5, 0)]);
    assert_eq!(device.does(), [Did::AdjustClock(-5)]);
    assert_eq!((device.now, device.until), (before.shifted(-5), None));
    hears(&mut device, &[resync(0)]);
    assert_eq!((device.does(), device.until), (vec![], None), "0 asks for nothing");
}

#[test]
fn an_answer_counts_once() {
    let mut device = Device::new();
    device.session.ask_for_time(device.now, 1, true);
    let said = device.after(secs(1));
    assert_eq!(said, [question(&device, 0b1_0000)], "AnsRequired");
    hears(&mut device, &[correction(7, 1)]);
    assert_eq!(device.does(), [], "another request's");
    hears(&mut device, &[correction(7, 0), correction(7, 0)]);
    assert_eq!(device.does(), [Did::AdjustClock(7)]);
    hears(&mut device, &[resync(1)]);
    let said = device.after(secs(1));
    assert_eq!(said, [question(&device, 1)], "the token has moved on");
    hears(&mut device, &[correction(0, 1)]);
    assert_eq!(device.does(), [], "a clock that is right stays");
}

#[test]
fn version_2_asks_again_after_a_correction_that_did_not_fit() {
    for version in [PackageVersion::V1, PackageVersion::V2] {
        let mut device = Device::with_settings(Settings { clock_sync: version, ..Settings::default() });
        device.now = fuota_engine::time::GpsInstant::EPOCH;
        hears(&mut device, &[correction(i32::MAX, 0)]);
        assert_eq!(device.does(), [Did::AdjustClock(i32::MAX)]);
        assert_eq!(device.now.as_secs(), 0x7FFF_FFFF);
        let said = device.after(secs(1));
        match version {
            PackageVersion::V1 => assert_eq!(said, []),
            PackageVersion::V2 => assert_eq!(said, [question(&device, 1)]),
        }
    }
}

#[test]
fn a_period_is_kept_within_half_a_minute() {
    let mut device = Device::new();
    device.board.dice = 0;
    let period = AppTimePeriod::new(1).unwrap();
    hears(&mut device, &[DeviceAppTimePeriodicityReq { period }.into()]);
    let [a, b, c, d] = (START + secs(1)).wire_secs().to_le_bytes();
    assert_eq!(device.answers(), [(202, vec![0x02, 0, a, b, c, d])]);
    assert_eq!(device.until, Some(START + secs(226)), "256 s less 30");
    device.board.dice = u32::MAX;
    device.now = START + secs(226);
    let said = device.after(secs(0));
    assert_eq!(said, [question(&device, 0)]);
    let next = device.until.unwrap();
    assert!(START + secs(226 + 285) < next && next <= START + secs(226 + 286), "256 s and 30");
}

#[test]
fn what_counts_from_a_moment_moves_with_the_clock_and_sessions_stay() {
    let mut device = Device::in_group();
    device.hears_fragmentation(&[frag_session(0, 10).into()]);
    device.hears_multicast_setup(&[class_c(1000, 4).into()]);
    device.answers();
    device.board.dice = 1 << 31;
    device.hears_on_group(1, &[status_req(0, true)]);
    hears(&mut device, &[correction(100, 0)]);
    assert_eq!(device.does(), [Did::AdjustClock(100)]);
    assert_eq!(device.until, Some(device.now + secs(8)), "the answer is 8 s away as before");
    device.after(secs(8));
    assert_eq!(device.until, Some(START + secs(1000)));
}

#[test]
fn a_clock_set_past_a_session_s_start_opens_its_window_at_once() {
    let mut device = Device::in_group();
    device.hears_multicast_setup(&[class_c(1000, 12).into()]);
    device.answers();
    hears(&mut device, &[correction(2000, 0)]);
    assert!(matches!(device.does()[..], [Did::AdjustClock(2000), Did::Open(_)]));
    assert_eq!(device.until, Some(START + secs(1000 + 4096)));
}

#[test]
fn the_package_is_deaf_on_multicast() {
    let mut device = Device::in_group();
    device.hears(
        Source::Multicast { group: group(0), fcnt: 1 },
        202,
        &encoded(&[correction(9, 0), resync(1)]),
    );
    assert_eq!(device.answers(), []);
}
