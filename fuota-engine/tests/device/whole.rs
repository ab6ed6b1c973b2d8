//! A whole transfer, from the group's key to the closed window, and nonsense of every kind.

use fuota_engine::device::Source;
use fuota_fec::{Encoder, FragmentNumber, Geometry, ParityRule};
use fuota_proto::fragmentation::v1::FragSessionSetupReq;

use crate::harness::*;

/// Every fragment of `image`, then as many parity fragments, less those that `lost` names.
fn fragments(image: &[u8], lost: impl Fn(u16) -> bool) -> Vec<(u16, Vec<u8>)> {
    let geometry = Geometry::new(image.len(), 10).unwrap();
    let encoder = Encoder::new(geometry, ParityRule::V1, image).unwrap();
    let numbers = (1..=2 * geometry.nb_frag()).filter(|&n| !lost(n));
    numbers
        .map(|n| {
            let mut fragment = vec![0; 10];
            encoder.fragment(FragmentNumber::new(n).unwrap(), &mut fragment).unwrap();
            (n, fragment)
        })
        .collect()
}

#[test]
fn a_lossy_transfer_ends_in_the_image_and_a_closed_window() {
    let image: Vec<u8> = (0..497_u16).map(|i| (i * 7 % 251) as u8).collect();
    let mut device = Device::new();
    device.hears_multicast_setup(&[mc_group_setup(0, 0, 1000)]);
    device.answers();
    device.hears_fragmentation(&[FragSessionSetupReq { padding: 3, ..frag_session(0, 50) }.into()]);
    device.answers();
    device.hears_multicast_setup(&[class_c(600, 8).into()]);
    device.answers();
    device.now = START + secs(600);
    assert!(matches!(device.after(secs(0))[..], [Did::Open(_)]));

    let heard = fragments(&image, |n| n % 5 == 2);
    for (fcnt, (n, data)) in (0..).zip(&heard) {
        device.hears_on_group(fcnt, &[data_fragment(0, *n, data)]);
    }
    assert!(matches!(device.does()[..], [Did::Complete(..)]));
    assert_eq!(device.session.store(index(0)).map(fuota_fec::MemoryStore::image), Some(&image[..]));

    assert_eq!(device.until, Some(START + secs(856)), "a whole block alone does not close the window");
    device.board.dice = 1 << 30;
    device.hears_on_group(900, &[status_req(0, true)]);
    assert_eq!(device.after(secs(3)), []);
    let done = device.after(secs(1));
    assert!(matches!(&done[..], [Did::Uplink(201, answer), Did::Close] if answer[3..] == [0, 0]), "{done:?}");
    assert_eq!(device.until, None);
}

#[test]
fn a_window_stays_open_for_the_other_session_that_the_group_feeds() {
    let mut device = Device::in_group();
    device.hears_fragmentation(&[frag_session(0, 1).into(), frag_session(1, 2).into()]);
    device.hears_multicast_setup(&[class_c(300, 8).into()]);
    device.answers();
    device.now = START + secs(300);
    device.after(secs(0));
    device.hears_on_group(1, &[data_fragment(0, 1, &fragment(1))]);
    device.hears_on_group(2, &[status_req(0, true)]);
    assert!(!device.does().contains(&Did::Close));
    device.hears_on_group(3, &[data_fragment(1, 1, &fragment(1))]);
    device.hears_on_group(4, &[data_fragment(1, 2, &fragment(2))]);
    device.hears_on_group(5, &[status_req(1, true)]);
    assert_eq!(device.does().last(), Some(&Did::Close));
}

/// A small generator of noise: xorshift, so that the test needs nothing else.
fn noise(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn nonsense_never_stops_a_device() {
    let mut state = 0x9E37_79B9_7F4A_7C15;
    let mut device = Device::in_group();
    for _ in 0..20_000 {
        let len = (noise(&mut state) % 60) as usize;
        let mut payload: Vec<u8> = (0..len).map(|_| noise(&mut state) as u8).collect();
        // Command identifiers that mean something, more often than chance would have it.
        if let Some(first) = payload.first_mut() {
            *first = [0, 1, 2, 3, 4, 5, 8, *first][(noise(&mut state) % 8) as usize];
        }
        let source = match noise(&mut state) % 3 {
            0 => Source::Unicast,
            id => Source::Multicast { group: group((id - 1) as u8), fcnt: noise(&mut state) as u32 % 20_000 },
        };
        device.board.dice = noise(&mut state) as u32;
        device.hears(source, 200 + (noise(&mut state) % 3) as u8, &payload);
        let jump = secs(noise(&mut state) % 30);
        for did in device.after(jump) {
            if let Did::Uplink(_, payload) = did {
                assert!(!payload.is_empty() && payload.len() <= 51);
            }
        }
        assert!(
            device.until.is_none_or(|until| until > device.now),
            "a device that waits for the past spins"
        );
    }
}

/// What a session keeps besides the decoder's words and the block: groups, timers, answers that wait.
#[test]
fn a_session_takes_little_memory() {
    use fuota_engine::device::{DeviceSession, Memory, Platform, Refusal};
    use fuota_fec::RankOnly;

    enum Bare {}
    impl Platform for Bare {
        type Words = [u32; 0];
        type Store = RankOnly;

        fn unwrap_mc_key(&mut self, _: &fuota_proto::EncryptedMcKey) -> fuota_proto::keys::McKey {
            match *self {}
        }

        fn random(&mut self) -> u32 {
            match *self {}
        }

        fn open(
            &mut self,
            _: fuota_proto::FragIndex,
            _: Geometry,
            _: fuota_proto::Descriptor,
        ) -> Result<Memory<[u32; 0], RankOnly>, Refusal> {
            match *self {}
        }

        fn session_cnt_prev(&self, _: fuota_proto::FragIndex) -> Option<u16> {
            match *self {}
        }

        fn set_session_cnt_prev(&mut self, _: fuota_proto::FragIndex, _: u16) {
            match *self {}
        }

        fn version(&self) -> fuota_proto::firmware::v1::DevVersionAns {
            match *self {}
        }

        fn frequency_usable(&self, _: fuota_proto::Frequency) -> bool {
            match *self {}
        }

        fn data_rate_usable(&self, _: fuota_proto::DataRate) -> bool {
            match *self {}
        }
    }
    let (least, most) = (size_of::<DeviceSession<Bare>>(), size_of::<DeviceSession<Bare, 4, 4>>());
    assert!(least <= 768 && most <= 1344, "{least} octets with one group and session, {most} with four");
}
