//! `fuota codec`: payloads and keys in the open, to have beside a gateway log.

mod batch;
mod decode;
mod encode;
mod keys;
mod message;
mod mic;
mod packages;
mod root;
mod which;

use clap::Subcommand;
use hex::FromHexError;

use super::{Outcome, USAGE};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Payloads to commands
    Decode(decode::Args),
    /// Commands to payloads
    Encode(encode::Args),
    /// Every key that a multicast group and a data block need, from a device's root key
    Keys(keys::Args),
    /// The integrity code of a data block (TS004-2.0.0)
    Mic(mic::Args),
}

pub(super) fn run(verb: &Verb) -> Outcome {
    match verb {
        Verb::Decode(args) => decode::run(args),
        Verb::Encode(args) => encode::run(args),
        Verb::Keys(args) => keys::run(args),
        Verb::Mic(args) => mic::run(args),
    }
}

/// Octets from hex, as logs and people write it: in either case, with spaces, with 0x in front.
fn octets(text: &str) -> Result<Vec<u8>, String> {
    let digits: String = text.split_whitespace().collect();
    let digits = digits.strip_prefix("0x").unwrap_or(&digits);
    hex::decode(digits).map_err(|error| match error {
        FromHexError::InvalidHexCharacter { c, index } => {
            format!("hex is expected, but digit {} is {c:?}", index + 1)
        }
        FromHexError::OddLength => {
            format!("two hex digits per octet are expected, but there are {}", digits.len())
        }
        other => other.to_string(),
    })
}

/// As [`octets`], of a length that the type tells.
fn array<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let octets = octets(text)?;
    <[u8; N]>::try_from(octets).map_err(|octets| format!("{N} octets expected, {} given", octets.len()))
}
