//! What decodes and still means nothing, and how a device answers it.

#![allow(clippy::unwrap_used)]

use fuota_proto::fragmentation::{FragmentError, SetupError};
use fuota_proto::multicast::{GroupError, McClassBSessionReq, SessionErrors};
use fuota_proto::{Command as _, McGroupId, TimeToStart, fragmentation, multicast};

fn setup(nb_frag: u16, frag_size: u8, control: u8, padding: u8) -> fragmentation::v1::FragSessionSetupReq {
    let [low, high] = nb_frag.to_le_bytes();
    let payload = [0x02, 0x21, low, high, frag_size, control, padding, 0, 0, 0, 0];
    match fragmentation::v1::Downlink::decode(&payload) {
        Ok(fragmentation::v1::Downlink::FragSessionSetupReq(session)) => session,
        other => panic!("{other:?}"),
    }
}

#[test]
fn sessions_that_cannot_be_are_refused_for_want_of_a_code() {
    let cases = [
        (setup(0, 48, 0, 0), SetupError::NbFrag { got: 0 }),
        (setup(16384, 48, 0, 0), SetupError::NbFrag { got: 16384 }),
        (setup(65535, 48, 0, 0), SetupError::NbFrag { got: 65535 }),
        (setup(10, 0, 0, 0), SetupError::FragSize),
        (setup(10, 48, 0, 48), SetupError::Padding { padding: 48, frag_size: 48 }),
        (setup(10, 48, 7 << 3, 0), SetupError::FragAlgo { got: 7 }),
    ];
    for (session, error) in cases {
        assert_eq!(session.validate(), Err(error));
        let v1 = fragmentation::v1::FragSessionSetupAns::refusing(session.frag_index, error);
        assert!(v1.encoding_unsupported && !v1.is_ok() && v1.frag_index == session.frag_index);
        let v2 = fragmentation::v2::FragSessionSetupAns::refusing(session.frag_index, error);
        assert!(v2.frag_algo_unsupported && !v2.is_ok());
    }
    for session in [setup(1, 1, 0, 0), setup(16383, 255, 7, 254)] {
        assert_eq!(session.validate(), Ok(()));
    }
    assert_eq!(setup(10, 48, 0, 7).block_len(), 473);
    assert!(fragmentation::v1::FragSessionSetupAns::accepting(setup(1, 1, 0, 0).frag_index).is_ok());
}

#[test]
fn fragments_have_a_number_and_their_message_to_themselves() {
    let check = |payload: &[u8]| {
        fragmentation::v1::Downlink::commands(payload).find_map(|command| match command {
            Ok(fragmentation::v1::Downlink::DataFragment(fragment)) => Some(fragment.validate(payload.len())),
            _ => None,
        })
    };
    assert_eq!(check(&[0x08, 0x01, 0x00, 0xAA]), Some(Ok(())));
    assert_eq!(check(&[0x08, 0x00, 0x40, 0xAA]), Some(Err(FragmentError::NumberZero)));
    assert_eq!(check(&[0x08, 0x01, 0x00]), Some(Err(FragmentError::Size { got: 0 })));
    assert_eq!(check(&[0x00, 0x08, 0x01, 0x00, 0xAA]), Some(Err(FragmentError::NotAlone)));
    let long = [&[0x08, 0x01, 0x00][..], &[0; 256]].concat();
    assert_eq!(check(&long[..258]), Some(Ok(())), "FragSize goes up to 255");
    assert_eq!(check(&long), Some(Err(FragmentError::Size { got: 256 })));
}

#[test]
fn nothing_is_written_where_it_would_be_swallowed() {
    use fragmentation::v2::{FragSessionDeleteAns, FragSessionStatusAns};
    use fuota_proto::{EncodeError, FragIndex, FragN, PackageVersionReq, Writer};

    let mut buffer = [0; 32];
    let mut out = Writer::new(&mut buffer);
    PackageVersionReq {}.encode(&mut out).unwrap();
    let fragment = fragmentation::DataFragment { frag_index: FragIndex::MIN, n: FragN::MIN, data: &[0xAA] };
    fragment.encode(&mut out).unwrap();
    assert_eq!(PackageVersionReq {}.encode(&mut out), Err(EncodeError::AfterLast));
    assert_eq!(out.written(), [0x00, 0x08, 0x01, 0x00, 0xAA]);

    let mut out = Writer::new(&mut buffer);
    FragSessionStatusAns::no_session().encode(&mut out).unwrap();
    let deleted = FragSessionDeleteAns { frag_index: FragIndex::MIN, session_does_not_exist: false };
    assert_eq!(deleted.encode(&mut out), Err(EncodeError::AfterLast));
    assert_eq!((out.written(), out.is_closed()), (&[0x01, 0x04][..], true));
}

#[test]
fn groups_whose_counters_never_match_are_no_groups() {
    let group = |min: u32, max: u32| {
        let payload = [&[0x02, 0x01][..], &[0; 20], &min.to_le_bytes(), &max.to_le_bytes()].concat();
        match multicast::v1::Downlink::decode(&payload) {
            Ok(multicast::v1::Downlink::McGroupSetupReq(group)) => group,
            other => panic!("{other:?}"),
        }
    };
    let error = GroupError::Counters { min: 6, max: 5 };
    assert_eq!(group(6, 5).validate(), Err(error));
    assert_eq!(group(0, u32::MAX).validate(), Ok(()));
    assert_eq!(group(5, 5).validate(), Ok(()), "a group whose life is over");
    let answer = multicast::McGroupSetupAns::refusing(McGroupId::MAX, error);
    assert!(answer.id_error && !answer.is_ok());
}

fn class_b(time: u32, wire_frequency: u32, dr: u8) -> McClassBSessionReq {
    let frequency = wire_frequency.to_le_bytes();
    let payload = [&[0x05, 0x01][..], &time.to_le_bytes(), &[0x2A], &frequency[..3], &[dr]].concat();
    match multicast::v2::Downlink::decode(&payload) {
        Ok(multicast::v2::Downlink::McClassBSessionReq(session)) => session,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_error_of_a_session_is_answered_at_once() {
    use SessionErrors as E;

    assert_eq!(class_b(128, 8_695_250, 3).validate(), Ok(()));
    assert_eq!(class_b(128, 0, 3).validate(), Ok(()), "hopping");
    assert_eq!(class_b(129, 8_695_250, 3).validate(), Err(E::START_MISSED));
    assert_eq!(class_b(129, 999_999, 16).validate(), Err(E::START_MISSED | E::FREQ_ERROR | E::DR_ERROR));

    let mut session = [0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF];
    let class_c = |payload: &[u8]| match multicast::v2::Downlink::decode(payload) {
        Ok(multicast::v2::Downlink::McClassCSessionReq(session)) => session.validate(),
        other => panic!("{other:?}"),
    };
    assert_eq!(class_c(&session), Err(E::FREQ_ERROR | E::DR_ERROR), "there is no hopping in class C");
    session[7..].copy_from_slice(&[0xD2, 0xAD, 0x84, 15]);
    assert_eq!(class_c(&session), Ok(()));
}

#[test]
fn a_missed_start_is_an_undefined_group_in_version_1() {
    let errors = SessionErrors::START_MISSED | SessionErrors::FREQ_ERROR;
    let v2 = multicast::v2::McClassBSessionAns::refusing(McGroupId::MIN, errors);
    let v1 = multicast::v1::McClassBSessionAns::refusing(McGroupId::MIN, errors);
    assert!(v2.errors().unwrap().names().eq(["FreqError", "StartMissed"]));
    assert_eq!(v1.errors().unwrap().to_string(), "FreqError | McGroupUndefined");
    assert_eq!((v1.is_ok(), v1.time_to_start()), (false, None));
    let both = multicast::v1::McClassBSessionAns::refusing(
        McGroupId::MIN,
        SessionErrors::START_MISSED | SessionErrors::MC_GROUP_UNDEFINED | SessionErrors::DR_ERROR,
    );
    assert_eq!(both.errors(), Some(SessionErrors::MC_GROUP_UNDEFINED | SessionErrors::DR_ERROR));
    let accepted =
        multicast::v1::McClassBSessionAns::accepting(McGroupId::MIN, TimeToStart::saturating(u32::MAX));
    assert_eq!((accepted.is_ok(), accepted.time_to_start()), (true, Some(TimeToStart::MAX)));
}

/// Version 2 keeps two bits for errors to come: they count as errors, though nobody knows which.
#[test]
fn an_error_without_a_name_is_an_error() {
    for (received, written) in [([0x04, 0x41], [0x04, 0x41]), ([0x04, 0xC5], [0x04, 0x05])] {
        let answer = multicast::v2::Uplink::decode(&received).unwrap();
        let multicast::v2::Uplink::McClassCSessionAns(session) = &answer else { panic!("{answer:?}") };
        assert_eq!((session.is_ok(), session.time_to_start()), (false, None));
        assert_eq!(session.errors().unwrap().bits(), received[1] & 0xFC);
        let mut buffer = [0; 5];
        let len = answer.encode_to_slice(&mut buffer).unwrap();
        assert_eq!(buffer[..len], written);
    }
    // Version 1 has no such bits.
    let answer = multicast::v1::Uplink::decode(&[0x04, 0xC1, 1, 0, 0]).unwrap();
    assert!(matches!(answer, multicast::v1::Uplink::McClassCSessionAns(session) if session.is_ok()));
}

#[test]
fn groups_are_listed_in_order_and_dropped_from_the_top() {
    use fuota_proto::multicast::{GroupItem, GroupItemsError, McGroupStatusAns};
    use fuota_proto::{McAddr, NbTotalGroups};

    let item = |id| GroupItem { mc_group_id: McGroupId::new(id).unwrap(), mc_addr: McAddr(7) };
    let total = NbTotalGroups::new(3).unwrap();
    let mut answer = McGroupStatusAns::new(total, &[item(0), item(2)]).unwrap();
    assert_eq!((answer.ans_group_mask().get(), answer.validate()), (0b101, Ok(())));
    assert_eq!(answer.drop_last(), Some(item(2)));
    assert_eq!((answer.ans_group_mask().get(), answer.items()), (0b001, &[item(0)][..]));
    let order = Err(GroupItemsError::Order { group: McGroupId::new(1).unwrap() });
    assert_eq!(McGroupStatusAns::new(total, &[item(1), item(1)]).map(|_| ()), order);
    // A device that lists another group than its mask says is read, and found out.
    let odd = multicast::v1::Uplink::decode(&[0x01, 0x11, 1, 7, 0, 0, 0]).unwrap();
    assert!(matches!(odd, multicast::v1::Uplink::McGroupStatusAns(odd) if odd.validate() == order));
}

/// What an answer complains of is told by name, and it is fine only if it complains of nothing.
#[test]
fn error_bits_have_names_and_any_of_them_is_an_error() {
    use fragmentation::{v1, v2};

    let names = |octets: &[u8]| -> (bool, Vec<&'static str>) {
        match v1::Uplink::decode(octets).unwrap() {
            v1::Uplink::FragSessionSetupAns(answer) => (answer.is_ok(), answer.error_names().collect()),
            v1::Uplink::FragSessionStatusAns(answer) => (answer.is_ok(), answer.error_names().collect()),
            v1::Uplink::FragSessionDeleteAns(answer) => (answer.is_ok(), answer.error_names().collect()),
            v1::Uplink::PackageVersionAns(_) => (true, Vec::new()),
        }
    };
    assert_eq!(names(&[0x02, 0b1100_0000]), (true, vec![]), "the index is no error");
    assert_eq!(names(&[0x02, 0b0000_1001]), (false, vec!["EncodingUnsupported", "WrongDescriptor"]));
    assert_eq!(names(&[0x02, 0b0000_0110]), (false, vec!["NotEnoughMemory", "FragSessionIndexNotSupported"]));
    assert_eq!(names(&[0x01, 0, 0, 0, 1]), (false, vec!["NotEnoughMatrixMemory"]));
    assert_eq!(names(&[0x03, 0b0000_0101]), (false, vec!["SessionDoesNotExist"]));

    let names = |octets: &[u8]| -> (bool, Vec<&'static str>) {
        match v2::Uplink::decode(octets).unwrap() {
            v2::Uplink::FragSessionSetupAns(answer) => (answer.is_ok(), answer.error_names().collect()),
            v2::Uplink::FragSessionStatusAns(answer) => (answer.is_ok(), answer.error_names().collect()),
            v2::Uplink::FragDataBlockReceivedReq(request) => {
                (request.is_ok(), request.error_names().collect())
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(names(&[0x02, 0b0001_0000]), (false, vec!["SessionCntReplay"]));
    assert_eq!(names(&[0x02, 0b0010_0000]), (true, vec![]), "a reserved bit is no error");
    assert_eq!(names(&[0x01, 0b0000_0100]), (false, vec!["SessionDoesNotExist"]));
    assert_eq!(names(&[0x01, 0b0000_0011, 0, 0, 9]), (false, vec!["MemoryError", "MICError"]));
    assert_eq!(names(&[0x04, 0b0000_0110]), (false, vec!["MICError"]));

    let names = |octets: &[u8]| -> (bool, Vec<&'static str>) {
        match multicast::v2::Uplink::decode(octets).unwrap() {
            multicast::v2::Uplink::McGroupSetupAns(answer) => {
                (answer.is_ok(), answer.error_names().collect())
            }
            multicast::v2::Uplink::McGroupDeleteAns(answer) => {
                (answer.is_ok(), answer.error_names().collect())
            }
            multicast::v2::Uplink::McClassBSessionAns(answer) => {
                (answer.is_ok(), answer.error_names().collect())
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(names(&[0x02, 0b0000_0111]), (false, vec!["IDerror"]));
    assert_eq!(names(&[0x03, 0b0000_0100]), (false, vec!["McGroupUndefined"]));
    assert_eq!(names(&[0x05, 0b0010_1000]), (false, vec!["FreqError", "StartMissed"]));
    assert_eq!(names(&[0x05, 0b0100_0000]), (false, vec![]), "an error without a name");
}

/// A block is whole if nothing is missing and the device complains of nothing.
#[test]
fn a_block_is_complete_only_without_an_error() {
    use fragmentation::{v1, v2};

    let complete = |octets: &[u8]| match v1::Uplink::decode(octets).unwrap() {
        v1::Uplink::FragSessionStatusAns(answer) => answer.is_complete(),
        other => panic!("{other:?}"),
    };
    assert!(complete(&[0x01, 9, 0, 0, 0]));
    assert!(!complete(&[0x01, 9, 0, 1, 0]), "a fragment is missing");
    assert!(!complete(&[0x01, 9, 0, 0, 1]), "its memory was too small");
    assert!(!complete(&[0x01, 9, 0, 1, 1]));

    let status = |octets: &[u8]| match v2::Uplink::decode(octets).unwrap() {
        v2::Uplink::FragSessionStatusAns(answer) => (answer.is_ok(), answer.is_complete()),
        other => panic!("{other:?}"),
    };
    assert_eq!(status(&[0x01, 0b000, 9, 0, 0]), (true, true));
    assert_eq!(status(&[0x01, 0b000, 9, 0, 1]), (true, false));
    for error in [0b001, 0b010, 0b100] {
        assert_eq!(status(&[0x01, error, 9, 0, 0]), (false, false), "status {error:03b}");
    }
    assert_eq!(status(&[0x01, 0b100]), (false, false));
}

/// A device that reboots at once has no time to answer (TS006-1.0.0 §2.3, §2.4), and one that answers 0 will not.
#[test]
fn reboots_are_answered_unless_they_are_at_once() {
    use fuota_proto::firmware::v1::{
        DevRebootCountdownAns, DevRebootCountdownReq, DevRebootTimeAns, DevRebootTimeReq,
    };
    use fuota_proto::{Countdown, GpsSeconds};

    let at = |seconds| DevRebootTimeReq { reboot_time: GpsSeconds(seconds) };
    assert!(!DevRebootTimeReq::NOW.is_answered());
    assert!(DevRebootTimeReq::CANCEL.is_answered() && at(1).is_answered());
    assert!(!DevRebootTimeAns::CANNOT.is_ok());
    assert!(DevRebootTimeAns::CANCELLED.is_ok() && DevRebootTimeAns { reboot_time: 1 }.is_ok());

    let after = |countdown| DevRebootCountdownReq { countdown };
    assert!(!after(Countdown::ZERO).is_answered() && after(Countdown::CANCEL).is_answered());
    let answer = |countdown| DevRebootCountdownAns { countdown };
    assert!(!answer(Countdown::ZERO).is_ok() && answer(Countdown::CANCEL).is_ok());
}

/// As long as a command can be: so much room serves for any, and an octet less takes nothing of it.
fn longest<'a, C: fuota_proto::Command<'a>>(command: &C) {
    let mut buffer = vec![0; C::MAX_LEN];
    assert_eq!((command.encoded_len(), command.encode_to_slice(&mut buffer)), (C::MAX_LEN, Ok(C::MAX_LEN)));
    let mut short = fuota_proto::Writer::new(&mut buffer[1..]);
    let refused = fuota_proto::EncodeError::BufferTooSmall { needed: C::MAX_LEN, available: C::MAX_LEN - 1 };
    assert_eq!((command.encode(&mut short), short.written()), (Err(refused), &[][..]));
}

#[test]
fn commands_of_several_lengths_are_at_most_as_long_as_they_say() {
    use fuota_proto::multi_package::v1::{DevPackageAns, MultiPackBufferFrag, PackageItem};
    use fuota_proto::{FragIndex, FragN, McAddr, NbTotalGroups};

    let data = [0xAA; 255];
    longest(&fragmentation::DataFragment { frag_index: FragIndex::MIN, n: FragN::MIN, data: &data });
    longest(&MultiPackBufferFrag { base_byte: 0, data: &data[..128] });
    let item = PackageItem { package_identifier: 1, package_version: 2, port: 202 };
    longest(&DevPackageAns { items: [item; 15].into_iter().collect() });
    let groups = McGroupId::ALL.map(|mc_group_id| multicast::GroupItem {
        mc_group_id,
        mc_addr: McAddr(u32::from(mc_group_id.get())),
    });
    longest(&multicast::McGroupStatusAns::new(NbTotalGroups::MAX, &groups).unwrap());
    longest(&multicast::v2::McClassCSessionAns::accepting(McGroupId::MAX, TimeToStart::MAX));
    let status = fragmentation::v2::Uplink::decode(&[0x01, 0, 0xFF, 0xFF, 0xFF]).unwrap();
    let fragmentation::v2::Uplink::FragSessionStatusAns(status) = status else { panic!("{status:?}") };
    longest(&status);
}
