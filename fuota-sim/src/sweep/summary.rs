//! The seeds of each cell summed up, with intervals of 95 %.

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::SweepError;
use super::manifest::Manifest;
use super::row::{METRICS, REFUSED};
use super::rows::Fields;
use crate::report::rounded;
use crate::theory::{mean_interval, wilson};

/// All cells, in order.
pub(super) struct Summary {
    pub(super) cells: Vec<CellSummary>,
}

/// A cell over its seeds.
pub(super) struct CellSummary {
    cell: u32,
    scenario: String,
    scenario_hash: String,
    /// Its parameters, one for each axis that has a column.
    parameters: Vec<String>,
    runs: u64,
    refused: u64,
    /// Runs that came out as expected, if anything was expected.
    as_expected: Option<u64>,
    /// Campaigns that succeeded, of those that there can be.
    succeeded: Share,
    /// Devices that are complete, of all devices of all seeds.
    complete: Share,
    /// One for each of [`METRICS`].
    pub(super) means: Vec<Option<Mean>>,
}

/// A proportion with Wilson's interval.
#[derive(Clone, Copy, Default)]
struct Share {
    of: u64,
    count: u64,
}

/// A mean with Student's interval, which one value alone does not have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mean {
    pub(super) mean: f64,
    pub(super) interval: Option<(f64, f64)>,
}

impl Share {
    /// Value, low and high.
    fn figures(self) -> [Option<f64>; 3] {
        if self.of == 0 {
            return [None; 3];
        }
        let (low, high) = wilson(self.count, self.of);
        [Some(rounded(self.count as f64 / self.of as f64)), Some(rounded(low)), Some(rounded(high))]
    }
}

impl Mean {
    fn of(values: &[f64]) -> Option<Self> {
        let Some((mean, low, high)) = mean_interval(values) else {
            return values.first().map(|mean| Self { mean: *mean, interval: None });
        };
        Some(Self { mean: rounded(mean), interval: Some((rounded(low), rounded(high))) })
    }

    fn figures(of: Option<Self>) -> [Option<f64>; 3] {
        let interval = of.and_then(|mean| mean.interval);
        [of.map(|mean| mean.mean), interval.map(|(low, _)| low), interval.map(|(_, high)| high)]
    }
}

impl Summary {
    /// Of all rows of a sweep, in order.
    pub(super) fn new(manifest: &Manifest, rows: &[&Fields]) -> Self {
        let columns = Columns::new(manifest);
        let cells = rows.chunks(manifest.seeds.len().max(1));
        Self { cells: (0..).zip(cells).map(|(cell, rows)| columns.sum_up(cell, rows)).collect() }
    }

    /// Whether any cell has a figure, and whether it is not the same everywhere.
    pub(super) fn varies(&self, metric: usize) -> (bool, bool) {
        let mut means = self.cells.iter().filter_map(|cell| cell.means.get(metric).copied().flatten());
        let Some(first) = means.next() else { return (false, false) };
        (true, means.any(|mean| (mean.mean - first.mean).abs() > 1e-9))
    }
}

/// Where columns are in a row.
struct Columns {
    names: Vec<String>,
    parameters: Vec<String>,
}

impl Columns {
    fn new(manifest: &Manifest) -> Self {
        Self {
            names: super::rows::header(manifest),
            parameters: manifest.parameters().map(|axis| axis.name.clone()).collect(),
        }
    }

    fn field<'a>(&self, row: &'a Fields, name: &str) -> &'a str {
        let place = self.names.iter().position(|column| column == name);
        place.and_then(|place| row.get(place)).map_or("", String::as_str)
    }

    fn sum_up(&self, cell: u32, rows: &[&Fields]) -> CellSummary {
        let text = |name: &str| rows.first().map_or_else(String::new, |row| self.field(row, name).to_owned());
        let values = |name: &str| -> Vec<f64> {
            rows.iter().filter_map(|row| self.field(row, name).parse().ok()).collect()
        };
        let count =
            |name: &str, value: &str| rows.iter().filter(|row| self.field(row, name) == value).count() as u64;
        let whole =
            |name: &str| rows.iter().filter_map(|row| self.field(row, name).parse::<u64>().ok()).sum();
        let (runs, refused) = (rows.len() as u64, count("outcome", REFUSED));
        let told = rows.iter().any(|row| !self.field(row, "as_expected").is_empty());
        CellSummary {
            cell,
            scenario: text("scenario"),
            scenario_hash: text("scenario_hash"),
            parameters: self.parameters.iter().map(|name| text(name)).collect(),
            runs,
            refused,
            as_expected: told.then(|| count("as_expected", "true")),
            succeeded: Share { of: runs - refused, count: count("outcome", "SUCCEEDED") },
            complete: Share { of: whole("devices"), count: whole("complete") },
            means: METRICS.iter().map(|metric| Mean::of(&values(metric.name))).collect(),
        }
    }
}

impl CellSummary {
    /// Everything with an interval, by name.
    fn figures(&self) -> Vec<(&'static str, [Option<f64>; 3])> {
        let shares =
            [("succeeded_share", self.succeeded.figures()), ("complete_share", self.complete.figures())];
        let means = METRICS.iter().zip(&self.means).map(|(metric, mean)| (metric.name, Mean::figures(*mean)));
        shares.into_iter().chain(means).collect()
    }
}

/// `summary.csv`.
pub(super) fn csv(manifest: &Manifest, summary: &Summary) -> Result<Vec<u8>, SweepError> {
    let parameters = || manifest.parameters().map(|axis| axis.name.clone());
    let mut header: Fields =
        ["version", "sweep_hash", "cell", "scenario", "scenario_hash"].map(String::from).to_vec();
    header.extend(parameters());
    header.extend(["runs", "refused", "as_expected"].map(String::from));
    if let Some(cell) = summary.cells.first() {
        for (name, _) in cell.figures() {
            header.extend([name.to_owned(), format!("{name}_low95"), format!("{name}_high95")]);
        }
    }
    let mut table = super::rows::line(&header)?;
    for cell in &summary.cells {
        let mut fields = vec![
            env!("CARGO_PKG_VERSION").to_owned(),
            manifest.hash.clone(),
            cell.cell.to_string(),
            cell.scenario.clone(),
            cell.scenario_hash.clone(),
        ];
        fields.extend(cell.parameters.iter().cloned());
        let expected = cell.as_expected.map_or_else(String::new, |count| count.to_string());
        fields.extend([cell.runs.to_string(), cell.refused.to_string(), expected]);
        let figures = cell.figures().into_iter().flat_map(|(_, figures)| figures);
        fields.extend(figures.map(|figure| figure.map_or_else(String::new, |value| value.to_string())));
        table.extend(super::rows::line(&fields)?);
    }
    Ok(table)
}

#[derive(Serialize)]
struct Json<'a> {
    tool: &'static str,
    tool_version: &'static str,
    name: &'a str,
    about: &'a str,
    sweep_hash: &'a str,
    seeds: &'a [u64],
    cells: Vec<JsonCell<'a>>,
}

#[derive(Serialize)]
struct JsonCell<'a> {
    cell: u32,
    scenario: &'a str,
    scenario_hash: &'a str,
    parameters: Map<String, Value>,
    runs: u64,
    refused: u64,
    as_expected: Option<u64>,
    figures: Map<String, Value>,
}

#[derive(Serialize)]
struct JsonFigure {
    value: f64,
    low95: Option<f64>,
    high95: Option<f64>,
}

/// `summary.json`.
pub(super) fn json(manifest: &Manifest, summary: &Summary) -> Result<String, SweepError> {
    let failure = || SweepError::report("summary.json");
    let cell = |cell: &'_ CellSummary| {
        let texts = cell.parameters.iter().map(|text| {
            // Numbers and truths as such, everything else as it is written.
            serde_json::from_str(text)
                .ok()
                .filter(|value: &Value| !value.is_array() && !value.is_object())
                .unwrap_or_else(|| Value::from(text.as_str()))
        });
        let mut figures = Map::new();
        for (name, [value, low95, high95]) in cell.figures() {
            if let Some(value) = value {
                let figure = serde_json::to_value(JsonFigure { value, low95, high95 }).map_err(failure())?;
                figures.insert(name.into(), figure);
            }
        }
        Ok((manifest.parameters().map(|axis| axis.name.clone()).zip(texts).collect(), figures))
    };
    let parts: Vec<(Map<String, Value>, Map<String, Value>)> =
        summary.cells.iter().map(cell).collect::<Result<_, SweepError>>()?;
    let cells = summary.cells.iter().zip(parts).map(|(cell, (parameters, figures))| JsonCell {
        cell: cell.cell,
        scenario: &cell.scenario,
        scenario_hash: &cell.scenario_hash,
        parameters,
        runs: cell.runs,
        refused: cell.refused,
        as_expected: cell.as_expected,
        figures,
    });
    let whole = Json {
        tool: "fuota",
        tool_version: env!("CARGO_PKG_VERSION"),
        name: &manifest.name,
        about: &manifest.about,
        sweep_hash: &manifest.hash,
        seeds: &manifest.seeds,
        cells: cells.collect(),
    };
    serde_json::to_string_pretty(&whole).map(|json| json + "\n").map_err(failure())
}
