//! Deterministic simulation of LoRaWAN FUOTA campaigns, and the `fuota` command line.

#![forbid(unsafe_code)]

pub mod channel;
pub mod cli;
mod fleet;
mod frame;
mod node;
mod ping;
mod reception;
pub mod record;
pub mod report;
pub mod rng;
pub mod scenario;
mod server;
pub mod world;
