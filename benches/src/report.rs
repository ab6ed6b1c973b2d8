//! What was measured, as tables or as JSON lines.

use std::io::{self, Write};

use serde::Serialize;

/// The measurements of one kind.
#[derive(Debug)]
pub(crate) struct Section {
    /// The subject that they are of.
    pub(crate) subject: &'static str,
    /// What was measured.
    pub(crate) title: String,
    /// One line per case.
    pub(crate) rows: Vec<Row>,
    /// What the lines come to.
    pub(crate) summary: Vec<Figure>,
}

/// One case.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: String,
    /// Its figures, the same in every row of a section.
    pub(crate) figures: Vec<Figure>,
    /// The same for programs, one line for each.
    pub(crate) comparisons: Vec<Comparison>,
}

/// Ours against a peer, or against a limit.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Comparison {
    /// What the row's name leaves open, or nothing.
    #[serde(skip)]
    pub(crate) what: &'static str,
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
    /// What the costs are in.
    pub(crate) unit: &'static str,
    /// How often ours allocates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allocations: Option<u64>,
}

impl Comparison {
    pub(crate) fn with_peer(what: &'static str, ours: f64, peer: f64, unit: &'static str) -> Self {
        Self {
            what,
            ours,
            peer: Some(peer),
            ratio: Some(peer / ours),
            target: None,
            limit: None,
            unit,
            allocations: None,
        }
    }

    pub(crate) fn with_limit(ours: f64, limit: f64, unit: &'static str) -> Self {
        Self {
            what: "",
            ours,
            peer: None,
            ratio: None,
            target: None,
            limit: Some(limit),
            unit,
            allocations: None,
        }
    }
}

/// One number.
#[derive(Debug, Clone)]
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

/// One comparison as a program reads it.
#[derive(Serialize)]
struct Line<'a> {
    name: String,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// One JSON object per comparison and line.
pub(crate) fn write_json(out: &mut impl Write, sections: &[Section]) -> io::Result<()> {
    for Section { subject, rows, .. } in sections {
        for Row { name, comparisons, .. } in rows {
            for comparison in comparisons {
                let what = if comparison.what.is_empty() { "" } else { ", " };
                let name = format!("{subject}: {name}{what}{}", comparison.what);
                serde_json::to_writer(&mut *out, &Line { name, comparison })?;
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

/// A table per section.
pub(crate) fn write_tables(out: &mut impl Write, sections: &[Section]) -> io::Result<()> {
    for Section { subject, title, rows, summary } in sections {
        writeln!(out, "{subject}: {title}")?;
        let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        for row in rows {
            write!(out, "  {:width$}", row.name)?;
            for Figure { name, value, unit } in &row.figures {
                write!(out, "  {name} {value:9.2} {unit}")?;
            }
            writeln!(out)?;
        }
        for Figure { name, value, unit } in summary {
            writeln!(out, "  {name}: {value:.2} {unit}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A Markdown table per section; the columns are those of its first row.
pub(crate) fn write_markdown(out: &mut impl Write, sections: &[Section]) -> io::Result<()> {
    for Section { subject, title, rows, summary } in sections {
        let Some(first) = rows.first() else { continue };
        writeln!(out, "### {subject}: {title}\n")?;
        let unit = |figure: &Figure| match figure.unit {
            "" | "x" => String::new(),
            unit => format!(", {unit}"),
        };
        let heads: Vec<_> =
            first.figures.iter().map(|figure| format!("{}{}", figure.name.trim(), unit(figure))).collect();
        writeln!(out, "| | {} |", heads.join(" | "))?;
        writeln!(out, "|---{}|", "|---".repeat(heads.len()))?;
        for row in rows {
            let cells: Vec<_> = row.figures.iter().map(|figure| decimal(figure.value)).collect();
            writeln!(out, "| {} | {} |", row.name, cells.join(" | "))?;
        }
        for Figure { name, value, unit } in summary {
            writeln!(out, "\n{name}: {} {unit}", decimal(*value))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// With as many decimals as tell anything.
fn decimal(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".into(),
        large if large >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        some if some >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_a_table_whose_head_names_the_units() {
        let figures = vec![Figure::new("airtime", 1.0049, "x"), Figure::new("duration", 2_141.7, "s")];
        let row = Row { name: "M = 215".into(), figures, comparisons: Vec::new() };
        let section =
            Section { subject: "policies", title: "all".into(), rows: vec![row], summary: Vec::new() };
        let mut out = Vec::new();
        write_markdown(&mut out, &[section]).unwrap();
        let expected =
            "### policies: all\n\n| | airtime | duration, s |\n|---|---|---|\n| M = 215 | 1.005 | 2142 |\n\n";
        assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
    }

    #[test]
    fn each_comparison_is_a_line_with_its_subject() {
        let encode = Comparison { target: Some(5.0), ..Comparison::with_peer("encode", 2.0, 12.0, "ns") };
        let decode = Comparison { allocations: Some(3), ..Comparison::with_peer("decode", 4.0, 10.0, "ns") };
        let row = |name: &str, comparisons| Row { name: name.to_owned(), figures: Vec::new(), comparisons };
        let section = |subject, rows| Section { subject, title: String::new(), rows, summary: Vec::new() };
        let sections = [
            section("codec", vec![row("AppTimeReq", vec![encode, decode])]),
            section("fec", vec![row("RAM", vec![Comparison::with_limit(1024.0, 1100.0, "octets")])]),
        ];
        let mut out = Vec::new();
        write_json(&mut out, &sections).unwrap();
        let expected = [
            r#"{"name":"codec: AppTimeReq, encode","ours":2.0,"peer":12.0,"ratio":6.0,"target":5.0,"unit":"ns"}"#,
            r#"{"name":"codec: AppTimeReq, decode","ours":4.0,"peer":10.0,"ratio":2.5,"target":null,"unit":"ns","allocations":3}"#,
            r#"{"name":"fec: RAM","ours":1024.0,"peer":null,"ratio":null,"target":null,"limit":1100.0,"unit":"octets"}"#,
        ];
        assert!(std::str::from_utf8(&out).unwrap().lines().eq(expected));
    }
}
