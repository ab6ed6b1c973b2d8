//! What was measured, as a table or as JSON.

use serde::Serialize;

/// The measurements of one subject.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    /// What was measured.
    pub(crate) title: String,
    /// One line per case.
    pub(crate) rows: Vec<Row>,
    /// What the lines come to.
    pub(crate) summary: Vec<Figure>,
}

/// One case.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: String,
    /// Its figures, the same in every row of a section.
    pub(crate) figures: Vec<Figure>,
    /// The same for programs, where there is a peer or a limit.
    #[serde(flatten)]
    pub(crate) comparison: Option<Comparison>,
}

/// Ours against a peer, or against a limit.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Comparison {
    /// Our cost.
    pub(crate) ours: f64,
    /// The peer's.
    pub(crate) peer: Option<f64>,
    /// The peer's cost ÷ ours.
    pub(crate) ratio: Option<f64>,
    /// The least ratio asked for.
    pub(crate) target: Option<f64>,
    /// The number that ours is held against where there is no peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<f64>,
}

/// One number.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// What it is.
    pub(crate) name: &'static str,
    /// How much.
    pub(crate) value: f64,
    /// Of what; a ratio has the unit `x`.
    pub(crate) unit: &'static str,
}

impl Figure {
    pub(crate) const fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit }
    }
}

/// The mean that fits ratios.
pub(crate) fn geometric_mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) =
        values.into_iter().fold((0.0, 0.0), |(sum, count), value| (sum + value.ln(), count + 1.0));
    if count == 0.0 { f64::NAN } else { (sum / count).exp() }
}

pub(crate) fn print(sections: &[Section], json: bool) {
    if json {
        match serde_json::to_string_pretty(sections) {
            Ok(text) => println!("{text}"),
            Err(error) => eprintln!("benches: {error}"),
        }
        return;
    }
    for section in sections {
        println!("{}", section.title);
        let width = section.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        for row in &section.rows {
            print!("  {:width$}", row.name);
            for Figure { name, value, unit } in &row.figures {
                print!("  {name} {value:9.2} {unit}");
            }
            println!();
        }
        for Figure { name, value, unit } in &section.summary {
            println!("  {name}: {value:.2} {unit}");
        }
        println!();
    }
}
