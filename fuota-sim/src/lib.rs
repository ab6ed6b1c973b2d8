//! Deterministic simulation of LoRaWAN FUOTA campaigns, and the `fuota` command line.

#![forbid(unsafe_code)]

pub mod bulk;
pub mod channel;
pub mod chaos;
pub mod cli;
pub mod code;
pub mod energy;
pub mod external;
mod fleet;
pub mod forecast;
mod frame;
mod image;
#[cfg(unix)]
mod live;
mod node;
mod picture;
mod ping;
mod reception;
pub mod record;
pub mod report;
pub mod rng;
pub mod scenario;
mod server;
pub mod sweep;
pub mod theory;
pub mod world;
