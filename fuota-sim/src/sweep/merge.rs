//! Shards put together.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::SweepError;
use super::manifest::Manifest;
use super::outputs;
use super::rows::{self, Rows};

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Merged {
    /// Everything was there: the files written.
    Whole(Vec<String>),
    /// Runs are missing, and nothing was written.
    Missing {
        /// Cell and seed of each.
        runs: Vec<(u32, u64)>,
        /// Runs in all.
        of: u64,
    },
}

/// Puts the shards of a sweep together in the folder `out`, with the same files, octet for octet, as if the sweep had
/// been made in one place.
///
/// # Errors
/// [`SweepError::None`] for a folder without a sweep, [`SweepError::Other`] for that of another sweep or version,
/// [`SweepError::Contradiction`] for different rows of the same run, and what reading and writing brings about.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<Merged, SweepError> {
    let mut whole: Option<Manifest> = None;
    let mut all = Rows::new();
    for folder in folders {
        let manifest = Manifest::read(folder)?.ok_or_else(|| SweepError::None { path: folder.clone() })?;
        let whole = whole.get_or_insert_with(|| manifest.whole());
        if let Some(what) = whole.differs(&manifest) {
            return Err(SweepError::Other { path: folder.clone(), what });
        }
        for ((cell, seed), row) in rows::read(folder, &manifest)? {
            if all.get(&(cell, seed)).is_some_and(|known| *known != row) {
                return Err(SweepError::Contradiction { path: folder.clone(), cell, seed });
            }
            all.insert((cell, seed), row);
        }
    }
    let Some(whole) = whole else { return Err(SweepError::None { path: out.into() }) };
    if let Some(there) = Manifest::read(out)?
        && let Some(what) = there.differs(&whole)
    {
        return Err(SweepError::Other { path: out.into(), what });
    }
    let missing: Vec<_> = whole.runs().filter(|run| !all.contains_key(run)).collect();
    if !missing.is_empty() {
        return Ok(Merged::Missing { runs: missing, of: whole.runs().map(|_| 1).sum() });
    }
    fs::create_dir_all(out).map_err(|source| SweepError::Write { path: out.into(), source })?;
    outputs::write(out, &whole, &all).map(Merged::Whole)
}
