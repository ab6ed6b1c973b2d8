//! Deterministic simulation of LoRaWAN FUOTA campaigns, and the `fuota` command line.

#![forbid(unsafe_code)]

pub mod cli;
pub mod record;
pub mod scenario;
