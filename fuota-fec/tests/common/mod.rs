//! The golden vectors: what existing implementations give, and how the data blocks are made.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "flash")]
pub(crate) mod flash;
pub(crate) mod strict;

use fuota_fec::{FragmentNumber, ParityRule};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

pub(crate) fn vectors<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn rule(version: u8) -> ParityRule {
    match version {
        1 => ParityRule::V1,
        2 => ParityRule::V2,
        other => panic!("edition {other}"),
    }
}

pub(crate) fn number(n: u16) -> FragmentNumber {
    FragmentNumber::new(n).unwrap()
}

/// SHA-256(seed text || counter as four octets, most significant first), one after the other, cut to length.
pub(crate) fn generated(seed: &str, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for counter in 0_u32.. {
        if out.len() >= len {
            break;
        }
        out.extend(Sha256::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize());
    }
    out.truncate(len);
    out
}

pub(crate) fn sha256_hex(data: &[u8]) -> String {
    hex::encode(Sha256::digest(data))
}
