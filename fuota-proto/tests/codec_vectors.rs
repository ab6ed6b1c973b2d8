//! Every public vector of the codec: values that other implementations encode and decode alike.

#![allow(clippy::unwrap_used)]

mod common;
mod packages;

use common::{list, number, octets, text, vectors};
use fuota_proto::Command as _;
use fuota_proto::fragmentation::DataFragment;
use packages::codec;
use serde_json::{Value, json};

fn command(of: &Value) -> Value {
    json!({ "command": of["command"], "fields": of["fields"] })
}

fn fragment(fields: &Value) -> Vec<u8> {
    let data = octets(fields, "data");
    let fragment =
        DataFragment { frag_index: number(fields, "frag_index"), n: number(fields, "n"), data: &data };
    let mut buffer = vec![0; fragment.encoded_len()];
    fragment.encode_to_slice(&mut buffer).unwrap();
    buffer
}

/// Octets to commands, commands to octets, and commands through JSON to octets.
fn check(of: &Value, commands: &[Value], canonical: &[u8]) {
    let (codec, payload) = (codec(of), octets(of, "hex"));
    assert_eq!((codec.decode)(&payload), (commands.to_vec(), None), "decoding {of}");
    assert_eq!((codec.recode)(&payload), canonical, "encoding again {of}");
    let encoded: Vec<u8> = commands
        .iter()
        .flat_map(|command| match text(command, "command") {
            // Borrows its octets, which JSON cannot lend.
            "DataFragment" => fragment(&command["fields"]),
            name => (codec.encode)(name, &command["fields"]).unwrap(),
        })
        .collect();
    assert_eq!(encoded, canonical, "encoding {of}");
}

#[test]
fn single_commands() {
    let vectors = vectors("codec.json");
    assert_eq!(list(&vectors, "entries").len(), 640);
    for entry in list(&vectors, "entries") {
        check(entry, &[command(entry)], &octets(entry, "hex"));
    }
}

#[test]
fn several_commands_in_one_payload() {
    for entry in list(&vectors("codec.json"), "multi") {
        let commands: Vec<_> = list(entry, "commands").iter().map(command).collect();
        check(entry, &commands, &octets(entry, "hex"));
    }
}

#[test]
fn reserved_bits_are_ignored_and_written_as_zero() {
    for entry in list(&vectors("codec.json"), "rfu") {
        check(entry, &[command(entry)], &octets(entry, "canonical_hex"));
    }
}

#[test]
fn malformed_payloads_stop_where_they_turn_bad() {
    for entry in list(&vectors("codec.json"), "malformed") {
        let payload = octets(entry, "hex");
        let (commands, error) = (codec(entry).decode)(&payload);
        assert_eq!(commands.len(), number::<usize>(entry, "valid_commands_before"), "{entry}");
        // An empty payload is an empty list.
        let stop = (!payload.is_empty()).then(|| number(entry, "stop_offset"));
        assert_eq!(error.map(|error| error.offset), stop, "{entry}");
    }
}

#[test]
fn contested_payloads_read_as_decided() {
    for entry in list(&vectors("codec.json"), "contested") {
        if entry["fields"].is_null() {
            continue;
        }
        check(entry, &[command(entry)], &octets(entry, "hex"));
    }
    // Where only one reading is recorded as a note: steps of 200 Hz from 12,000,000 on.
    for (payload, hz) in
        [("04000000000003001bb702", 2_400_000_000_u32), ("04000000000003405dc602", 2_600_000_000)]
    {
        let entry = json!({ "package": "TS005", "version": 1, "direction": "downlink", "hex": payload });
        let fields =
            json!({ "mc_group_id": 0, "session_time": 0, "time_out": 3, "dl_frequency_hz": hz, "dr": 2 });
        check(
            &entry,
            &[json!({ "command": "McClassCSessionReq", "fields": fields })],
            &octets(&entry, "hex"),
        );
    }
}

#[test]
fn what_device_stacks_answer_can_be_read() {
    for exchange in list(&vectors("codec.json"), "exchanges") {
        for step in list(exchange, "steps") {
            for direction in ["downlink", "uplink"] {
                let Some(payload) = step[direction].as_str() else { continue };
                let of = json!({ "package": exchange["package"], "version": exchange["version"], "direction": direction });
                let (_, error) = (codec(&of).decode)(&hex::decode(payload).unwrap());
                assert_eq!(error, None, "{direction} {payload} of {of}");
            }
        }
    }
}

/// Some version 1 devices answer a late session with the bit of version 2, and leave the tail out with it.
#[test]
fn a_missed_start_in_version_1_is_told_by_what_it_lacks() {
    use fuota_proto::multicast::v1::{McClassCSessionAns, Uplink};
    use fuota_proto::multicast::{McGroupStatusReq, SessionErrors};
    use fuota_proto::{EncodeError, GroupMask, McGroupId, PackageVersionAns, Writer};

    let read = |payload: &[u8]| Uplink::commands(payload).collect::<Result<Vec<_>, _>>();
    let missed = |answer: &Uplink| match answer {
        Uplink::McClassCSessionAns(answer) => answer.errors() == Some(SessionErrors::START_MISSED),
        _ => false,
    };
    let answers = read(&[0x04, 0x20, 0x01, 0x00]).unwrap();
    assert!(missed(&answers[0]) && answers.len() == 2);
    // Three octets more are a tail: then the bit is the reserved one that version 1 ignores.
    let answers = read(&[0x04, 0x20, 0x00, 0x02, 0x01]).unwrap();
    assert!(!missed(&answers[0]) && answers.len() == 1);

    // What was received can be written again, with no more behind it than would be read so.
    let received = read(&[0x04, 0x21]).unwrap().remove(0);
    let mut buffer = [0; 16];
    let mut out = Writer::new(&mut buffer);
    received.encode(&mut out).unwrap();
    let long = PackageVersionAns { package_identifier: 2, package_version: 1 };
    assert_eq!(long.encode(&mut out), Err(EncodeError::AfterLast));
    McGroupStatusReq { req_group_mask: GroupMask::NONE }.encode(&mut out).unwrap();
    assert_eq!(out.written(), [0x04, 0x21, 0x01, 0x00]);

    // A sender cannot express it: version 1 says that the group is undefined.
    let refusal = McClassCSessionAns::refusing(McGroupId::MIN, SessionErrors::START_MISSED);
    assert_eq!(refusal.errors(), Some(SessionErrors::MC_GROUP_UNDEFINED));
}
