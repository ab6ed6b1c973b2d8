//! What holds for any device and any input.

use fuota_engine::device::{Settings, Source};
use fuota_proto::PackageVersion;
use fuota_proto::fragmentation::v1::Uplink;
use proptest::prelude::*;

use crate::harness::*;

/// Something that happens to a device.
#[derive(Clone, Debug)]
enum Event {
    Heard(Source, u8, Vec<u8>),
    Passed(u64),
    Radio(Option<usize>),
}

fn settings() -> impl Strategy<Value = Settings> {
    let version = || prop_oneof![Just(PackageVersion::V1), Just(PackageVersion::V2)];
    (version(), version(), version(), any::<[bool; 2]>()).prop_map(
        |(clock_sync, multicast, fragmentation, [class_b, installs_at_once])| Settings {
            clock_sync,
            multicast,
            fragmentation,
            class_b,
            installs_at_once,
            ..Settings::default()
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let source = prop_oneof![
        3 => Just(Source::Unicast),
        1 => (0..4_u8, 0..20_000_u32).prop_map(|(id, fcnt)| Source::Multicast { group: group(id), fcnt }),
    ];
    // Command identifiers that mean something, more often than chance would have it.
    let cid = prop_oneof![4 => 0..9_u8, 1 => any::<u8>()];
    let octets = prop::collection::vec(any::<u8>(), 0..60);
    let heard = (source, 199..205_u8, cid, octets).prop_map(|(source, port, cid, mut octets)| {
        octets.insert(0, cid);
        Event::Heard(source, port, octets)
    });
    prop_oneof![
        6 => heard,
        2 => (0..200_u64).prop_map(Event::Passed),
        1 => prop::option::of(0..60_usize).prop_map(Event::Radio),
    ]
}

proptest! {
    #[test]
    fn a_device_survives_anything_and_never_waits_for_the_past(
        settings in settings(),
        events in prop::collection::vec(event(), 0..200),
        dice in any::<u32>(),
    ) {
        let mut device = Device::with_settings(settings);
        device.board.dice = dice;
        for event in events {
            let done = match event {
                Event::Heard(source, port, payload) => {
                    device.hears(source, port, &payload);
                    device.does()
                }
                Event::Passed(time) => device.after(secs(time)),
                Event::Radio(max_uplink) => {
                    device.board.max_uplink = max_uplink;
                    device.does()
                }
            };
            prop_assert!(done.len() < 100);
            for did in done {
                if let Did::Uplink(port, payload) = did {
                    prop_assert!((200..=203).contains(&port) && (1..=51).contains(&payload.len()));
                }
            }
            prop_assert!(device.until.is_none_or(|until| until > device.now));
        }
    }

    /// The memory bit against what it means: parity has been refused, and uncoded fragments have not made up for it.
    #[test]
    fn the_memory_bit_tells_how_things_are(
        order in Just((1..=20_u16).collect::<Vec<_>>()).prop_shuffle(),
        max_lost in 0..6_u16,
    ) {
        let mut device = Device::in_group();
        device.board.max_lost = max_lost;
        device.hears_fragmentation(&[frag_session(0, 10).into()]);
        device.answers();
        let (mut unknown, mut refused) = (10_u16, false);
        for n in order {
            device.hears_on_group(n.into(), &[data_fragment(0, n, &fragment(n))]);
            if n <= 10 {
                unknown -= 1;
            } else {
                refused |= unknown > max_lost;
            }
            device.hears_fragmentation(&[status_req(0, true)]);
            let said = device.does().pop();
            let Some(Did::Uplink(201, payload)) = said else { panic!("{said:?}") };
            let Ok(Uplink::FragSessionStatusAns(answer)) = Uplink::decode(&payload) else { panic!("{payload:?}") };
            prop_assert_eq!(answer.not_enough_matrix_memory, refused && unknown > max_lost);
        }
        prop_assert_eq!(device.session.missing(index(0)), Some(0));
    }
}
