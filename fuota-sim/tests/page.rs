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

/// Runs a transfer to the four channels of the catalogue; returns its folder.
fn transfer_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/ge-burst.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_fuota"))
        .args(["run", "--scenario"])
        .arg(scenario)
        .arg("--out")
        .arg(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
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

fn assert_figures_agree(page: &str, report: &Value, count: usize) {
    let figures = figures(page);
    assert_eq!(figures.len(), count);
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

fn assert_asks_for_nothing(page: &str) {
    for request in ["src=", "<script", "url(", "@import", "href=\"http", "href=\"/"] {
        assert!(!page.contains(request), "{request}");
    }
}

#[test]
fn the_page_asks_for_nothing_and_says_what_the_report_says() {
    let (page, report) = read(&folder("page"));
    assert_asks_for_nothing(&page);
    assert_figures_agree(&page, &report, 12);
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

#[test]
fn the_page_of_a_transfer_does_likewise() {
    let (page, report) = read(&transfer_folder("transfer-page"));
    assert_asks_for_nothing(&page);
    assert_figures_agree(&page, &report, 10);
    for section in [
        "Devices complete, by fragments sent",
        "50 % complete",
        "Fragments that devices received",
        "Fragments that incomplete devices received",
        "Complete devices by kind",
        "indoor, worst part (1000)",
        "Parameters",
    ] {
        assert!(page.contains(section), "{section}");
    }
    assert!(page.contains("<h1 class=\"SUCCEEDED\">") && page.contains("<polyline"));
}

/// Needs Chromium: `cargo test -p fuota-sim --test page -- --ignored`.
#[test]
#[ignore = "needs chromium"]
fn a_browser_renders_them_without_complaint() {
    for (folder, figures) in [(folder("page-in-browser"), 12), (transfer_folder("transfer-in-browser"), 10)] {
        let (_, report) = read(&folder);
        let browser = |more: &[&str]| {
            let output = Command::new("chromium")
                .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
                .args(more)
                .arg(format!("file://{}", folder.join("report.html").display()))
                .output()
                .unwrap();
            assert!(output.status.success());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!said.contains("CONSOLE"), "{said}");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        assert_figures_agree(&browser(&["--dump-dom"]), &report, figures);
        for (picture, size) in [("phone.png", "420,2400"), ("desk.png", "1280,2000")] {
            let picture = folder.join(picture);
            let [screenshot, size] =
                [format!("--screenshot={}", picture.display()), format!("--window-size={size}")];
            browser(&[&screenshot, &size]);
            assert!(fs::metadata(picture).unwrap().len() > 10_000);
        }
    }
}
