//! `fuota sweep`, as it is called: tables do not depend on threads, interruptions or shards.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Transfers of a few milliseconds each.
const GRID: &str = "
seeds = 6
[base.campaign]
start = \"transfer\"
image_size = 5000
[base.agent]
fsize = 50
[[base.devices]]
count = 300
[grid]
campaign.redundancy = [0, 10, 30]
devices.downlink.loss = [0.05, 0.2]
campaign.code = [\"ts004-v1\", \"rlnc2\", \"rs\"]
";

/// A folder of its own, with a grid in it.
fn folder(name: &str, grid: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sweep-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("grid.toml"), grid).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fuota"));
    command.arg("sweep").args(arguments).current_dir(folder);
    command
}

fn sweep(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) {
    let output = sweep(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn fails(folder: &Path, arguments: &[&str], code: i32, part: &str) {
    let output = sweep(folder, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    assert!(told.contains(part), "{arguments:?}: {told}");
}

/// The names of the files of a folder, and that they are the same in another one, octet for octet.
fn same_files(one: &Path, other: &Path) -> BTreeSet<String> {
    let names = |folder: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    };
    assert_eq!(names(one), names(other));
    for name in names(one) {
        assert!(fs::read(one.join(&name)).unwrap() == fs::read(other.join(&name)).unwrap(), "{name} differs");
    }
    names(one)
}

fn rows(folder: &Path) -> Vec<csv::StringRecord> {
    let mut reader = csv::Reader::from_path(folder.join("rows.csv")).unwrap();
    reader.records().map(Result::unwrap).collect()
}

fn column(folder: &Path, table: &str, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_path(folder.join(table)).unwrap();
    let place = reader.headers().unwrap().iter().position(|column| column == name).unwrap();
    reader.records().map(|row| row.unwrap()[place].to_owned()).collect()
}

#[test]
fn the_number_of_threads_changes_no_file() {
    let folder = folder("threads", GRID);
    succeeds(&folder, &["grid.toml", "--out", "one", "--threads", "1"]);
    succeeds(&folder, &["grid.toml", "--out", "two", "--threads", "2"]);
    let files = same_files(&folder.join("one"), &folder.join("two"));
    for file in
        ["rows.csv", "rows.parquet", "summary.csv", "summary.json", "success_share.png", "success_share.svg"]
    {
        assert!(files.contains(file), "{file} is missing: {files:?}");
    }
    assert_eq!(rows(&folder.join("one")).len(), 3 * 2 * 3 * 6);
}

#[test]
fn a_killed_sweep_goes_on_where_it_was() {
    // Long enough to be killed in the middle.
    let grid = GRID.replace("count = 300", "count = 5000").replace("seeds = 6", "seeds = 20");
    let folder = folder("killed", &grid);
    let mut killed = command(&folder, &["grid.toml", "--out", "killed", "--threads", "1"]);
    let mut process = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let file = folder.join("killed/rows.csv");
    let lines = || fs::read_to_string(&file).map_or(0, |text| text.lines().count());
    let since = Instant::now();
    while lines() < 12 {
        assert!(since.elapsed() < Duration::from_secs(120), "no rows");
        std::thread::sleep(Duration::from_millis(2));
    }
    // SIGKILL: nothing in the process can prepare for it.
    process.kill().unwrap();
    process.wait().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let whole: BTreeSet<_> = text.lines().map(String::from).collect();
    assert!((12..361).contains(&whole.len()), "it ended before it was killed: {} rows", whole.len());
    assert!(!folder.join("killed/summary.csv").exists());
    // A line whose end was never written, as a loss of power leaves it.
    let torn = text.lines().last().unwrap();
    fs::write(&file, format!("{text}{}", &torn[..torn.len() / 2])).unwrap();
    succeeds(&folder, &["grid.toml", "--out", "killed"]);
    succeeds(&folder, &["grid.toml", "--out", "whole"]);
    same_files(&folder.join("killed"), &folder.join("whole"));
    let after: BTreeSet<_> = fs::read_to_string(&file).unwrap().lines().map(String::from).collect();
    assert!(after.is_superset(&whole), "rows were made anew");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_what_the_same_command_goes_on_with() {
    let grid = GRID.replace("count = 300", "count = 5000").replace("seeds = 6", "seeds = 20");
    let folder = folder("stopped", &grid);
    let process = command(&folder, &["grid.toml", "--out", "out", "--threads", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let file = folder.join("out/rows.csv");
    let since = Instant::now();
    while fs::read_to_string(&file).map_or(0, |text| text.lines().count()) < 4 {
        assert!(since.elapsed() < Duration::from_secs(120), "no rows");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert!((3..360).contains(&rows(&folder.join("out")).len()));
    succeeds(&folder, &["grid.toml", "--out", "out"]);
    assert_eq!(rows(&folder.join("out")).len(), 360);
}

#[test]
fn shards_merge_into_the_same_files() {
    let folder = folder("shards", GRID);
    for shard in ["1/3", "2/3"] {
        succeeds(&folder, &["grid.toml", "--out", &format!("part{}", &shard[..1]), "--shard", shard]);
    }
    fails(&folder, &["merge", "part1", "part2", "--out", "merged"], 2, "36 of 108 runs are missing");
    assert!(!folder.join("merged/rows.csv").exists());
    // The third by the variables of a job array.
    let third = command(&folder, &["grid.toml", "--out", "part3", "--shard", "auto"])
        .env("SLURM_ARRAY_TASK_ID", "12")
        .env("SLURM_ARRAY_TASK_MIN", "10")
        .env("SLURM_ARRAY_TASK_MAX", "12")
        .env("SLURM_ARRAY_TASK_COUNT", "3")
        .status();
    assert!(third.unwrap().success());
    succeeds(&folder, &["merge", "part3", "part1", "part2", "--out", "merged"]);
    succeeds(&folder, &["grid.toml", "--out", "whole"]);
    same_files(&folder.join("merged"), &folder.join("whole"));
    assert!(!folder.join("part1/summary.csv").exists(), "a part has no summary");
}

#[test]
fn what_does_not_belong_together_is_not_merged() {
    let folder = folder("foreign", GRID);
    fs::write(folder.join("other.toml"), GRID.replace("5000", "5001")).unwrap();
    succeeds(&folder, &["grid.toml", "--out", "a", "--shard", "1/2"]);
    succeeds(&folder, &["other.toml", "--out", "b", "--shard", "2/2"]);
    fails(&folder, &["merge", "a", "b", "--out", "c"], 1, "b holds another sweep, with another scenario");
    fails(&folder, &["other.toml", "--out", "a", "--shard", "1/2"], 1, "a holds another sweep");
    fails(&folder, &["grid.toml", "--out", "a"], 1, "with another shard");
    fails(&folder, &["merge", "nowhere", "--out", "c"], 1, "nowhere holds no sweep");
    let manifest = fs::read_to_string(folder.join("a/sweep.json")).unwrap();
    let version = format!("\"tool_version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(manifest.contains(&version), "{manifest}");
    fs::write(folder.join("a/sweep.json"), manifest.replace(&version, "\"tool_version\": \"0.0.0\""))
        .unwrap();
    fails(&folder, &["grid.toml", "--out", "a", "--shard", "1/2"], 1, "another version of fuota");
    // Two rows for one run, and not the same.
    succeeds(&folder, &["grid.toml", "--out", "x", "--shard", "1/2"]);
    fs::create_dir(folder.join("y")).unwrap();
    fs::copy(folder.join("x/sweep.json"), folder.join("y/sweep.json")).unwrap();
    let rows = fs::read_to_string(folder.join("x/rows.csv")).unwrap();
    fs::write(folder.join("y/rows.csv"), rows.replace("SUCCEEDED", "FAILED")).unwrap();
    fails(&folder, &["merge", "x", "y", "--out", "z"], 1, "another row");
}

#[test]
fn what_there_cannot_be_is_a_row_and_what_is_written_wrongly_is_an_error() {
    let grid = "seeds = 2\n[base.campaign]\nstart = \"transfer\"\nimage_size = 2000\n[grid]\nradio.dr = [0, 5]\nagent.fsize = [48, 239]\n";
    let folder = folder("refused", grid);
    succeeds(&folder, &["grid.toml", "--out", "out"]);
    // 239 octets do not fit into a frame at DR0, and 48 do.
    assert_eq!(
        column(&folder.join("out"), "rows.csv", "outcome")
            .chunks(2)
            .map(|seeds| seeds[0] == "REFUSED")
            .collect::<Vec<_>>(),
        [false, true, false, false]
    );
    assert_eq!(column(&folder.join("out"), "summary.csv", "refused"), ["0", "2", "0", "0"]);
    fs::write(folder.join("grid.toml"), grid.replace("[0, 5]", "[0, 99]")).unwrap();
    fails(
        &folder,
        &["grid.toml"],
        1,
        "grid.toml: line 6: radio.dr: a data rate from 0 to 15 is expected, not 99",
    );
    fails(&folder, &["grid.toml", "--shard", "3/2"], 1, "");
    fails(&folder, &[], 1, "<GRID>");
}

/// Cells that differ in what is sent, and not in what is lost, lose the same.
#[test]
fn codes_and_redundancies_are_compared_on_the_same_losses() {
    let folder = folder("paired", GRID);
    succeeds(&folder, &["grid.toml", "--out", "out"]);
    let out = folder.join("out");
    let all = |name| column(&out, "rows.csv", name);
    let (redundancy, loss, code, seed) =
        (all("campaign.redundancy"), all("devices.downlink.loss"), all("campaign.code"), all("seed"));
    let (receptions, complete) = (all("receptions"), all("complete"));
    let find = |r: &str, p: &str, c: &str, s: &str| {
        let is = |i: &usize| redundancy[*i] == r && loss[*i] == p && code[*i] == c && seed[*i] == s;
        let i = (0..seed.len()).find(is).unwrap();
        (receptions[i].parse::<u64>().unwrap(), complete[i].parse::<u64>().unwrap())
    };
    for p in ["0.05", "0.2"] {
        for s in ["1", "2", "3", "4", "5", "6"] {
            for r in ["0", "10", "30"] {
                // Each code hears as much, and none does better on the same losses than one that any M fragments do for.
                let (ts004, rlnc, rs) =
                    (find(r, p, "ts004-v1", s), find(r, p, "rlnc2", s), find(r, p, "rs", s));
                assert_eq!((ts004.0, rlnc.0), (rs.0, rs.0));
                assert!(ts004.1 <= rs.1 && rlnc.1 <= rs.1, "{ts004:?} {rlnc:?} {rs:?}");
            }
        }
    }
}

/// Campaigns with everything: what a scenario expects is compared with each seed.
#[test]
fn every_seed_of_a_scenario_is_compared_with_what_it_expects() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let grid = format!("scenario = {:?}\nseeds = 2\n", scenarios.join("golden-lossless.toml"));
    let folder = folder("expected", &grid);
    succeeds(&folder, &["grid.toml", "--check", "--out", "out"]);
    assert_eq!(column(&folder.join("out"), "rows.csv", "as_expected"), ["true", "true"]);
    assert_eq!(column(&folder.join("out"), "rows.csv", "data_phase_s"), ["844.615936", "844.615936"]);
    assert_eq!(column(&folder.join("out"), "rows.csv", "bytes_checked"), ["100", "100"]);
    // With a loss that the scenario does not expect.
    fs::write(folder.join("grid.toml"), format!("{grid}[grid]\ndevices.downlink.loss = [0.2]\n")).unwrap();
    fails(&folder, &["grid.toml", "--check", "--out", "lossy"], 2, "not as expected");
}
