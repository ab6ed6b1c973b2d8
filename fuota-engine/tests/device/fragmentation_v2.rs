//! What TS004-2.0.0 adds: integrity, anti-replay, and blocks that are reported without a question.

use fuota_fec::{Encoder, FragmentNumber, Geometry, ParityRule};
use fuota_proto::fragmentation::v2::{Downlink, FragDataBlockReceivedAns, FragSessionSetupReq};
use fuota_proto::multicast::v2::PackageVersionReq;
use fuota_proto::{BlockAckDelay, Descriptor, FragAlgo, GroupMask, Mic, NbFrag};

use crate::harness::*;

/// The block of every test: 97 octets in fragments of ten.
fn block() -> Vec<u8> {
    (0..97).collect()
}

fn set_up(session_cnt: u16, ack_reception: bool) -> FragSessionSetupReq {
    let descriptor = Descriptor([1, 2, 3, 4]);
    FragSessionSetupReq {
        mc_group_bit_mask: GroupMask::new(0b0001).unwrap(),
        frag_index: index(0),
        nb_frag: NbFrag::from_wire(10),
        frag_size: 10,
        block_ack_delay: BlockAckDelay::new(0).unwrap(),
        frag_algo: FragAlgo::FEC,
        ack_reception,
        padding: 3,
        descriptor,
        session_cnt,
        mic: Board::root_key().data_block_int_key().mic(session_cnt, index(0), descriptor, &block()),
    }
}

fn hears(device: &mut Device, command: impl Into<Downlink<'static>>) {
    device.hears(fuota_engine::device::Source::Unicast, 201, &encoded(&[command.into()]));
}

/// Fragments of the block by the parity rule of version 2.
fn hears_fragments(device: &mut Device, numbers: impl IntoIterator<Item = u16>) {
    let block = block();
    let encoder = Encoder::new(Geometry::new(97, 10).unwrap(), ParityRule::V2, &block).unwrap();
    for n in numbers {
        let mut data = [0; 10];
        encoder.fragment(FragmentNumber::new(n).unwrap(), &mut data).unwrap();
        device.hears_on_group(n.into(), &[data_fragment(0, n, &data)]);
    }
}

fn expecting(req: FragSessionSetupReq) -> Device {
    let mut device = newest();
    hears(&mut device, req);
    assert_eq!(device.answers(), [(201, vec![0x02, 0x00])]);
    device
}

fn status(device: &mut Device, participants: bool) -> Vec<Did> {
    device.hears_on_group(9000, &[status_req(0, participants)]);
    device.does()
}

#[test]
fn parity_follows_the_rule_of_version_2_and_the_block_is_verified() {
    let mut device = expecting(set_up(0, false));
    hears_fragments(&mut device, (3..=10).chain(11..=20));
    assert_eq!(device.does(), [Did::Complete(index(0), Descriptor([1, 2, 3, 4]))]);
    assert_eq!(device.session.store(index(0)).unwrap().image(), block());
    assert!(
        matches!(&status(&mut device, true)[..], [Did::Uplink(201, ans)] if ans[..2] == [0x01, 0] && ans[4] == 0)
    );
}

#[test]
fn a_block_with_another_integrity_code_is_thrown_away_and_reported() {
    let mut device = expecting(FragSessionSetupReq { mic: Mic([0; 4]), ..set_up(0, false) });
    hears_fragments(&mut device, 1..=10);
    assert_eq!(device.does(), [Did::Corrupt(index(0))]);
    assert!(device.session.store(index(0)).is_none());
    let mic_error = || Did::Uplink(201, vec![0x01, 0b0000_0010, 10, 0, 0]);
    assert_eq!(status(&mut device, true), [mic_error()]);
    assert_eq!(status(&mut device, false), [mic_error()], "it misses the whole block");
}

#[test]
fn a_session_counts_as_used_from_its_first_fragment_on() {
    let mut device = expecting(set_up(5, false));
    assert_eq!(device.board.session_cnt_prev[0], None);
    hears(&mut device, set_up(5, false));
    assert_eq!(device.answers(), [(201, vec![0x02, 0x00])], "the answer to the first may have been lost");
    device.hears_on_group(1, &[data_fragment(0, 1, &[0; 9])]);
    assert_eq!(device.board.session_cnt_prev[0], None, "a fragment of another session");
    hears_fragments(&mut device, [1]);
    assert_eq!(device.board.session_cnt_prev, [Some(5), None, None, None]);
    for session_cnt in [5, 4, 0] {
        hears(&mut device, set_up(session_cnt, false));
        assert_eq!(device.answers(), [(201, vec![0x02, 0b0001_0000])], "replay");
    }
    assert_eq!(device.session.received(index(0)), Some(1), "a refused request leaves the session alone");
    hears(&mut device, set_up(6, false));
    assert_eq!(device.answers(), [(201, vec![0x02, 0x00])]);
    assert_eq!(device.session.received(index(0)), Some(0), "an accepted one replaces it");
}

#[test]
fn session_counters_outlive_the_session_and_the_device_s_memory() {
    let mut device = expecting(set_up(0, false));
    hears_fragments(&mut device, [1]);
    let session_cnt_prev = device.board.session_cnt_prev;
    let mut rebooted = newest();
    rebooted.board.session_cnt_prev = session_cnt_prev;
    hears(&mut rebooted, set_up(0, false));
    assert_eq!(rebooted.answers(), [(201, vec![0x02, 0b0001_0000])]);
}

#[test]
fn a_refused_block_leaves_the_session_alone() {
    let mut device = expecting(set_up(0, false));
    hears_fragments(&mut device, [1]);
    device.board.unwanted = Some(Descriptor([9; 4]));
    hears(&mut device, FragSessionSetupReq { descriptor: Descriptor([9; 4]), ..set_up(1, false) });
    assert_eq!(device.answers(), [(201, vec![0x02, 0b0000_1000])]);
    assert_eq!(device.session.received(index(0)), Some(1));
}

#[test]
fn without_a_session_the_short_form_answers_within_the_shortest_window() {
    let mut device = newest();
    device.board.dice = 1 << 31;
    assert_eq!(status(&mut device, true), []);
    assert_eq!(device.until, Some(device.now + secs(8)), "half of 16 s");
    assert_eq!(device.after(secs(8)), [Did::Uplink(201, vec![0x01, 0b0000_0100])]);
    assert_eq!(device.until, None);
}

#[test]
fn a_whole_block_is_reported_three_times_at_most() {
    let mut device = expecting(set_up(0, true));
    device.board.dice = 1 << 30;
    hears_fragments(&mut device, 1..=10);
    assert!(matches!(device.does()[..], [Did::Complete(..)]));
    let report = || Did::Uplink(201, vec![0x04, 0x00]);
    assert_eq!(device.until, Some(device.now + secs(4)), "a quarter of 16 s");
    assert_eq!(device.after(secs(4)), [report()]);
    assert_eq!(device.after(secs(8)), [], "the answer gets its time");
    assert_eq!(device.after(secs(1)), [report()]);
    assert_eq!(device.after(secs(9)), [report()]);
    assert_eq!(device.after(secs(1000)), []);
}

#[test]
fn an_acknowledged_report_is_not_repeated_and_closes_the_window() {
    let mut device = expecting(set_up(0, true));
    device.hears_multicast_setup(&[class_c(300, 15).into()]);
    device.answers();
    device.now = START + secs(300);
    device.after(secs(0));
    hears_fragments(&mut device, 1..=10);
    assert!(matches!(&device.does()[..], [Did::Complete(..), Did::Uplink(201, req)] if *req == [0x04, 0]));
    hears(&mut device, FragDataBlockReceivedAns { frag_index: index(1) });
    assert_eq!(device.does(), [], "another session's");
    hears(&mut device, FragDataBlockReceivedAns { frag_index: index(0) });
    assert_eq!(device.does(), [Did::Close]);
    assert_eq!(device.until, None);
}

#[test]
fn a_corrupt_block_is_reported_as_such() {
    let mut device = expecting(FragSessionSetupReq { mic: Mic([0; 4]), ..set_up(0, true) });
    hears_fragments(&mut device, 1..=10);
    assert_eq!(device.does(), [Did::Corrupt(index(0)), Did::Uplink(201, vec![0x04, 0b0000_0100])]);
}

#[test]
fn the_versions_are_told_when_asked() {
    let mut device = newest();
    for (port, identifier) in [(202, 1), (200, 2), (201, 3), (203, 4)] {
        device.hears(fuota_engine::device::Source::Unicast, port, &[0x00]);
        let version = if port == 203 { 1 } else { 2 };
        assert_eq!(device.answers(), [(port, vec![0x00, identifier, version])]);
    }
    assert_eq!(fuota_proto::Command::encoded_len(&PackageVersionReq {}), 1);
}
