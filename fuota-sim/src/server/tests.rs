//! The network server on its own, handed downlinks and uplinks by the test.

use fuota_proto::{Frequency, McAddr, McGroupId};

use super::*;
use crate::scenario::Faults;

const START: GpsInstant = GpsInstant::from_secs(1000);
const GROUP: GroupId = GroupId(0);

fn after(millis: u64) -> GpsInstant {
    START + Duration::from_millis(millis)
}

fn server() -> Server {
    let fleet = Fleet::new(1, 3, Faults::default());
    let dr5 = DataRate::from_wire(5);
    let radio = Radio {
        region: Region::Eu868,
        rx1: dr5,
        rx2: DataRate::MIN,
        multicast_duty: DutyCycle::one_in(10),
        framing: Framing::default(),
    };
    let mut server = Server::new(fleet, 3, radio, 1, 201);
    let parameters = GroupParameters {
        id: GROUP,
        mc_group_id: McGroupId::MIN,
        mc_addr: McAddr(7),
        key_id: 0,
        class: SessionClass::C,
        frequency: Frequency::from_hz(869_525_000).unwrap(),
        data_rate: dr5,
    };
    assert_eq!(server.provision(parameters), 0);
    server
}

fn downlink(id: u64, dest: Dest, len: usize, not_before: GpsInstant) -> Transmit {
    Transmit { id: TxId(id), dest, port: 200, payload: vec![0; len], not_before, expires_at: GpsInstant::MAX }
}

fn unicast(id: u64, device: u32, len: usize) -> Transmit {
    downlink(id, Dest::Unicast(Fleet::dev_eui(device)), len, START)
}

fn multicast(id: u64, not_before: GpsInstant) -> Transmit {
    downlink(id, Dest::Multicast(GROUP), 242, not_before)
}

fn started(multicast: Multicast) -> OnAir {
    match multicast {
        Multicast::Started(on_air) => on_air,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_rx1_may_not_send_tries_rx2_and_then_waits_for_the_next_uplink() {
    let mut server = server();
    for device in 0..3 {
        assert_eq!(server.enqueue(unicast(device.into(), device, 30)), Ok(Queued::Unicast(device)));
    }
    let first = server.rx1(after(1000), 0, 1).unwrap();
    assert_eq!(first.ends.since(first.started), Duration::from_micros(87_296), "43 octets at DR5");
    assert!(server.rx1(after(2000), 1, 1).is_none(), "the 1 % budget is spent for 8.7 s");
    let second = server.rx2(after(3000), 1, 1).unwrap();
    assert_eq!(second.ends.since(second.started), Duration::from_micros(2_138_112), "43 octets at DR0");
    assert!(
        server.rx1(after(6000), 2, 1).is_none() && server.rx2(after(7000), 2, 1).is_none(),
        "both are spent"
    );
    assert!(server.has_unicast(2) && !server.has_unicast(0));
    assert!(server.rx1(after(9729), 2, 1).is_none());
    assert_eq!(server.rx1(after(9730), 2, 1).unwrap().id, TxId(2), "8.7296 s after the first");
}

#[test]
fn one_antenna_sends_one_frame_at_a_time() {
    let mut server = server();
    server.enqueue(multicast(0, START)).unwrap();
    server.enqueue(unicast(1, 0, 11)).unwrap();
    assert_eq!(started(server.multicast(START).unwrap()).ends, START + Duration::from_micros(394_496));
    assert!(server.rx1(after(394), 0, 1).is_none());
    assert!(server.rx1(after(395), 0, 1).is_some());
}

#[test]
fn multicast_starts_at_its_moment_and_in_order() {
    let mut server = server();
    server.enqueue(multicast(0, after(500))).unwrap();
    server.enqueue(multicast(1, after(500))).unwrap();
    assert!(matches!(server.multicast(START), Ok(Multicast::Later(at)) if at == after(500)));
    let first = started(server.multicast(after(500)).unwrap());
    assert_eq!((first.id, first.started), (TxId(0), after(500)));
    let due = after(500) + Duration::from_micros(3_944_960);
    assert!(matches!(server.multicast(first.ends), Ok(Multicast::Later(at)) if at == due), "10 %");
    let second = started(server.multicast(due).unwrap());
    let counters = [first, second].map(|on_air| match on_air.carries {
        Carries::Multicast { octets, .. } => octets[6],
        Carries::Unicast { .. } => panic!("unicast"),
    });
    assert_eq!(counters, [0, 1]);
    assert!(matches!(server.multicast(second_end(due)), Ok(Multicast::Idle)));
}

fn second_end(due: GpsInstant) -> GpsInstant {
    due + Duration::from_micros(394_496)
}

#[test]
fn rx2_does_not_overtake_multicast_that_waits_for_the_same_budget() {
    let mut server = server();
    server.enqueue(multicast(0, START)).unwrap();
    server.multicast(START).unwrap();
    server.enqueue(multicast(1, after(100))).unwrap();
    server.enqueue(unicast(2, 0, 11)).unwrap();
    assert!(server.rx2(after(4000), 0, 1).is_none());
    assert_eq!(started(server.multicast(after(4000)).unwrap()).id, TxId(1));
}

#[test]
fn what_is_withdrawn_is_never_sent() {
    let mut server = server();
    server.enqueue(unicast(0, 0, 11)).unwrap();
    server.enqueue(multicast(1, START)).unwrap();
    assert!(server.withdraw(TxId(0)) && server.withdraw(TxId(1)) && !server.withdraw(TxId(2)));
    assert!(!server.withdraw(TxId(0)), "once");
    assert!(server.rx1(after(1000), 0, 1).is_none());
    assert!(matches!(server.multicast(START), Ok(Multicast::Idle)));
}

#[test]
fn a_downlink_waits_for_its_moment_in_unicast_too() {
    let mut server = server();
    let dest = Dest::Unicast(Fleet::dev_eui(0));
    server.enqueue(downlink(0, dest, 11, after(5000))).unwrap();
    assert!(server.rx1(after(4999), 0, 1).is_none() && server.rx2(after(4999), 0, 1).is_none());
    assert!(server.rx1(after(5000), 0, 1).is_some());
}

#[test]
fn what_cannot_be_sent_is_refused_at_once() {
    let mut server = server();
    assert_eq!(server.enqueue(unicast(0, 3, 11)), Err(Refusal::Unknown));
    assert_eq!(server.enqueue(downlink(1, Dest::Multicast(GroupId(1)), 11, START)), Err(Refusal::Unknown));
    assert_eq!(server.enqueue(unicast(2, 0, 243)), Err(Refusal::TooLong));
    server.enqueue(unicast(3, 0, 52)).unwrap();
    assert!(server.rx2(after(2000), 0, 1).is_none(), "DR0 carries 51 octets");
    server.release(GROUP);
    assert_eq!(server.enqueue(multicast(4, START)), Err(Refusal::Unknown));
}

#[test]
fn a_group_found_again_goes_on_with_its_counter() {
    let mut server = server();
    server.enqueue(multicast(0, START)).unwrap();
    server.multicast(START).unwrap();
    let parameters = server.group.as_ref().map(|group| group.parameters).unwrap();
    assert_eq!(server.provision(parameters), 1);
}

#[test]
fn only_the_device_itself_unwraps_its_key() {
    let server = server();
    let unwrap = |device| {
        let own = server.fleet.own_root_key(device);
        own.mc_root_key().mc_ke_key().unwrap(&server.wrap(0))
    };
    assert!(unwrap(0) == server.mc_key && unwrap(1) != server.mc_key);
}
