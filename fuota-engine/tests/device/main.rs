//! The device's half, told what real downlinks say and asked what it does.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that panics has found something"
)]

mod clock_sync;
mod firmware;
mod fragmentation;
mod fragmentation_v2;
mod harness;
mod multicast;
mod pair;
mod pair_kinds;
mod properties;
mod whole;
mod window;
