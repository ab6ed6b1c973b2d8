//! The workspace's one-way flow, read from `cargo metadata`: whoever breaks it has to change this list.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Every member, with the members it may depend on (for whatever purpose: tests and builds count too).
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("fuota-proto", &[]),
    ("fuota-fec", &[]),
    ("fuota-engine", &["fuota-fec", "fuota-proto"]),
    ("fuota-sim", &["fuota-engine", "fuota-fec", "fuota-proto"]),
    ("benches", &["fuota-engine", "fuota-fec", "fuota-proto", "fuota-sim"]),
];

/// Members by name, each with the members it depends on.
fn members() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            // A member's tests name the member itself, for the features they need.
            let inside = dependencies
                .iter()
                .filter(|dependency| dependency["path"].is_string() && dependency["name"] != package["name"]);
            (text(&package["name"]), inside.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

#[test]
fn members_depend_only_on_what_lies_below_them() {
    let members = members();
    for (member, dependencies) in &members {
        let (_, allowed) = MAY_DEPEND_ON
            .iter()
            .find(|(known, _)| known == member)
            .unwrap_or_else(|| panic!("{member} has no place in the layers"));
        for dependency in dependencies {
            assert!(allowed.contains(&dependency.as_str()), "{member} must not depend on {dependency}");
        }
    }
    assert!(MAY_DEPEND_ON.iter().all(|(name, _)| members.contains_key(*name)), "{members:?}");
}
