//! `sweep.json`: which sweep the rows in a folder belong to.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::SweepError;
use super::grid::{Axis, ColumnKind, Grid, PlotSpec};
use super::row::{BEFORE, BEHIND, BETWEEN, METRICS};
use super::shard::Shard;

/// Version of the shape of all files of a sweep.
const SCHEMA_VERSION: u32 = 1;
/// The file's name.
pub(super) const MANIFEST: &str = "sweep.json";

/// All that has to be known of a sweep to go on with it, to merge it, to sum it up and to draw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    schema_version: u32,
    tool_version: String,
    /// SHA-256 of scenarios, parameters and seeds.
    pub(super) hash: String,
    pub(super) name: String,
    pub(super) about: String,
    pub(super) shard: Shard,
    pub(super) axes: Vec<AxisTexts>,
    pub(super) seeds: Vec<u64>,
    pub(super) plot: PlotSpec,
}

/// An axis with its values as tables have them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AxisTexts {
    pub(super) name: String,
    pub(super) kind: ColumnKind,
    pub(super) values: Vec<String>,
    /// Whether it is the axis of scenarios, which have a column anyway.
    pub(super) of_scenarios: bool,
}

impl AxisTexts {
    fn new(axis: &Axis) -> Self {
        Self {
            name: axis.name.clone(),
            kind: axis.kind(),
            values: axis.texts(),
            of_scenarios: axis.is_of_scenarios(),
        }
    }
}

/// A column of the rows.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    pub(super) kind: ColumnKind,
}

impl Manifest {
    pub(super) fn new(grid: &Grid, shard: Shard) -> Result<Self, SweepError> {
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            tool_version: env!("CARGO_PKG_VERSION").into(),
            hash: grid.hash()?,
            name: grid.name.clone(),
            about: grid.about.clone(),
            shard,
            axes: grid.axes().iter().map(AxisTexts::new).collect(),
            seeds: grid.seeds().to_vec(),
            plot: grid.plot().clone(),
        })
    }

    /// That of a folder, if it has one.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, SweepError> {
        let path = folder.join(MANIFEST);
        match fs::read(&path) {
            Ok(octets) => serde_json::from_slice(&octets).map(Some).map_err(|error| SweepError::Damaged {
                path,
                line: error.line(),
                what: error.to_string(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SweepError::Read { path, source }),
        }
    }

    /// That of the whole sweep which this is a shard of.
    pub(super) fn whole(&self) -> Self {
        Self { shard: Shard::WHOLE, ..self.clone() }
    }

    pub(super) fn to_json(&self) -> Result<String, SweepError> {
        let json = serde_json::to_string_pretty(self).map_err(SweepError::report(MANIFEST))?;
        Ok(json + "\n")
    }

    /// Where another manifest is about another sweep, if it is. What is drawn, and what it is called, does not matter.
    pub(super) fn differs(&self, other: &Self) -> Option<&'static str> {
        [
            (self.schema_version != other.schema_version, "form"),
            (self.tool_version != other.tool_version, "version of fuota"),
            (self.hash != other.hash, "scenario, parameters or seeds"),
            (self.axes != other.axes, "order of parameters"),
        ]
        .into_iter()
        .find_map(|(differs, what)| differs.then_some(what))
    }

    pub(super) fn cells(&self) -> u32 {
        let cells = self.axes.iter().map(|axis| axis.values.len() as u64).product::<u64>();
        u32::try_from(cells).unwrap_or(u32::MAX)
    }

    /// Every run, in order: cell and seed.
    pub(super) fn runs(&self) -> impl Iterator<Item = (u32, u64)> {
        (0..self.cells()).flat_map(|cell| self.seeds.iter().map(move |seed| (cell, *seed)))
    }

    /// Runs of the shard.
    pub(super) fn runs_of_shard(&self) -> impl Iterator<Item = (u32, u64)> {
        self.runs().zip(0..).filter(|(_, number)| self.shard.has(*number)).map(|(run, _)| run)
    }

    /// The columns of a row, in order.
    pub(super) fn columns(&self) -> Vec<Column<'_>> {
        let fixed = |columns: &'static [(&'static str, ColumnKind)]| {
            columns.iter().map(|(name, kind)| Column { name, kind: *kind })
        };
        let parameters = self.parameters().map(|axis| Column { name: &axis.name, kind: axis.kind });
        let figures = METRICS.iter().map(|metric| Column { name: metric.name, kind: metric.kind });
        fixed(&BEFORE).chain(parameters).chain(fixed(&BETWEEN)).chain(figures).chain(fixed(&BEHIND)).collect()
    }

    /// Axes that have a column of their own.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &AxisTexts> {
        self.axes.iter().filter(|axis| !axis.of_scenarios)
    }
}
