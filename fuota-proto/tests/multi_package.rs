//! Multi-package access, held to vectors written by hand from the standard.

#![allow(clippy::unwrap_used)]

mod common;

use common::{list, number, octets, text, vectors};
use fuota_proto::multi_package::v1::{
    DevPackageReq, Downlink, DownlinkItem, MultiPackBufferFrag, MultiPackBufferReq, SetError, SetWriter,
    Uplink, UplinkItem, Versions,
};
use fuota_proto::{
    DecodeError, EncodeError, Package, PackageId, PackageVersion, PackageVersionReq, Token, clock_sync,
    firmware, fragmentation,
};
use serde_json::Value;

/// The versions that a vector names; 2 otherwise.
fn versions(of: &Value) -> Versions {
    let version = |package: &str| match of["versions"][package].as_u64() {
        Some(1) => PackageVersion::V1,
        _ => PackageVersion::V2,
    };
    Versions { clock_sync: version("ts003"), fragmentation: version("ts004"), multicast: version("ts005") }
}

type Read = (Vec<Value>, Option<DecodeError>, Result<Vec<u8>, SetError>);

/// Items as JSON, the error if there is one, and the items written again.
macro_rules! read {
    ($items:expr) => {{
        let (mut items, mut error, mut buffer) = (Vec::new(), None, [0; 255]);
        let mut message = SetWriter::new(&mut buffer);
        for item in $items {
            match item {
                Ok(item) => {
                    items.push(serde_json::to_value(&item).unwrap());
                    message.push(&item).unwrap();
                }
                Err(cause) => error = Some(cause),
            }
        }
        (items, error, message.finish().map(<[u8]>::to_vec))
    }};
}

fn read(of: &Value) -> Read {
    let payload = octets(of, "hex");
    match text(of, "direction") {
        "downlink" => read!(DownlinkItem::items(&payload, versions(of))),
        _ => read!(UplinkItem::items(&payload, versions(of))),
    }
}

/// Commands by name and fields, as someone who types them would.
macro_rules! write {
    ($item:ident, $of:expr, $borrowing:expr) => {{
        let (mut buffer, mut package) = ([0; 255], Package::MultiPackage);
        let mut message = SetWriter::new(&mut buffer);
        for command in list($of, "commands") {
            let fields = &command["fields"];
            let item = match text(command, "command") {
                "PackageId" => {
                    let id: PackageId = number(fields, "package_identifier");
                    package = Package::from_identifier(id.get()).unwrap();
                    $item::PackageId(id)
                }
                "CommandToken" => $item::CommandToken(number(fields, "token")),
                name => match $item::from_fields(package, versions($of), name, fields) {
                    Some(item) => item.unwrap(),
                    None => {
                        let data = octets(fields, "data").leak();
                        $borrowing(MultiPackBufferFrag { base_byte: number(fields, "base_byte"), data })
                    }
                },
            };
            message.push(&item).unwrap();
        }
        message.finish().unwrap().to_vec()
    }};
}

#[test]
fn messages_read_and_write_alike() {
    for message in list(&vectors("ts007.json"), "messages") {
        let octets = octets(message, "hex");
        assert_eq!(
            read(message),
            (list(message, "commands").to_vec(), None, Ok(octets.clone())),
            "{message}"
        );
        let written = match text(message, "direction") {
            "downlink" => write!(DownlinkItem, message, |_| panic!("downlinks borrow nothing")),
            _ => write!(UplinkItem, message, |part| UplinkItem::MultiPackage(Uplink::MultiPackBufferFrag(
                part
            ))),
        };
        assert_eq!(written, octets, "{message}");
    }
}

#[test]
fn reserved_bits_are_ignored_and_written_as_zero() {
    for message in list(&vectors("ts007.json"), "reserved") {
        let (_, error, written) = read(message);
        assert_eq!((error, written), (None, Ok(octets(message, "canonical_hex"))), "{message}");
    }
}

#[test]
fn malformed_messages_stop_where_they_turn_bad() {
    for message in list(&vectors("ts007.json"), "malformed") {
        let (items, error, _) = read(message);
        let error = error.unwrap_or_else(|| panic!("{message} reads as {items:?}"));
        assert_eq!(items.len(), number::<usize>(message, "valid_commands_before"), "{message}");
        assert_eq!(
            (error.offset, error.cause.kind()),
            (number(message, "stop_offset"), text(message, "kind")),
            "{message}"
        );
    }
}

#[test]
fn a_message_is_written_in_order_or_refused() {
    let token = DownlinkItem::CommandToken(Token::MIN);
    let id = |id| DownlinkItem::PackageId(PackageId::new(id).unwrap());
    let lone = DownlinkItem::MultiPackage(MultiPackBufferReq { start_byte: 0, stop_byte: 9 }.into());
    let own = DownlinkItem::MultiPackage(Downlink::from(DevPackageReq {}));
    let firmware = DownlinkItem::FirmwareV1(firmware::v1::DevVersionReq {}.into());
    let fragment = fragmentation::DataFragment {
        frag_index: fuota_proto::FragIndex::MIN,
        n: fuota_proto::FragN::MIN,
        data: &[1],
    };
    let fragment = DownlinkItem::FragmentationV2(fragment.into());
    let version = DownlinkItem::ClockSyncV1(clock_sync::v1::Downlink::from(PackageVersionReq {}));
    let cases: [(&[&DownlinkItem<'_>], SetError); 12] = [
        (&[], SetError::Empty),
        (&[&token], SetError::Empty),
        (&[&own], SetError::MissingToken),
        (&[&own, &token, &own], SetError::AfterToken),
        (&[&id(4), &token], SetError::DanglingPackageId),
        (&[&id(4)], SetError::DanglingPackageId),
        (&[&id(3), &firmware], SetError::OtherPackage { expected: 3, got: 4 }),
        (&[&own, &lone], SetError::NotAlone),
        (&[&lone, &own], SetError::NotAlone),
        (&[&lone, &token], SetError::NotAlone),
        (&[&fragment], SetError::NotAlone),
        (
            &[&firmware, &version, &own, &own],
            SetError::Encode(EncodeError::BufferTooSmall { needed: 1, available: 0 }),
        ),
    ];
    for (items, error) in cases {
        let mut buffer = [0; 6];
        let mut message = SetWriter::new(&mut buffer);
        let pushed = items.iter().try_for_each(|item| message.push(*item));
        assert_eq!(pushed.and_then(|()| message.finish()), Err(error), "{items:?}");
    }
}

#[test]
fn what_does_not_fit_leaves_no_identifier_behind() {
    let firmware = DownlinkItem::FirmwareV1(firmware::v1::DevVersionReq {}.into());
    let countdown = firmware::v1::DevRebootCountdownReq { countdown: fuota_proto::Countdown::CANCEL };
    let mut buffer = [0; 3];
    let mut message = SetWriter::new(&mut buffer);
    message.push(&DownlinkItem::FirmwareV1(countdown.into())).unwrap_err();
    message.push(&firmware).unwrap();
    message.push(&DownlinkItem::CommandToken(Token::MAX)).unwrap();
    assert_eq!(message.finish().unwrap(), [0x84, 0x01, 3]);
}

#[test]
fn versions_are_the_newest_unless_told() {
    let newest = Versions::default();
    assert_eq!((newest.clock_sync, newest.fragmentation), (PackageVersion::V2, PackageVersion::V2));
}
