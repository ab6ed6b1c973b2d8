//! Campaigns that outlive their server: `fuota run --store`, `--fleet-only` and `fuota resume`, with processes that are
//! killed and frozen.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod alone;
mod harness;
mod kills;
mod nodes;
