//! Grids as TOML files.
//!
#![doc = include_str!("format.md")]

mod axis;
mod canonical;
mod column;
mod file;
mod place;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use toml::Table;

pub(crate) use self::axis::Axis;
pub(crate) use self::column::ColumnKind;
pub(crate) use self::file::PlotSpec;
use crate::scenario::{FileError, ScenarioFile};

/// The axis of a grid over several scenarios.
const SCENARIO: &str = "scenario";

/// A scenario, or several, with the parameters that change, and the seeds.
#[derive(Clone, Debug)]
pub struct Grid {
    /// What it is called.
    pub name: String,
    /// What it shows.
    pub about: String,
    bases: Vec<Base>,
    axes: Vec<Axis>,
    seeds: Vec<u64>,
    plot: PlotSpec,
}

/// A scenario that the parameters are put into.
#[derive(Clone, Debug)]
struct Base {
    name: String,
    path: PathBuf,
    table: Table,
}

/// One choice of parameters.
#[derive(Debug)]
pub(crate) struct Cell {
    /// What the scenario is called.
    pub(crate) name: String,
    /// SHA-256 of the scenario in its canonical form, in hexadecimal digits.
    pub(crate) hash: String,
    /// The scenario, or why there can't be one.
    pub(crate) file: Result<ScenarioFile, FileError>,
}

/// Why a file is no grid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GridError {
    /// It, or a file that it names, cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error("{}: line {line}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// A scenario that it is about is wrong.
    #[error(transparent)]
    Scenario(#[from] FileError),
}

impl Grid {
    /// Reads a grid, and the scenarios that it names relative to its own folder.
    ///
    /// # Errors
    /// [`GridError`] with the line that is wrong and what would be right.
    pub fn read(path: &Path) -> Result<Self, GridError> {
        let text = file::read_to_string(path)?;
        Self::parse(&text, path)
    }

    /// A grid from its text, as if it stood in the file `path`.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn parse(text: &str, path: &Path) -> Result<Self, GridError> {
        file::parse(text, path)
    }

    /// Choices of parameters.
    #[must_use]
    pub fn cells(&self) -> u32 {
        let cells = self.axes.iter().map(|axis| axis.values.len() as u64).product::<u64>();
        // No more are read from a file.
        u32::try_from(cells).unwrap_or(u32::MAX)
    }

    /// Seeds of every cell.
    #[must_use]
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// Runs every cell with so many seeds instead, 1 and up.
    pub fn set_seeds(&mut self, seeds: u32) {
        self.seeds = (1..=seeds.into()).collect();
    }

    pub(crate) fn axes(&self) -> &[Axis] {
        &self.axes
    }

    pub(crate) fn plot(&self) -> &PlotSpec {
        &self.plot
    }

    /// Of each axis the place of the value that a cell has. The last axis changes from cell to cell.
    pub(crate) fn places(&self, cell: u32) -> Vec<usize> {
        let mut rest = cell as usize;
        let mut places: Vec<_> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let count = axis.values.len().max(1);
                let place = rest % count;
                rest /= count;
                place
            })
            .collect();
        places.reverse();
        places
    }

    /// The cell of a number, counted from 0; `None` if there are not so many.
    ///
    /// # Errors
    /// [`GridError::Read`] for a file that the scenario names.
    pub(crate) fn cell(&self, number: u32) -> Result<Option<Cell>, GridError> {
        if number >= self.cells() {
            return Ok(None);
        }
        let places = self.places(number);
        let base = self.axes.iter().zip(&places).find(|(axis, _)| axis.path.is_empty());
        let Some(base) = self.bases.get(base.map_or(0, |(_, place)| *place)) else { return Ok(None) };
        let mut table = base.table.clone();
        for (axis, place) in self.axes.iter().zip(places) {
            if let Some(value) = axis.values.get(place).filter(|_| !axis.path.is_empty())
                && let Err(message) = place::put(&mut table, &axis.path, value.get_ref())
            {
                let file = FileError::Wrong { path: base.path.clone(), line: 1, message };
                return Ok(Some(Cell { name: base.name.clone(), hash: String::new(), file: Err(file) }));
            }
        }
        Ok(Some(Cell {
            name: base.name.clone(),
            hash: canonical::digest(&base.canonical(&table)?),
            file: ScenarioFile::parse(&table.to_string(), &base.path),
        }))
    }

    /// SHA-256 of all that decides what rows say: scenarios, parameters and seeds; in hexadecimal digits.
    ///
    /// # Errors
    /// [`GridError::Read`] for a file that a scenario names.
    pub(crate) fn hash(&self) -> Result<String, GridError> {
        let mut text = String::new();
        for base in &self.bases {
            text += &format!("[scenario.{}]\n{}\n", base.name, base.canonical(&base.table)?);
        }
        for axis in &self.axes {
            text += &format!("{} = {:?}\n", axis.name, axis.texts());
        }
        text += &format!("seeds = {:?}\n", self.seeds);
        Ok(canonical::digest(&text))
    }
}

impl Base {
    fn canonical(&self, table: &Table) -> Result<String, GridError> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        canonical::canonical(table, folder).map_err(|(path, source)| GridError::Read { path, source })
    }
}
