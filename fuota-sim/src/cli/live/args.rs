//! The flags of campaigns that outlive their server.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::values::time_span;

/// How many times faster than real time virtual time passes at most.
const FASTEST: f64 = 1e6;

/// A campaign through the driver and a store.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Durable campaigns")]
pub(crate) struct LiveArgs {
    /// Conduct the campaign through the driver and keep it in this store: sqlite:FILE or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "STORE", group = "durable")]
    pub(crate) store: Option<String>,

    /// The fleet is in a process of its own and listens there (see --fleet-only) [default: a thread of this process]
    #[arg(long, value_name = "SOCKET", requires = "store")]
    pub(crate) fleet: Option<PathBuf>,

    /// Run the fleet alone, with its network server; nodes find it at this Unix socket
    #[arg(long, value_name = "SOCKET", group = "durable", conflicts_with_all = ["out", "check"])]
    pub(crate) fleet_only: Option<PathBuf>,

    /// How many times faster than real time the fleet lives [default: 1000]
    #[arg(long, value_name = "F", value_parser = factor, requires = "durable", conflicts_with = "fleet")]
    pub(crate) real_time_factor: Option<f64>,

    /// The fleet's network server neither lists its queue nor remembers what it took, and takes orders of whoever comes
    #[arg(long, requires = "durable", conflicts_with = "fleet")]
    pub(crate) plain_server: bool,

    /// Name of this node, different from that of every other one on the same store [default: node-1]
    #[arg(long, value_name = "NAME", requires = "store")]
    pub(crate) node: Option<String>,

    /// How long a campaign stays with a node that is dead before another one takes it up [default: 30s]
    #[arg(long, value_name = "TIME", requires = "store", value_parser = time_span)]
    pub(crate) lease: Option<Duration>,
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (0.001..=FASTEST).contains(factor));
    factor.ok_or_else(|| format!("a number from 0.001 to {FASTEST} is expected"))
}
