//! Why a sweep does not come about.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use super::grid::GridError;
use crate::world::SimError;

/// Why a sweep does not come about; each fits on one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The grid is wrong.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of a sweep is not as it was written.
    #[error("{}: line {line}: {what}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The folder has the rows of another sweep.
    #[error("{} holds another sweep, with another {what}: an empty folder is expected", path.display())]
    Other {
        /// The folder.
        path: PathBuf,
        /// What is different.
        what: &'static str,
    },
    /// The folder holds no sweep.
    #[error("{} holds no sweep: a folder with sweep.json and rows.csv is expected", path.display())]
    None {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is another process's just now.
    #[error("{} is being written by another process", path.display())]
    Busy {
        /// The file that it holds.
        path: PathBuf,
    },
    /// Folders to be merged disagree on a run.
    #[error("cell {cell}, seed {seed}: {} has another row than the folders before", path.display())]
    Contradiction {
        /// The folder.
        path: PathBuf,
        /// The cell.
        cell: u32,
        /// The seed.
        seed: u64,
    },
    /// A run shows a fault of this program.
    #[error("cell {cell}, seed {seed}: {source}")]
    Run {
        /// The cell.
        cell: u32,
        /// The seed.
        seed: u64,
        /// What went wrong.
        source: SimError,
    },
    /// No threads can be started.
    #[error("threads cannot be started: {0}")]
    Threads(String),
    /// A table or picture cannot be made.
    #[error("cannot make {what}: {why}")]
    Report {
        /// Which.
        what: &'static str,
        /// The reason given.
        why: String,
    },
}

impl SweepError {
    pub(super) fn report<E: Display>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |why| Self::Report { what, why: why.to_string() }
    }
}
