//! Which public enumerations may be matched without a catch-all: a new one has to say so here or be `#[non_exhaustive]`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Enumerations of which every case has to be handled, by file. `$name` is what a macro declares.
const EXHAUSTIVE: &[(&str, &[&str])] = &[
    // Who leaves out a case would lose frames.
    ("fuota-engine/src/campaign/io.rs", &["Output", "Dest"]),
    ("fuota-engine/src/device/output.rs", &["Output"]),
    ("fuota-engine/src/device/mod.rs", &["Source"]),
    ("fuota-engine/src/rollout/io.rs", &["Output"]),
    // A store or a loop around the decoder that leaves out a case would lose fragments.
    ("fuota-fec/src/decoder/mod.rs", &["Progress"]),
    ("fuota-fec/src/decoder/ops.rs", &["Op"]),
    ("fuota-fec/src/store/mod.rs", &["Slot", "Entry"]),
    // Closed by an edition of the standard: another case comes with another edition.
    ("fuota-engine/src/campaign/io.rs", &["SessionClass"]),
    ("fuota-engine/src/device/output.rs", &["WindowClass"]),
    ("fuota-engine/src/region/mod.rs", &["DwellTime"]),
    ("fuota-fec/src/geometry.rs", &["FragmentKind"]),
    ("fuota-fec/src/rule.rs", &["ParityRule"]),
    ("fuota-proto/src/clock_sync/edition.rs", &["Downlink", "Uplink"]),
    ("fuota-proto/src/firmware/image.rs", &["DevUpgradeImageAns"]),
    ("fuota-proto/src/firmware/v1.rs", &["Downlink", "Uplink"]),
    ("fuota-proto/src/fragmentation/status.rs", &["SessionReport"]),
    ("fuota-proto/src/fragmentation/v1.rs", &["Downlink", "Uplink"]),
    ("fuota-proto/src/fragmentation/v2.rs", &["Downlink", "Uplink"]),
    ("fuota-proto/src/keys/mod.rs", &["RootKind"]),
    ("fuota-proto/src/multi_package/items.rs", &["$name", "DownlinkItem", "UplinkItem"]),
    ("fuota-proto/src/multi_package/layout.rs", &["Role"]),
    ("fuota-proto/src/multi_package/own.rs", &["Downlink", "Uplink"]),
    ("fuota-proto/src/package.rs", &["$name"]),
    ("fuota-proto/src/multicast/edition.rs", &["Downlink", "Uplink"]),
    ("fuota-proto/src/multicast/session.rs", &["SessionOutcome"]),
    ("fuota-proto/src/version.rs", &["PackageVersion"]),
];

/// The Rust files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The public enumerations of a file that lack the attribute.
fn exhaustive(source: &str) -> Vec<&str> {
    let mut open = false;
    let mut found = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("pub enum ") {
            let name = rest
                .split(|c: char| !(c.is_alphanumeric() || c == '$'))
                .next()
                .unwrap()
                .trim_end_matches('$');
            found.extend((!open).then_some(name));
        }
        // Attributes and documentation stand between the one and the other.
        open = line == "#[non_exhaustive]" || open && (line.starts_with("#[") || line.starts_with("///"));
    }
    found
}

#[test]
fn public_enumerations_may_grow_unless_said_otherwise() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    for member in ["fuota-proto", "fuota-fec", "fuota-engine", "fuota-sim"] {
        let mut files = Vec::new();
        sources(&root.join(member).join("src"), &mut files);
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            let place = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.extend(exhaustive(&source).into_iter().map(|name| (place.clone(), name.to_owned())));
        }
    }
    let expected: BTreeSet<_> = EXHAUSTIVE
        .iter()
        .flat_map(|(file, names)| names.iter().map(|name| ((*file).to_owned(), (*name).to_owned())))
        .collect();
    let new: Vec<_> = found.difference(&expected).collect();
    let gone: Vec<_> = expected.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "not in the list: {new:?}; in the list for nothing: {gone:?}");
}

#[test]
fn the_attribute_is_found_where_it_stands() {
    let source = "#[non_exhaustive]\n#[derive(Debug)]\npub enum Open {}\n\npub enum Closed { A }\n\
                  #[non_exhaustive]\npub struct Other;\npub enum AlsoClosed<'a> {}";
    assert_eq!(exhaustive(source), ["Closed", "AlsoClosed"]);
}
