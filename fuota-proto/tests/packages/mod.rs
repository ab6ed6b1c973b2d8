//! The packages by name.

use fuota_proto::{DecodeError, Writer, clock_sync, firmware, fragmentation, multicast};
use serde_json::Value;

use crate::common::{number, text};

/// Every command as JSON, and the error if there is one.
pub(crate) type Decoded = (Vec<Value>, Option<DecodeError>);

/// One package, version and direction.
pub(crate) struct Codec {
    /// Payload to commands.
    pub(crate) decode: fn(&[u8]) -> Decoded,
    /// The commands of a payload back to octets, without a detour through JSON.
    pub(crate) recode: fn(&[u8]) -> Vec<u8>,
    /// One command, by name and fields, to octets.
    pub(crate) encode: fn(&str, &Value) -> Result<Vec<u8>, String>,
}

macro_rules! codec {
    ($package:ident, $version:ident, $direction:ident) => {
        Codec {
            decode: |payload| {
                let (mut commands, mut error) = (Vec::new(), None);
                for command in $package::$version::$direction::commands(payload) {
                    match command {
                        Ok(command) => commands.push(serde_json::to_value(&command).unwrap()),
                        Err(cause) => error = Some(cause),
                    }
                }
                (commands, error)
            },
            recode: |payload| {
                let mut buffer = vec![0; payload.len()];
                let mut out = Writer::new(&mut buffer);
                for command in $package::$version::$direction::commands(payload) {
                    command.unwrap().encode(&mut out).unwrap();
                }
                out.written().to_vec()
            },
            encode: |name, fields| {
                let command = match $package::$version::$direction::from_fields(name, fields) {
                    Some(command) => command.map_err(|error| error.to_string())?,
                    None => return Err(format!("no command {name}")),
                };
                assert_eq!(command.name(), name);
                let mut buffer = [0; 300];
                let len = command.encode_to_slice(&mut buffer).unwrap();
                assert_eq!(len, command.encoded_len());
                Ok(buffer[..len].to_vec())
            },
        }
    };
}

/// The codec that a vector is for.
pub(crate) fn codec(of: &Value) -> Codec {
    match (text(of, "package"), number(of, "version"), text(of, "direction")) {
        ("TS003", 1, "downlink") => codec!(clock_sync, v1, Downlink),
        ("TS003", 1, "uplink") => codec!(clock_sync, v1, Uplink),
        ("TS003", 2, "downlink") => codec!(clock_sync, v2, Downlink),
        ("TS003", 2, "uplink") => codec!(clock_sync, v2, Uplink),
        ("TS004", 1, "downlink") => codec!(fragmentation, v1, Downlink),
        ("TS004", 1, "uplink") => codec!(fragmentation, v1, Uplink),
        ("TS004", 2, "downlink") => codec!(fragmentation, v2, Downlink),
        ("TS004", 2, "uplink") => codec!(fragmentation, v2, Uplink),
        ("TS005", 1, "downlink") => codec!(multicast, v1, Downlink),
        ("TS005", 1, "uplink") => codec!(multicast, v1, Uplink),
        ("TS005", 2, "downlink") => codec!(multicast, v2, Downlink),
        ("TS005", 2, "uplink") => codec!(multicast, v2, Uplink),
        ("TS006", 1, "downlink") => codec!(firmware, v1, Downlink),
        ("TS006", 1, "uplink") => codec!(firmware, v1, Uplink),
        other => panic!("no codec for {other:?}"),
    }
}
