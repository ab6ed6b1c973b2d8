//! `fuota run` with a store, or as a fleet alone, and `fuota resume`: the same campaign through the real driver.

mod args;
#[cfg(unix)]
mod error;
#[cfg(unix)]
mod fleet;
#[cfg(unix)]
mod node;
#[cfg(unix)]
mod store;

pub(super) use self::args::LiveArgs;
#[cfg(unix)]
pub(super) use self::fleet::run as run_fleet;
#[cfg(unix)]
pub(super) use self::node::{Begins, run as run_node};
