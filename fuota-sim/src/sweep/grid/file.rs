//! From the text of a grid's file to the grid.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue, Deserializer};
use toml::{Spanned, Table, Value};

use super::axis::{self, Axis};
use super::{Base, Grid, GridError, SCENARIO};
use crate::scenario::{ScenarioFile, line_of, place_of};
use crate::sweep::row::METRICS;

/// Seeds of each cell unless they are given: enough for an interval.
const SEEDS: u64 = 30;
/// Most runs of one sweep.
const RUNS_MAX: u64 = 10_000_000;

/// The keys of a grid's file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Keys {
    name: Option<String>,
    about: String,
    scenario: Option<Spanned<Scenarios>>,
    #[serde(rename = "base")]
    _base: Option<IgnoredAny>,
    #[serde(rename = "grid")]
    _grid: Option<IgnoredAny>,
    seeds: Option<Spanned<Value>>,
    plot: PlotKeys,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "the path of a scenario is expected, or a list of them")]
enum Scenarios {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PlotKeys {
    x: Option<Spanned<String>>,
    series: Option<Spanned<String>>,
    y: Option<Vec<Spanned<String>>>,
}

/// What the pictures show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlotSpec {
    /// The axis from left to right; the first one unless it is said.
    pub(crate) x: Option<String>,
    /// The axis with a line for each value; the next one unless it is said.
    pub(crate) series: Option<String>,
    /// Figures, a picture each; those that change unless it is said.
    pub(crate) y: Option<Vec<String>>,
}

/// Where a file is, to say where it is wrong.
struct Place<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Place<'_> {
    fn wrong(&self, at: Range<usize>, message: impl Into<String>) -> GridError {
        let line = line_of(self.text, at.start);
        GridError::Wrong { path: self.path.into(), line, message: message.into() }
    }

    fn toml(&self, error: &toml::de::Error) -> GridError {
        let (line, message) = place_of(error, self.text);
        GridError::Wrong { path: self.path.into(), line, message }
    }
}

pub(super) fn read_to_string(path: &Path) -> Result<String, GridError> {
    fs::read_to_string(path).map_err(|source| GridError::Read { path: path.into(), source })
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Grid, GridError> {
    let place = Place { text, path };
    let root = DeTable::parse(text).map_err(|error| place.toml(&error))?;
    let keys = Keys::deserialize(Deserializer::from(root.clone())).map_err(|error| place.toml(&error))?;
    let stem = stem(path);
    let bases = bases(&keys, section(&root, "base"), &stem, &place)?;
    let mut axes = Vec::new();
    if let Some(scenarios) = keys.scenario.as_ref().filter(|_| bases.len() > 1) {
        let named = |base: &Base| Spanned::new(scenarios.span(), Value::from(base.name.as_str()));
        let values = bases.iter().map(named).collect();
        axes.push(Axis { name: SCENARIO.into(), path: Vec::new(), values });
    }
    if let Some(grid) = section(&root, "grid") {
        let DeValue::Table(table) = grid.get_ref() else {
            return Err(place.wrong(grid.span(), "a section with parameters is expected"));
        };
        let table = Spanned::new(grid.span(), table.clone());
        axes.extend(axis::axes(&table).map_err(|(at, message)| place.wrong(at, message))?);
    }
    let seeds = seeds(keys.seeds.as_ref(), &place)?;
    let plot = plot(keys.plot, &axes, &place)?;
    let grid = Grid { name: keys.name.unwrap_or(stem), about: keys.about, bases, axes, seeds, plot };
    check(&grid, &place)?;
    Ok(grid)
}

fn section<'a, 'i>(root: &'a Spanned<DeTable<'i>>, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    root.get_ref().iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "sweep".into(), |stem| stem.to_string_lossy().into_owned())
}

/// The scenarios that the parameters are put into, each of them sound by itself.
fn bases(
    keys: &Keys,
    inline: Option<&Spanned<DeValue<'_>>>,
    stem_of_grid: &str,
    place: &Place<'_>,
) -> Result<Vec<Base>, GridError> {
    let paths = match (&keys.scenario, inline) {
        (Some(scenario), Some(_)) => {
            return Err(place.wrong(scenario.span(), "either `scenario` or `[base]` is expected, not both"));
        }
        (None, inline) => {
            let table = match inline {
                None => Table::new(),
                Some(section) => {
                    ScenarioFile::parse_section(section, "base", place.text, place.path)?;
                    let value = axis::convert(section).map_err(|(at, message)| place.wrong(at, message))?;
                    value.try_into().map_err(|error| place.toml(&error))?
                }
            };
            return Ok(vec![Base { name: stem_of_grid.into(), path: place.path.into(), table }]);
        }
        (Some(scenario), None) => match scenario.get_ref() {
            Scenarios::One(path) => vec![path],
            Scenarios::Several(paths) => paths.iter().collect(),
        },
    };
    let at = keys.scenario.as_ref().map_or(0..0, Spanned::span);
    let mut bases: Vec<Base> = Vec::new();
    for named in paths {
        let path = place.path.parent().map_or_else(|| named.clone(), |folder| folder.join(named));
        let text = read_to_string(&path)?;
        ScenarioFile::parse(&text, &path)?;
        let table = toml::from_str(&text).map_err(|error| Place { text: &text, path: &path }.toml(&error))?;
        let name = stem(&path);
        if bases.iter().any(|base| base.name == name) {
            return Err(
                place.wrong(at, format!("two scenarios are called {name}: different names are expected"))
            );
        }
        bases.push(Base { name, path, table });
    }
    if bases.is_empty() {
        return Err(place.wrong(at, "no scenario: the path of at least one is expected"));
    }
    Ok(bases)
}

fn seeds(seeds: Option<&Spanned<Value>>, place: &Place<'_>) -> Result<Vec<u64>, GridError> {
    const EXPECTED: &str = "a number of seeds above 0, or a list of different seeds, is expected";
    let Some(seeds) = seeds else { return Ok((1..=SEEDS).collect()) };
    let whole = |value: &Value| value.as_integer().and_then(|n| u64::try_from(n).ok());
    let read: Option<Vec<u64>> = match seeds.get_ref() {
        Value::Array(values) => values.iter().map(whole).collect(),
        count => whole(count).filter(|count| *count <= RUNS_MAX).map(|count| (1..=count).collect()),
    };
    let distinct = |seeds: &Vec<u64>| {
        let mut sorted = seeds.clone();
        sorted.sort_unstable();
        sorted.dedup();
        !seeds.is_empty() && sorted.len() == seeds.len()
    };
    read.filter(distinct).ok_or_else(|| place.wrong(seeds.span(), EXPECTED))
}

fn plot(keys: PlotKeys, axes: &[Axis], place: &Place<'_>) -> Result<PlotSpec, GridError> {
    let known = |name: Option<Spanned<String>>, what: &str, names: &[&str]| {
        let Some(name) = name else { return Ok(None) };
        if names.contains(&name.get_ref().as_str()) {
            return Ok(Some(name.into_inner()));
        }
        let message = format!("unknown {what} `{}`, expected one of {}", name.get_ref(), names.join(", "));
        Err(place.wrong(name.span(), message))
    };
    let names: Vec<_> = axes.iter().map(|axis| axis.name.as_str()).collect();
    let figures: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
    let y = keys.y.map(|y| {
        let known = |name| known(Some(name), "figure", &figures).map(Option::unwrap_or_default);
        y.into_iter().map(known).collect()
    });
    let series = keys.series.as_ref().map(Spanned::span);
    let spec = PlotSpec {
        x: known(keys.x, "axis", &names)?,
        series: known(keys.series, "axis", &names)?,
        y: y.transpose()?,
    };
    match series {
        Some(at) if spec.x == spec.series => {
            Err(place.wrong(at, "another axis than that of `x` is expected"))
        }
        _ => Ok(spec),
    }
}

/// Whether every value makes a scenario, with the first values of the other parameters.
fn check(grid: &Grid, place: &Place<'_>) -> Result<(), GridError> {
    let runs = grid.axes.iter().map(|axis| axis.values.len() as u64).chain([grid.seeds.len() as u64]);
    if runs.fold(1, u64::saturating_mul) > RUNS_MAX {
        return Err(place.wrong(0..0, format!("at most {RUNS_MAX} runs are possible, cells times seeds")));
    }
    let mut step = grid.cells();
    for axis in &grid.axes {
        // Of the cells, those with the first value of every other axis.
        step /= u32::try_from(axis.values.len()).unwrap_or(u32::MAX).max(1);
        for (value, number) in axis.values.iter().zip(0..) {
            if let Some(cell) = grid.cell(step * number)?
                && let Err(error) = cell.file
            {
                let message = format!("{}: {}", axis.name, error.message());
                return Err(place.wrong(value.span(), message));
            }
        }
    }
    Ok(())
}
