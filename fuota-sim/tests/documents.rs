//! What the documents point to exists.

#![allow(clippy::unwrap_used)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backticks, in order.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_choice_in_the_notes_is_held_by_tests_that_exist() {
    let notes = read(&root().join("SPEC-NOTES.md"));
    let mut pins = 0;
    for row in notes.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---")) {
        let held_by = row.trim_end_matches('|').rsplit(" | ").next().unwrap().trim();
        if held_by == "Held by" {
            continue;
        }
        let (short, places) = held_by.split_once(' ').unwrap();
        let mut source = None;
        for name in quoted(places) {
            if name.contains('/') {
                source = Some(read(&root().join(format!("fuota-{short}")).join(name)));
            } else {
                let source = source.as_ref().unwrap_or_else(|| panic!("no file before {name} in: {row}"));
                assert!(source.contains(&format!("fn {name}(")), "{name} is missing; named in: {row}");
                pins += 1;
            }
        }
        assert!(source.is_some(), "held by no file: {row}");
    }
    assert!(pins > 20, "{pins}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SPEC-NOTES.md"] {
        let text = read(&root().join(document));
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            assert!(root().join(target).exists(), "{document} links to {target}");
        }
    }
}

#[test]
fn places_named_in_the_architecture_exist() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let places = quoted(&text).filter(|name| name.starts_with("fuota-") && name.contains('/'));
    for place in places.filter(|name| !name.contains('<')) {
        assert!(root().join(place).exists(), "ARCHITECTURE.md names {place}");
    }
}

/// With `BLESS=1` the sample and the picture are written anew.
#[test]
fn the_sample_in_the_readme_is_what_comes_out() {
    let bless = env::var_os("BLESS").is_some();
    let mut call = Command::new(env!("CARGO_BIN_EXE_fuota"));
    call.arg("run");
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("picture");
    if bless {
        call.arg("--out").arg(&picture);
    }
    let output = call.output().unwrap();
    let summary = String::from_utf8(output.stdout).unwrap();
    let path = root().join("README.md");
    let readme = read(&path);
    let (before, rest) = readme.split_once("```text\n").unwrap();
    let (sample, after) = rest.split_once("```").unwrap();
    if bless {
        fs::write(&path, format!("{before}```text\n{summary}```{after}")).unwrap();
        fs::copy(picture.join("timeline.svg"), root().join("fuota-sim/doc/timeline.svg")).unwrap();
    } else {
        assert!(sample == summary, "BLESS=1 cargo test -p fuota-sim --test documents; now:\n{summary}");
    }
}
