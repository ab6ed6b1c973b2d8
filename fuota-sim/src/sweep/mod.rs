//! Sweeps: a scenario over a grid of parameters and many seeds, spread over threads and machines.
//!
//! A [`Grid`] is read from a file and opened as a [`Sweep`] in a folder. Rows are written there as runs end, so a sweep
//! that ends early, in whatever way, goes on where it was when it is opened again. The tables at the end depend on
//! nothing but the grid: not on threads, interruptions, or shards merged.
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::atomic::AtomicBool;
//!
//! use fuota_sim::sweep::{Grid, Shard, Sweep};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let grid = Grid::read(Path::new("grid.toml"))?;
//! let mut sweep = Sweep::open(grid, Path::new("out"), Shard::WHOLE)?;
//! sweep.run(None, &AtomicBool::new(false), &mut |_| {})?;
//! let files = sweep.finish()?;
//! # Ok(())
//! # }
//! ```

mod error;
mod grid;
mod manifest;
mod merge;
mod outputs;
mod parquet;
mod picture;
mod row;
mod rows;
mod run;
mod shard;
mod summary;

pub use self::error::SweepError;
pub use self::grid::{Grid, GridError};
pub use self::merge::{Merged, merge};
pub use self::run::{Done, Sweep};
pub use self::shard::{Shard, ShardError};
