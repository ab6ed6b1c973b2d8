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

/// Where a quoted name belongs.
enum Place {
    /// A file of a crate of ours: its text, if one was named.
    Crate(&'static str, Option<String>),
    FuzzTargets,
}

/// Checks the last column of a document's tables: crates, their files and the tests in them, fuzz targets. Says how many
/// tests it names.
fn held_by(document: &str) -> usize {
    let text = read(&root().join(document));
    let mut pins = 0;
    for row in text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---")) {
        let column = row.trim_end_matches('|').rsplit(" | ").next().unwrap().trim();
        if column == "Held by" {
            continue;
        }
        let mut place = None;
        let parts: Vec<&str> = column.split('`').collect();
        for (before, name) in parts.chunks_exact(2).map(|pair| (pair[0], pair[1])) {
            let crates = ["proto", "fec", "engine", "sim"];
            if let Some(short) =
                crates.into_iter().find(|short| before.split_whitespace().next_back() == Some(short))
            {
                place = Some(Place::Crate(short, None));
            } else if before.contains("fuzz target") {
                place = Some(Place::FuzzTargets);
            }
            match &mut place {
                Some(Place::FuzzTargets) => {
                    let target = root().join("fuzz/fuzz_targets").join(name).with_extension("rs");
                    assert!(target.exists(), "no fuzz target {name}; named in: {row}");
                }
                Some(Place::Crate(short, source)) if name.contains('/') => {
                    *source = Some(read(&root().join(format!("fuota-{short}")).join(name)));
                }
                Some(Place::Crate(_, Some(source))) => {
                    assert!(source.contains(&format!("fn {name}(")), "{name} is missing; named in: {row}");
                    pins += 1;
                }
                Some(Place::Crate(_, None)) | None => panic!("no file before {name} in: {row}"),
            }
        }
        assert!(place.is_some(), "held by no file: {row}");
    }
    pins
}

#[test]
fn every_choice_in_the_notes_is_held_by_tests_that_exist() {
    let pins = held_by("SPEC-NOTES.md");
    assert!(pins > 20, "{pins}");
}

#[test]
fn every_guarantee_is_held_by_tests_that_exist() {
    let pins = held_by("SECURITY.md");
    assert!(pins > 15, "{pins}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SPEC-NOTES.md", "SECURITY.md"];
    for document in documents {
        let text = read(&root().join(document));
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let target = target.split('#').next().unwrap();
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
