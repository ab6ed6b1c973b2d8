//! `report.html`: it needs nothing but itself, its figures are those of `report.json`, and a browser renders it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Runs a small campaign whose report has something in every section; returns its folder.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let output = Command::new(env!("CARGO_BIN_EXE_fuota"))
        .args([
            "run",
            "--devices",
            "60",
            "--loss",
            "0.25",
            "--redundancy",
            "36",
            "--silent-devices",
            "1",
            "--out",
        ])
        .arg(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// What stands in the page for each key of the report.
fn figures(page: &str) -> Vec<(String, String)> {
    let figure = |rest: &str| {
        let (key, rest) = rest.split_once('"')?;
        let (_, rest) = rest.split_once("data-value=\"")?;
        Some((key.to_owned(), rest.split('"').next()?.to_owned()))
    };
    page.split("<dd data-key=\"").skip(1).filter_map(figure).collect()
}

fn assert_figures_agree(page: &str, report: &Value) {
    let figures = figures(page);
    assert_eq!(figures.len(), 12);
    for (key, value) in figures {
        let expected = key.split('.').fold(report, |value, key| &value[key]);
        assert_eq!(value, expected.to_string(), "{key}");
    }
}

fn read(folder: &Path) -> (String, Value) {
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    let report = fs::read_to_string(folder.join("report.json")).unwrap();
    (page, serde_json::from_str(&report).unwrap())
}

#[test]
fn the_page_asks_for_nothing_and_says_what_the_report_says() {
    let (page, report) = read(&folder("page"));
    for request in ["src=", "<script", "url(", "@import", "href=\"http", "href=\"/"] {
        assert!(!page.contains(request), "{request}");
    }
    assert_figures_agree(&page, &report);
    for section in [
        "Devices over time",
        "Stages",
        "Fragments that devices received",
        "still missed",
        "Failures by reason",
        "Energy",
        "Parameters",
    ] {
        assert!(page.contains(section), "{section}");
    }
    assert!(page.contains("<h1 class=\"FAILED\">") && page.contains("<polyline"));
}

/// Needs Chromium: `cargo test -p fuota-sim --test page -- --ignored`.
#[test]
#[ignore = "needs chromium"]
fn a_browser_renders_it_without_complaint() {
    let folder = folder("page-in-browser");
    let (_, report) = read(&folder);
    let picture = folder.join("page.png");
    let browser = |more: &[&str]| {
        let output = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--enable-logging=stderr",
                "--window-size=420,2400",
            ])
            .args(more)
            .arg(format!("file://{}", folder.join("report.html").display()))
            .output()
            .unwrap();
        assert!(output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("CONSOLE"), "{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_figures_agree(&browser(&["--dump-dom"]), &report);
    browser(&[&format!("--screenshot={}", picture.display())]);
    assert!(fs::metadata(picture).unwrap().len() > 10_000);
}
