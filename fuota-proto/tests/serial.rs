//! Commands as JSON and in a binary format.

#![allow(clippy::unwrap_used)]

use arbitrary::{Arbitrary, Unstructured};
use fuota_proto::{
    EncryptedMcKey, McAddr, McGroupId, clock_sync, firmware, fragmentation, multi_package, multicast,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

macro_rules! through_json {
    ($($ty:ty),* $(,)? ; $seed:expr) => {$(
        if let Ok(command) = <$ty>::arbitrary(&mut Unstructured::new($seed)) {
            let json = serde_json::to_value(&command).unwrap();
            prop_assert_eq!(&json["command"], command.name());
            let text = json.to_string();
            let through_text = serde_json::from_str::<$ty>(&text);
            // Commands that borrow octets cannot come back from text.
            if let Some(read) = <$ty>::from_fields(command.name(), &json["fields"]) {
                let read = match read {
                    Ok(read) => read,
                    // The only command that JSON says less of: an error without a name is not told there.
                    Err(_) => {
                        prop_assert!(command.name().ends_with("SessionAns") && json["fields"]["time_to_start"].is_null());
                        return Ok(());
                    }
                };
                prop_assert_eq!(&read, &command);
                prop_assert_eq!(through_text.unwrap(), command);
            } else {
                prop_assert!(through_text.unwrap_err().to_string().starts_with("octets in hex cannot be borrowed"));
            }
        }
    )*};
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn any_command_comes_back_from_json(seed in prop::collection::vec(any::<u8>(), 40..80)) {
        through_json!(
            clock_sync::v1::Downlink, clock_sync::v1::Uplink, clock_sync::v2::Downlink, clock_sync::v2::Uplink,
            multicast::v1::Downlink, multicast::v1::Uplink, multicast::v2::Downlink, multicast::v2::Uplink,
            fragmentation::v1::Downlink<'_>, fragmentation::v1::Uplink,
            fragmentation::v2::Downlink<'_>, fragmentation::v2::Uplink,
            firmware::v1::Downlink, firmware::v1::Uplink, multi_package::v1::Downlink; &seed
        );
    }

    #[test]
    fn any_command_comes_back_from_a_record(seed in prop::collection::vec(any::<u8>(), 40..80)) {
        record::<multicast::McGroupSetupReq>(&seed, 32)?;
        record::<multicast::McGroupStatusAns>(&seed, 27)?;
        record::<multicast::v1::McClassCSessionAns>(&seed, 7)?;
        record::<multicast::v2::McClassBSessionAns>(&seed, 7)?;
        record::<fragmentation::v1::FragSessionStatusAns>(&seed, 7)?;
        record::<fragmentation::v2::FragSessionStatusAns>(&seed, 10)?;
        record::<fragmentation::v2::FragSessionSetupReq>(&seed, 24)?;
        record::<firmware::v1::DevUpgradeImageAns>(&seed, 7)?;
        record::<clock_sync::AppTimeAns>(&seed, 6)?;
        record::<multi_package::v1::DevPackageAns>(&seed, 46)?;
        // The whole set: an octet more, which tells the command.
        record::<clock_sync::v1::Downlink>(&seed, 7)?;
        record::<clock_sync::v2::Uplink>(&seed, 8)?;
        record::<multicast::v1::Downlink>(&seed, 33)?;
        record::<multicast::v2::Uplink>(&seed, 28)?;
        record::<fragmentation::v1::Downlink<'_>>(&seed, 90)?;
        record::<fragmentation::v2::Downlink<'_>>(&seed, 90)?;
        record::<fragmentation::v2::Uplink>(&seed, 11)?;
        record::<firmware::v1::Downlink>(&seed, 6)?;
        record::<firmware::v1::Uplink>(&seed, 11)?;
        record::<multi_package::v1::Uplink<'_>>(&seed, 90)?;
    }
}

/// Through postcard, in at most `longest` octets.
fn record<'a, T>(seed: &'a [u8], longest: usize) -> Result<(), TestCaseError>
where
    T: Arbitrary<'a> + Serialize + Deserialize<'a> + PartialEq + core::fmt::Debug,
{
    if let Ok(command) = T::arbitrary(&mut Unstructured::new(seed)) {
        // Lent for as long as the seed: the command may borrow from it.
        let octets: &'a [u8] = postcard::to_slice(&command, vec![0; 400].leak()).unwrap();
        prop_assert!(octets.len() <= longest, "{} octets for {:?}", octets.len(), command);
        prop_assert_eq!(postcard::from_bytes::<T>(octets).unwrap(), command);
    }
    Ok(())
}

fn refused<T: DeserializeOwned + core::fmt::Debug>(fields: Value) -> String {
    serde_json::from_value::<T>(fields).unwrap_err().to_string()
}

#[test]
fn contradictions_are_refused() {
    use fragmentation::v2::FragSessionStatusAns;
    use multicast::v2::McClassCSessionAns;

    let session = |error, time: Value| json!({ "mc_group_id": 0, "dr_error": error, "freq_error": false, "mc_group_undefined": false, "start_missed": false, "time_to_start": time });
    assert_eq!(refused::<McClassCSessionAns>(session(true, json!(5))), "time_to_start beside an error");
    assert_eq!(
        refused::<McClassCSessionAns>(session(false, Value::Null)),
        "neither time_to_start nor an error"
    );
    assert_eq!(
        refused::<multicast::McGroupStatusAns>(
            json!({ "nb_total_groups": 1, "ans_group_mask": 3, "items": [] })
        ),
        "AnsGroupMask names 2 groups, 0 are listed"
    );
    assert!(
        refused::<firmware::v1::DevUpgradeImageAns>(
            json!({ "up_image_status": 3, "next_firmware_version": null })
        )
        .contains("up_image_status 3")
    );
    let status = json!({ "session_does_not_exist": false, "memory_error": false, "mic_error": false, "frag_index": null, "nb_frag_received": null, "missing_frag": null });
    assert_eq!(refused::<FragSessionStatusAns>(status), "the counts of a session that exists are missing");
}

#[test]
fn what_does_not_fit_the_wire_is_refused() {
    let session =
        |hz| json!({ "mc_group_id": 0, "session_time": 0, "time_out": 0, "dl_frequency_hz": hz, "dr": 0 });
    assert_eq!(
        refused::<multicast::McClassCSessionReq>(session(868_000_050)),
        "868000050 Hz is not a multiple of 100 Hz"
    );
    assert!(
        refused::<multicast::McClassCSessionReq>(session(1_500_000_000)).contains("neither below 1.2 GHz")
    );
    assert!(
        refused::<multicast::McGroupDeleteReq>(json!({ "mc_group_id": 4 })).contains("wider than 2 bits")
    );
    assert!(
        refused::<multicast::McGroupDeleteReq>(json!({ "mc_group_id": 0, "group": 0 }))
            .contains("unknown field")
    );
    assert!(refused::<EncryptedMcKey>(json!("abc")).contains("16 octets in hex"));
}

#[test]
fn identifiers_print_as_people_write_them() {
    assert_eq!(McAddr(0x01A2_B3C4).to_string(), "01a2b3c4");
    assert_eq!(EncryptedMcKey([0xAB; 16]).to_string(), "ab".repeat(16));
    assert_eq!(format!("{:?}", McGroupId::MAX), "McGroupId(3)");
}

/// Without an allocator the fields cannot wait for their command's name.
#[test]
fn the_command_comes_before_its_fields_and_neither_twice() {
    use multicast::v1::{Downlink, McGroupDeleteReq};

    let read = |text: &str| serde_json::from_str::<Downlink>(text).map_err(|error| error.to_string());
    let delete = Downlink::from(McGroupDeleteReq { mc_group_id: McGroupId::MAX });
    assert_eq!(read(r#"{"command":"McGroupDeleteReq","fields":{"mc_group_id":3}}"#), Ok(delete));
    let refusals = [
        (r#"{"fields":{"mc_group_id":3},"command":"McGroupDeleteReq"}"#, "missing field `command`"),
        (r#"{"command":"McGroupDeleteReq"}"#, "missing field `fields`"),
        (r#"{"command":"McGroupDeleteAns","fields":{}}"#, "unknown variant `McGroupDeleteAns`"),
        (r#"{"command":"PackageVersionReq","fields":{},"fields":{}}"#, "duplicate field `fields`"),
        (r#"{"command":"PackageVersionReq","fields":{},"more":1}"#, "unknown field `more`"),
        ("[]", "invalid length 0"),
        ("3", "expected a command and then its fields"),
    ];
    for (text, told) in refusals {
        let error = read(text).unwrap_err();
        assert!(error.contains(told), "{text}: {error}");
    }
}
