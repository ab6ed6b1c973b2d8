//! LoRaWAN FUOTA campaigns as sans-IO state machines: the server's side and the device's.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(any(feature = "postgres", feature = "prometheus", feature = "sqlite"))]
pub mod adapter;
pub mod airtime;
#[cfg(feature = "alloc")]
pub mod campaign;
#[cfg(feature = "alloc")]
pub mod config;
pub mod device;
#[cfg(feature = "driver")]
pub mod driver;
pub mod ids;
pub mod percent;
pub mod region;
#[cfg(feature = "alloc")]
pub mod rollout;
pub mod rule;
pub mod time;
