//! LoRaWAN FUOTA campaigns as sans-IO state machines: the server's side ([`campaign`]) and the device's
//! ([`device`]).

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
pub mod campaign;
pub mod airtime;
#[cfg(feature = "alloc")]
pub mod config;
pub mod ids;
pub mod percent;
pub mod region;
pub mod time;
