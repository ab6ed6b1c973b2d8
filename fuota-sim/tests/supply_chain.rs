//! What a firmware takes in, and where the compiler's checks are lifted, as the documents say.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cargo(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO")).args(arguments).arg("--offline").current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What stands between backticks, in order.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn a_firmware_takes_in_what_the_readme_lists() {
    let tree = cargo(&[
        "tree",
        "-p=fuota-engine",
        "--no-default-features",
        "--target=thumbv7em-none-eabihf",
        "-e=normal,no-proc-macro",
        "--prefix=none",
        "--format={p}",
    ]);
    let linked: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !name.starts_with("fuota-"))
        .collect();
    // Behind the command come the crates, up to those that run on the host.
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, list) = readme.split_once("What a firmware that links the device").unwrap();
    let listed: BTreeSet<&str> = quoted(list)
        .skip_while(|name| !name.starts_with("cargo tree"))
        .skip(1)
        .take_while(|name| *name != "syn")
        .collect();
    assert_eq!(listed, linked);
}

#[test]
fn no_crate_of_ours_runs_code_when_it_is_built() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version=1", "--no-deps"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() >= 5, "{}", packages.len());
    for package in packages {
        for target in package["targets"].as_array().unwrap() {
            for kind in target["kind"].as_array().unwrap() {
                assert!(
                    !["custom-build", "proc-macro"].contains(&kind.as_str().unwrap()),
                    "{}",
                    package["name"]
                );
            }
        }
    }
}

/// Files of Rust below a folder, but what is built there.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, into);
        } else if name.ends_with(".rs") {
            into.push(path);
        }
    }
}

#[test]
fn unsafe_stands_where_the_inventory_says_and_nowhere_else() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(files.len() > 400, "{}", files.len());
    let found: BTreeSet<String> = files
        .iter()
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            code.flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_')))
                .any(|word| word == concat!("un", "safe"))
        })
        .map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned())
        .collect();
    let security = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let (_, section) = security.split_once("\n## Unsafe code\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let places: Vec<&str> =
        quoted(section).filter(|name| name.contains('/') && !name.ends_with("supply_chain.rs")).collect();
    for file in &found {
        assert!(places.iter().any(|place| is_in(file, place)), "not in the inventory: {file}");
    }
    for place in places {
        assert!(found.iter().any(|file| is_in(file, place)), "there is none in {place}");
    }
}

/// Whether a file is the place, or lies in it if that is a folder.
fn is_in(file: &str, place: &str) -> bool {
    file == place || place.ends_with('/') && file.starts_with(place)
}
