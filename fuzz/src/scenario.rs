//! Scenario files: what is wrong is told on one line with its place, and what is right makes a world or a refusal.

use std::path::Path;

use fuota_sim::scenario::{FileError, ScenarioFile};
use fuota_sim::world::World;

/// Larger fleets and images are read, and no world is made of them: it would take the fuzzer's time, not find more.
const MOST_DEVICES: u32 = 50;
const MOST_OCTETS: usize = 20_000;

/// Reads a text as a scenario.
///
/// # Panics
/// When a refusal does not say where, or takes more than one line.
pub fn read(text: &str) {
    // Which files a scenario may name is its author's business; here it shall name none.
    if text.contains(['/', '\\']) {
        return;
    }
    match ScenarioFile::parse(text, Path::new("no-such-folder/scenario.toml")) {
        Err(error) => {
            let told = error.to_string();
            assert!(!told.contains(['\n', '\r']), "{told:?}");
            if let FileError::Wrong { line, .. } = error {
                assert!((1..=text.lines().count() + 1).contains(&line), "line {line} of {text:?}");
            }
        }
        Ok(file) => {
            let scenario = file.scenario;
            let small = scenario.devices() <= MOST_DEVICES && scenario.image.len() <= MOST_OCTETS;
            if small && scenario.external.is_none() {
                // Refused or made: either way without a panic.
                drop(World::new(&scenario));
            }
        }
    }
}
