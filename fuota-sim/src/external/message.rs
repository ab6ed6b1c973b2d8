//! The lines of the protocol.

use serde::{Deserialize, Serialize};

/// What a process is told, on a line of its own.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Told {
    /// Milliseconds since the GPS epoch, rounded down.
    pub(crate) at: u64,
    #[serde(flatten)]
    pub(crate) what: Upward,
}

/// What happened to a device.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Upward {
    /// Its radio received a payload.
    Downlink {
        device: String,
        port: u8,
        /// Its number of the multicast group; `None` if the payload came to this device alone.
        group: Option<u8>,
        hex: String,
    },
    /// The moment has come for which it asked, or the run begins.
    Tick { device: String },
}

impl Upward {
    /// Whom it happened to.
    pub(crate) fn device(&self) -> &str {
        match self {
            Self::Downlink { device, .. } | Self::Tick { device } => device,
        }
    }
}

/// A line of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Output(Output),
    Ready { wake_at: Option<u64> },
}

/// What a device does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// It sends a payload, so many milliseconds later.
    Uplink { port: u8, payload: Vec<u8>, delay_ms: u64 },
    /// It holds a file.
    Complete { sha256: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    uplink: Option<Uplink>,
    complete: Option<Complete>,
    ready: Option<bool>,
    wake_at: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Uplink {
    device: String,
    port: u8,
    hex: String,
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Complete {
    device: String,
    sha256: String,
}

/// Reads a line: what it says, and the device that it names; `ready` names none.
///
/// # Errors
/// What was expected.
pub(super) fn read(line: &str) -> Result<(Option<String>, Answer), String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    match line {
        Line { uplink: Some(uplink), complete: None, ready: None, wake_at: None } => {
            let Uplink { device, port, hex, delay_ms } = uplink;
            let payload = hex::decode(&hex).map_err(|error| format!("`hex`: {error}"))?;
            Ok((Some(device), Answer::Output(Output::Uplink { port, payload, delay_ms })))
        }
        Line { uplink: None, complete: Some(complete), ready: None, wake_at: None } => {
            let Complete { device, sha256 } = complete;
            Ok((Some(device), Answer::Output(Output::Complete { sha256 })))
        }
        Line { uplink: None, complete: None, ready: Some(true), wake_at } => {
            Ok((None, Answer::Ready { wake_at }))
        }
        _ => Err("one of `uplink`, `complete` and `\"ready\": true` is expected".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told_word_for_word() {
        let told = |what| serde_json::to_string(&Told { at: 1_400_000_000_000, what }).unwrap();
        let (device, hex) = (String::from("0200000000000000"), String::from("0800"));
        assert_eq!(
            told(Upward::Downlink { device: device.clone(), port: 201, group: Some(0), hex: hex.clone() }),
            r#"{"at":1400000000000,"downlink":{"device":"0200000000000000","port":201,"group":0,"hex":"0800"}}"#
        );
        assert_eq!(
            told(Upward::Downlink { device: device.clone(), port: 200, group: None, hex }),
            r#"{"at":1400000000000,"downlink":{"device":"0200000000000000","port":200,"group":null,"hex":"0800"}}"#
        );
        assert_eq!(
            told(Upward::Tick { device }),
            r#"{"at":1400000000000,"tick":{"device":"0200000000000000"}}"#
        );
    }

    #[test]
    fn what_a_device_does_is_read() {
        let uplink = Output::Uplink { port: 200, payload: vec![0x02, 0x00], delay_ms: 1000 };
        for (line, device, answer) in [
            (
                r#"{"uplink":{"device":"a","port":200,"hex":"0200","delay_ms":1000}}"#,
                Some("a"),
                Answer::Output(uplink),
            ),
            (
                r#"{"complete":{"device":"a","sha256":"ab"}}"#,
                Some("a"),
                Answer::Output(Output::Complete { sha256: "ab".into() }),
            ),
            (r#"{"ready":true,"wake_at":5}"#, None, Answer::Ready { wake_at: Some(5) }),
            (r#"{"ready":true,"wake_at":null}"#, None, Answer::Ready { wake_at: None }),
        ] {
            assert_eq!(read(line), Ok((device.map(String::from), answer)), "{line}");
        }
    }

    #[test]
    fn what_is_not_of_the_protocol_is_told() {
        for (line, part) in [
            ("ready", "expected value"),
            ("{}", "one of `uplink`"),
            (r#"{"ready":false}"#, "one of `uplink`"),
            (r#"{"ready":true,"wakeat":5}"#, "unknown field `wakeat`"),
            (r#"{"ready":true,"complete":{"device":"a","sha256":"ab"}}"#, "one of `uplink`"),
            (r#"{"uplink":{"device":"a","port":256,"hex":""}}"#, "256"),
            (r#"{"uplink":{"device":"a","port":1,"hex":"0"}}"#, "`hex`: Odd number"),
            (r#"{"uplink":{"port":1,"hex":""}}"#, "missing field `device`"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
