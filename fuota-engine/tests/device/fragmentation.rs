//! Data blocks: TS004-1.0.0.

use fuota_engine::device::Source;
use fuota_proto::fragmentation::v1::{
    Downlink, FragSessionDeleteReq, FragSessionSetupReq, FragSessionStatusAns, PackageVersionReq, Uplink,
};
use fuota_proto::{Descriptor, FragAlgo, GroupMask};

use crate::harness::*;

fn delete(id: u8) -> Downlink<'static> {
    FragSessionDeleteReq { frag_index: index(id) }.into()
}

/// A device in group 0 with a session of ten fragments.
fn expecting_ten() -> Device {
    let mut device = Device::in_group();
    device.hears_fragmentation(&[frag_session(0, 10).into()]);
    assert_eq!(device.answers(), [(201, vec![0x02, 0x00])]);
    device
}

/// What the device says to a status request of unicast, at once or within its window.
fn status(device: &mut Device) -> Option<FragSessionStatusAns> {
    device.hears_fragmentation(&[status_req(0, true)]);
    match device.after(secs(0)).pop()? {
        Did::Uplink(201, payload) => match Uplink::commands(&payload).next() {
            Some(Ok(Uplink::FragSessionStatusAns(answer))) => Some(answer),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_block_without_losses_is_complete_at_its_last_fragment() {
    let mut device = expecting_ten();
    for n in 1..=10 {
        assert_eq!(device.does(), []);
        device.hears_on_group(n.into(), &[data_fragment(0, n, &fragment(n))]);
    }
    assert_eq!(device.does(), [Did::Complete(index(0), Descriptor([1, 2, 3, 4]))]);
    assert_eq!(device.does(), [], "it is said once");
    let block: Vec<u8> = (1..=10).flat_map(fragment).collect();
    assert_eq!(device.session.store(index(0)).map(|store| store.image().to_vec()), Some(block));
    let answer = status(&mut device).unwrap();
    assert_eq!((answer.nb_frag_received.get(), answer.missing_frag, answer.is_ok()), (10, 0, true));
}

#[test]
fn repeats_count_as_received_and_what_comes_after_completion_does_not() {
    let mut device = expecting_ten();
    for n in [1, 1, 2] {
        device.hears_on_group(n.into(), &[data_fragment(0, n, &fragment(n))]);
    }
    let answer = status(&mut device).unwrap();
    assert_eq!((answer.nb_frag_received.get(), answer.missing_frag), (3, 8));
    for n in 3..=10 {
        device.hears_fragmentation(&[data_fragment(0, n, &fragment(n))]);
    }
    device.hears_fragmentation(&[data_fragment(0, 10, &[0xFF; 10])]);
    let answer = status(&mut device).unwrap();
    assert_eq!((answer.nb_frag_received.get(), answer.missing_frag), (11, 0));
    assert_eq!(device.session.store(index(0)).unwrap().image()[90..], [10; 10], "the block stays as it is");
}

#[test]
fn only_groups_of_the_mask_feed_a_session() {
    let mut device = expecting_ten();
    device.hears_multicast_setup(&[mc_group_setup(1, 0, 100)]);
    let payload = encoded(&[data_fragment(0, 1, &fragment(1))]);
    device.hears(Source::Multicast { group: group(1), fcnt: 5 }, 201, &payload);
    assert_eq!(device.session.received(index(0)), Some(0));
    device.hears(Source::Multicast { group: group(0), fcnt: 5 }, 201, &payload);
    assert_eq!(device.session.received(index(0)), Some(1));
}

#[test]
fn counters_outside_the_groups_range_are_not_heard() {
    let mut device = Device::new();
    device.hears_multicast_setup(&[mc_group_setup(0, 100, 110)]);
    device.hears_fragmentation(&[frag_session(0, 10).into()]);
    for (fcnt, received) in [(99, 0), (110, 0), (100, 1), (109, 2)] {
        device.hears_on_group(fcnt, &[data_fragment(0, 1, &fragment(1))]);
        assert_eq!(device.session.received(index(0)), Some(received), "FCnt {fcnt}");
    }
}

#[test]
fn fragments_that_are_none_are_dropped() {
    let mut device = expecting_ten();
    device.hears_fragmentation(&[data_fragment(0, 0, &fragment(1))]);
    device.hears_fragmentation(&[data_fragment(0, 1, &fragment(1)[1..])]);
    device.hears_fragmentation(&[data_fragment(1, 1, &fragment(1))]);
    device.hears_fragmentation(&[status_req(1, true), data_fragment(0, 1, &fragment(1))]);
    device.hears(Source::Unicast, 201, &[0x08, 0x01]);
    assert_eq!(device.session.received(index(0)), Some(0));
}

#[test]
fn status_answers_are_spread_over_their_window() {
    for (dice, micros) in [(0, 0), (u32::MAX / 4 + 1, 4_000_000), (u32::MAX, 15_999_999)] {
        let mut device = expecting_ten();
        device.board.dice = dice;
        device.hears_on_group(1, &[status_req(0, true)]);
        assert_eq!(device.does().len(), usize::from(dice == 0));
        let at = device.now;
        if dice != 0 {
            assert_eq!(device.until, Some(at + std::time::Duration::from_micros(micros)));
        }
    }
    let mut device = Device::in_group();
    let slow = FragSessionSetupReq {
        block_ack_delay: fuota_proto::BlockAckDelay::new(7).unwrap(),
        ..frag_session(0, 10)
    };
    device.hears_fragmentation(&[slow.into()]);
    device.answers();
    device.board.dice = 1 << 31;
    device.hears_on_group(1, &[status_req(0, true)]);
    device.does();
    assert_eq!(device.until, Some(device.now + secs(1024)), "half of 2048 s");
}

#[test]
fn a_delayed_answer_tells_how_things_are_when_it_leaves() {
    let mut device = expecting_ten();
    device.board.dice = 1 << 31;
    device.hears_on_group(1, &[status_req(0, true)]);
    for n in 1..=4 {
        device.hears_on_group(1 + u32::from(n), &[data_fragment(0, n, &fragment(n))]);
    }
    device.hears_on_group(6, &[status_req(0, true)]);
    assert_eq!(device.after(secs(7)), []);
    assert_eq!(device.after(secs(1)), [Did::Uplink(201, vec![0x01, 4, 0, 6, 0])]);
    assert_eq!(device.after(secs(100)), [], "one answer serves both requests");
}

#[test]
fn without_participants_only_those_answer_who_miss_something() {
    let mut device = expecting_ten();
    device.hears_on_group(1, &[status_req(0, false)]);
    assert_eq!(device.does(), [Did::Uplink(201, vec![0x01, 0, 0, 10, 0])]);
    for n in 1..=10 {
        device.hears_on_group(1 + u32::from(n), &[data_fragment(0, n, &fragment(n))]);
    }
    device.does();
    device.hears_on_group(20, &[status_req(0, false)]);
    assert_eq!(device.after(secs(100)), []);
    device.hears_on_group(21, &[status_req(0, true)]);
    assert_eq!(device.does(), [Did::Uplink(201, vec![0x01, 10, 0, 0, 0])]);
}

#[test]
fn counts_saturate() {
    let mut device = Device::in_group();
    device.hears_fragmentation(&[frag_session(1, 16_383).into()]);
    device.answers();
    device.board.dice = 0;
    device.hears_fragmentation(&[status_req(1, true)]);
    assert_eq!(device.does(), [Did::Uplink(201, vec![0x01, 0x00, 0x40, 255, 0])]);
    for _ in 0..16_400 {
        device.hears_fragmentation(&[data_fragment(1, 1, &fragment(1))]);
    }
    device.hears_fragmentation(&[status_req(1, true)]);
    assert_eq!(device.does(), [Did::Uplink(201, vec![0x01, 0xFF, 0x7F, 255, 0])]);
}

#[test]
fn a_status_request_about_no_session_is_met_with_silence() {
    let mut device = Device::in_group();
    device.hears_fragmentation(&[status_req(0, true), status_req(3, true)]);
    assert_eq!(device.answers(), []);
}

#[test]
fn sessions_that_cannot_be_are_refused_with_the_right_bit() {
    let mut device = Device::new();
    device.board.largest = 1000;
    device.board.unwanted = Some(Descriptor([9; 4]));
    let usual = frag_session(0, 10);
    let cases = [
        (FragSessionSetupReq { fragmentation_matrix: FragAlgo::from_wire(1), ..usual }, 0b0001),
        (FragSessionSetupReq { frag_size: 0, ..usual }, 0b0001),
        (FragSessionSetupReq { padding: 10, ..usual }, 0b0001),
        (frag_session(0, 0), 0b0001),
        (frag_session(0, 16_384), 0b0001),
        (frag_session(0, 101), 0b0010),
        (frag_session(2, 10), 0b1000_0100),
        (FragSessionSetupReq { descriptor: Descriptor([9; 4]), ..usual }, 0b1000),
    ];
    for (req, status) in cases {
        device.hears_fragmentation(&[req.into()]);
        assert_eq!(device.answers(), [(201, vec![0x02, status])], "{req:?}");
        assert_eq!(device.session.missing(index(0)), None, "{req:?}");
    }
}

#[test]
fn a_repeated_set_up_starts_afresh() {
    let mut device = expecting_ten();
    device.hears_on_group(1, &[data_fragment(0, 1, &fragment(1))]);
    device.hears_fragmentation(&[frag_session(0, 10).into()]);
    assert_eq!(device.answers(), [(201, vec![0x02, 0x00])]);
    assert_eq!((device.session.received(index(0)), device.session.missing(index(0))), (Some(0), Some(10)));
}

#[test]
fn a_deleted_session_is_gone() {
    let mut device = expecting_ten();
    device.hears_fragmentation(&[delete(0), delete(0), delete(1), delete(3)]);
    assert_eq!(device.answers(), [(201, vec![0x03, 0, 0x03, 0b100, 0x03, 0b101, 0x03, 0b111])]);
    assert_eq!(device.session.missing(index(0)), None);
}

#[test]
fn on_multicast_nothing_but_fragments_and_status_requests_has_an_effect() {
    let mut device = expecting_ten();
    device.hears_on_group(
        1,
        &[PackageVersionReq {}.into(), delete(0), frag_session(1, 5).into(), status_req(0, true)],
    );
    assert_eq!(device.answers(), [(201, vec![0x01, 0, 0, 10, 0])]);
    assert_eq!(device.session.missing(index(1)), None);
}

#[test]
fn too_many_losses_for_the_memory_are_reported_until_enough_uncoded_fragments_make_up_for_them() {
    let mut device = Device::in_group();
    device.board.max_lost = 2;
    device.hears_fragmentation(&[frag_session(0, 10).into()]);
    device.answers();
    for n in 1..=7 {
        device.hears_on_group(n.into(), &[data_fragment(0, n, &fragment(n))]);
    }
    device.hears_on_group(8, &[data_fragment(0, 11, &[0; 10])]);
    let answer = status(&mut device).unwrap();
    assert_eq!((answer.missing_frag, answer.not_enough_matrix_memory), (3, true));
    device.hears_on_group(18, &[data_fragment(0, 8, &fragment(8))]);
    let answer = status(&mut device).unwrap();
    assert_eq!((answer.missing_frag, answer.not_enough_matrix_memory), (2, false), "now parity counts");
    for n in 9..=10 {
        device.hears_on_group(u32::from(n) + 10, &[data_fragment(0, n, &fragment(n))]);
    }
    assert!(device.does().contains(&Did::Complete(index(0), Descriptor([1, 2, 3, 4]))));
    assert!(status(&mut device).unwrap().is_complete());
}

#[test]
fn a_session_for_unicast_alone_needs_no_group() {
    let mut device = Device::new();
    let unicast = FragSessionSetupReq { mc_group_bit_mask: GroupMask::NONE, ..frag_session(0, 1) };
    device.hears_fragmentation(&[unicast.into()]);
    device.answers();
    device.hears_fragmentation(&[data_fragment(0, 1, &fragment(1))]);
    assert_eq!(device.does(), [Did::Complete(index(0), Descriptor([1, 2, 3, 4]))]);
}
