//! `report.html`: the run on one page that needs nothing but itself.
//!
//! Every figure is taken from `report.json`, and carries the key that it has there.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use serde_json::Value;

use super::humanise;
use crate::record::RunRecord;

/// Most bars of a distribution.
const BINS: u32 = 20;
/// Figures at the top: key of `report.json`, label, and what it counts.
const FIGURES: [(&str, &str, Unit); 12] = [
    ("devices", "Devices", Unit::Count),
    ("complete", "Complete", Unit::Count),
    ("failed", "Failed", Unit::Count),
    ("bytes_checked", "Compared octet for octet", Unit::Count),
    ("nb_frag", "Uncoded fragments", Unit::Count),
    ("parity", "Parity fragments", Unit::Count),
    ("frames", "Fragments sent", Unit::Count),
    ("airtime_s", "Airtime of fragments and polls", Unit::Seconds),
    ("setup_airtime_s", "Airtime of set-up", Unit::Seconds),
    ("duration_s", "Duration", Unit::Seconds),
    ("energy.mean_j", "Energy of an average device", Unit::Joules),
    ("energy.max_j", "Energy of the device that spent most", Unit::Joules),
];
/// How the page looks, on a phone as on a desk.
const STYLE: &str = include_str!("page.css");

/// What a figure counts.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Count,
    Seconds,
    Joules,
    Share,
}

/// The page of a finished run, from its report as JSON and its timeline as SVG.
///
/// # Errors
/// Those of the JSON parser.
pub fn page(record: &RunRecord, report: &str, timeline: &str) -> Result<String, serde_json::Error> {
    let report: Value = serde_json::from_str(report)?;
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_page(&mut out, record, &report, timeline);
    Ok(out)
}

fn write_page(out: &mut String, record: &RunRecord, report: &Value, timeline: &str) -> fmt::Result {
    write_head(out, report, &FIGURES)?;
    writeln!(out, "<h2>Devices over time</h2>\n<figure>{timeline}</figure>")?;
    write_stages(out, report)?;
    let received = record.devices.iter().map(|device| device.fragments_received);
    write_bars(
        out,
        "Fragments that devices received",
        "Counted until a device was complete.",
        &distribution(received),
    )?;
    let missing = record.devices.iter().filter(|device| !device.holds_block);
    let missing = missing.filter_map(|device| device.report.missing_frag).map(u32::from);
    write_bars(
        out,
        "Fragments that incomplete devices still missed",
        "As they said themselves; 255 stands for that many or more.",
        &distribution(missing),
    )?;
    write_bars(out, "Failures by reason", "", &counts(report, "/failures"))?;
    write_bars(out, "Complete devices by kind", "", &groups(report))?;
    write_energy(out, report)?;
    write_end(out, report)
}

/// How every page begins: how it ended, and the figures.
pub(super) fn write_head(out: &mut String, report: &Value, figures: &[(&str, &str, Unit)]) -> fmt::Result {
    let status = text(report, "status");
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>fuota: {status}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    )?;
    let (complete, devices) = (text(report, "complete"), text(report, "devices"));
    writeln!(
        out,
        "<h1 class=\"{status}\"><span data-key=\"status\">{status}</span>: {complete} of {devices} devices complete</h1>"
    )?;
    if let Some(cause) = report.pointer("/cause/text").and_then(Value::as_str) {
        writeln!(out, "<p>{}</p>", escaped(cause))?;
    }
    writeln!(out, "<dl>")?;
    for &(key, label, unit) in figures {
        let value = at(report, key);
        let shown = shown(value, unit);
        writeln!(
            out,
            "<div><dt>{label}</dt><dd data-key=\"{key}\" data-value=\"{value}\">{shown}</dd></div>"
        )?;
    }
    writeln!(out, "</dl>")
}

/// How every page ends: the parameters.
pub(super) fn write_end(out: &mut String, report: &Value) -> fmt::Result {
    write_parameters(out, report)?;
    writeln!(out, "</body>\n</html>")
}

/// The stages as a table, with a bar for when each took place.
fn write_stages(out: &mut String, report: &Value) -> fmt::Result {
    writeln!(
        out,
        "<h2>Stages</h2>\n<div class=\"wide\"><table>\n<tr><th>Stage<th>Status<th>Succeeded<th>Failed<th>Requests<th>Retries<th>Duration<th class=\"when\">When</tr>"
    )?;
    let end = number(report, "duration_s").max(f64::MIN_POSITIVE);
    for stage in report["stages"].as_array().into_iter().flatten() {
        let (from, took) = (number(stage, "started_s"), number(stage, "duration_s"));
        let (left, width) = (100.0 * from / end, (100.0 * took / end).max(0.3));
        write!(out, "<tr>")?;
        for key in ["stage", "status", "succeeded", "failed", "requests", "retries"] {
            write!(out, "<td>{}", text(stage, key))?;
        }
        writeln!(
            out,
            "<td>{}<td class=\"when\"><i style=\"margin-left:{left:.2}%;width:{width:.2}%\"></i></tr>",
            time(took)
        )?;
    }
    writeln!(out, "</table></div>")
}

/// Counts as bars, if there is anything to show.
pub(super) fn write_bars(out: &mut String, title: &str, note: &str, bars: &[(String, u64)]) -> fmt::Result {
    let Some(largest) = bars.iter().map(|(_, count)| *count).max().filter(|largest| *largest > 0) else {
        return Ok(());
    };
    writeln!(out, "<h2>{title}</h2>")?;
    if !note.is_empty() {
        writeln!(out, "<p>{note}</p>")?;
    }
    writeln!(out, "<table class=\"bars\">")?;
    for (label, count) in bars {
        let width = 100.0 * (*count as f64) / (largest as f64);
        writeln!(out, "<tr><th>{}<td><i style=\"width:{width:.1}%\"></i><td>{count}</tr>", escaped(label))?;
    }
    writeln!(out, "</table>")
}

fn write_energy(out: &mut String, report: &Value) -> fmt::Result {
    writeln!(out, "<h2>Energy of an average device</h2>\n<table>")?;
    for (key, label) in [
        ("setup_j", "Set-up stages"),
        ("transfer_j", "While fragments were on air"),
        ("closing_j", "Polls and what follows"),
    ] {
        let joules = number(&report["energy"], key);
        writeln!(out, "<tr><th>{label}<td>{joules:.3} J</tr>")?;
    }
    writeln!(out, "</table>")
}

fn write_parameters(out: &mut String, report: &Value) -> fmt::Result {
    writeln!(out, "<details>\n<summary>Parameters, seed {}</summary>\n<table>", text(report, "seed"))?;
    for (key, value) in report["parameters"].as_object().into_iter().flatten() {
        match value {
            Value::Object(keys) => {
                for (inner, value) in keys {
                    writeln!(out, "<tr><th>{key}.{inner}<td>{}</tr>", escaped(&plain(value)))?;
                }
            }
            _ => writeln!(out, "<tr><th>{key}<td>{}</tr>", escaped(&plain(value)))?,
        }
    }
    writeln!(out, "</table>\n</details>")
}

/// At most [`BINS`] bars of equal width over all values.
pub(super) fn distribution(values: impl Iterator<Item = u32> + Clone) -> Vec<(String, u64)> {
    let (Some(least), Some(most)) = (values.clone().min(), values.clone().max()) else { return Vec::new() };
    let width = (most - least) / BINS + 1;
    let mut bins: BTreeMap<u32, u64> = (0..=(most - least) / width).map(|bin| (bin, 0)).collect();
    for value in values {
        *bins.entry((value - least) / width).or_default() += 1;
    }
    let label = |bin: u32| {
        let from = least + bin * width;
        if width == 1 { from.to_string() } else { format!("{from} to {}", (from + width - 1).min(most)) }
    };
    bins.into_iter().map(|(bin, count)| (label(bin), count)).collect()
}

fn counts(report: &Value, pointer: &str) -> Vec<(String, u64)> {
    let counts = report.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    counts.map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0))).collect()
}

pub(super) fn groups(report: &Value) -> Vec<(String, u64)> {
    let groups = report["groups"].as_array().into_iter().flatten();
    let of = |group: &Value| {
        let label = format!("{} ({})", plain(&group["name"]), plain(&group["devices"]));
        (label, group["complete"].as_u64().unwrap_or(0))
    };
    groups.map(of).collect()
}

/// The value of a key, with points between the levels.
fn at<'a>(report: &'a Value, key: &str) -> &'a Value {
    key.split('.').fold(report, |value, key| &value[key])
}

fn shown(value: &Value, unit: Unit) -> String {
    match unit {
        Unit::Count => value.to_string(),
        Unit::Seconds => time(value.as_f64().unwrap_or(0.0)),
        Unit::Joules => format!("{:.3} J", value.as_f64().unwrap_or(0.0)),
        Unit::Share => format!("{:.3} %", value.as_f64().unwrap_or(0.0) * 100.0),
    }
}

fn time(seconds: f64) -> String {
    humanise(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or(0.0)
}

fn text(value: &Value, key: &str) -> String {
    escaped(&plain(&value[key]))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// With what means something to a browser written out.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_has_few_bars_and_loses_nobody() {
        let bars = distribution([3, 3, 4, 103].into_iter());
        assert!(bars.len() <= 20, "{bars:?}");
        assert_eq!(bars.iter().map(|(_, count)| count).sum::<u64>(), 4);
        assert_eq!((bars[0].0.as_str(), bars[0].1), ("3 to 8", 3));
        assert_eq!(distribution([7, 7].into_iter()), [("7".to_owned(), 2)]);
        assert!(distribution(std::iter::empty()).is_empty());
    }

    #[test]
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(escaped("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}
