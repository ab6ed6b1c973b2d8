//! The regions' figures against published ones.

use core::time::Duration;

use super::*;

/// Longest payload in octets and its time on air in microseconds, per data rate.
fn full_frames(region: Region) -> Vec<(u8, u8, u64)> {
    let frame = |dr: DataRate| {
        let rate = region.downlink(dr)?;
        let airtime = rate.modulation.downlink(rate.max_payload.into());
        Some((dr.get(), rate.max_payload, u64::try_from(airtime.as_micros()).ok()?))
    };
    region.downlink_data_rates().filter_map(frame).collect()
}

#[test]
fn full_frames_take_the_published_time() {
    let eu868 = [
        (0, 51, 2_793_472),
        (1, 51, 1_478_656),
        (2, 51, 698_368),
        (3, 115, 676_864),
        (4, 242, 696_832),
        (5, 242, 394_496),
        (6, 242, 197_248),
    ];
    let us915 = [
        (8, 53, 616_448),
        (9, 129, 615_424),
        (10, 242, 563_712),
        (11, 242, 312_576),
        (12, 242, 174_208),
        (13, 242, 98_624),
    ];
    let as923_limited =
        [(2, 11, 370_688), (3, 53, 390_144), (4, 125, 399_872), (5, 242, 394_496), (6, 242, 197_248)];
    assert_eq!(full_frames(Region::Eu868), eu868);
    assert_eq!(full_frames(Region::Us915), us915);
    assert_eq!(full_frames(Region::As923(DwellTime::Limited)), as923_limited);
    let payloads =
        full_frames(Region::As923(DwellTime::Unlimited)).into_iter().map(|(_, longest, _)| longest);
    assert_eq!(payloads.collect::<Vec<_>>(), [51, 51, 115, 115, 242, 242, 242]);
}

/// 100 KiB and 10 % parity at a duty cycle of 10 %: from the first bit of the first fragment to the last bit of the
/// last.
#[test]
fn data_phases_take_the_published_time() {
    let published = [65_565_600, 34_705_500, 16_391_400, 6_809_900, 3_282_800, 1_858_500, 929_200]
        .map(Duration::from_millis);
    for (dr, published) in Region::Eu868.downlink_data_rates().zip(published) {
        let rate = Region::Eu868.downlink(dr).unwrap();
        let nb_frag = (100 * 1024_u32).div_ceil(u32::from(rate.max_payload) - 3);
        let frames = nb_frag + nb_frag.div_ceil(10);
        let airtime = rate.modulation.downlink(rate.max_payload.into());
        let phase = Region::Eu868.rx2_duty().gap(airtime) * (frames - 1) + airtime;
        // The figures are published to a tenth of a second.
        assert!(phase.abs_diff(published) <= Duration::from_millis(50), "{dr:?}: {phase:?}");
    }
}

#[test]
fn us915_has_data_rates_for_one_direction_only() {
    let region = Region::Us915;
    let dr = DataRate::from_wire;
    assert!(region.uplink(dr(3)).is_some() && region.downlink(dr(3)).is_none());
    assert!(region.uplink(dr(13)).is_none() && region.downlink(dr(13)).is_some());
    assert!(region.data_rate(dr(5)).is_none());
    let rx1 = [0, 1, 2, 3, 4].map(|uplink| region.rx1_data_rate(dr(uplink)).get());
    assert_eq!(rx1, [10, 11, 12, 13, 13]);
    assert_eq!(Region::Eu868.rx1_data_rate(dr(5)), dr(5));
}

#[test]
fn what_a_region_names_it_defines() {
    for region in Region::ALL {
        assert!(region.downlink(region.rx2_data_rate()).is_some(), "{region:?}");
        assert!(region.downlink(region.usual_multicast_data_rate()).is_some(), "{region:?}");
        assert!(region.downlink(region.beacon().data_rate).is_some(), "{region:?}");
        let uplink = region.usual_uplink_data_rate();
        assert!(region.uplink(uplink).is_some(), "{region:?}");
        assert!(region.downlink(region.rx1_data_rate(uplink)).is_some(), "{region:?}");
        assert!(region.covers(region.rx2_frequency()), "{region:?}");
    }
}

#[test]
fn dwell_time_is_a_choice_where_the_country_decides() {
    let open = Region::find("as923").unwrap();
    assert_eq!(open, Region::As923(DwellTime::Unlimited));
    let limited = open.with_dwell_time(DwellTime::Limited).unwrap();
    assert_eq!(limited.name(), "AS923");
    // Every frame that fits is on air for at most 400 ms.
    for (dr, payload, micros) in full_frames(limited) {
        assert!(micros <= 400_000, "DR{dr} {payload}");
    }
    assert_eq!(Region::Eu868.with_dwell_time(DwellTime::Limited), None);
    assert_eq!(Region::find("MARS1"), None);
}
