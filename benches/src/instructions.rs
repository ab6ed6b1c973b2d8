//! Instructions per operation, counted by valgrind.
//!
//! The program runs itself once more under callgrind. In there, [`counted`] is the only function whose instructions
//! count, and every return from it writes a profile with what it took; the profiles come in the order of the calls.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::measure::Repeated;

const INSIDE: &str = "FUOTA_BENCHES_UNDER_CALLGRIND";

/// Whether this process runs under callgrind and is to call [`counted`] for every operation, in order.
pub(crate) fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs an operation where its instructions count.
#[inline(never)]
pub(crate) fn counted(operation: &mut Repeated<'_>, repetitions: u64) {
    operation(repetitions);
    // Keeps the call above from becoming a jump, with which this function would end before the operation begins.
    std::hint::black_box(());
}

/// Runs `benches SUBJECT` under callgrind and returns the instructions per repetition of every operation that it
/// passes to [`counted`] for so many repetitions.
pub(crate) fn count(subject: &str, repetitions: u64) -> Result<Vec<f64>, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("fuota-benches-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let counts = run(subject, repetitions, &folder);
    fs::remove_dir_all(&folder)?;
    counts
}

fn run(subject: &str, repetitions: u64, folder: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--collect-atstart=no",
            "--toggle-collect=benches::instructions::counted",
            "--dump-after=benches::instructions::counted",
        ])
        .arg(format!("--callgrind-out-file={}/profile", folder.display()))
        .arg(std::env::current_exe()?)
        .args([subject, "--callgrind"])
        .env(INSIDE, "1")
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        return Err(
            format!("valgrind: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into()
        );
    }
    let mut counts = Vec::new();
    for number in 1.. {
        let Ok(profile) = fs::read_to_string(folder.join(format!("profile.{number}"))) else { break };
        let total =
            profile.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
        let total: f64 =
            total.and_then(|total| total.trim().parse().ok()).ok_or("a profile without a total")?;
        // The last profile is the end of the program, where nothing counts.
        if total > 0.0 {
            counts.push(total / repetitions as f64);
        }
    }
    Ok(counts)
}
