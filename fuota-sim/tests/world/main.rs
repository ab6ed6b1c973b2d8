//! Whole campaigns in the simulated world.

#![allow(clippy::unwrap_used, reason = "a test that panics has found something")]

mod faults;
mod golden;
mod harness;
mod kinds;
mod repair;
mod repeatable;
mod transfer;
