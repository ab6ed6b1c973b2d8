//! `fuota run` as scripts and people meet it: exit codes, reports, one clear line for every mistake.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn fuota() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fuota"))
}

fn run(arguments: &[&str]) -> Output {
    fuota().arg("run").args(arguments).output().unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one line on stderr of a call that is refused.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    let mut lines = stderr.lines().filter(|line| !line.starts_with("warning: "));
    let line = lines.next().unwrap_or_default().to_owned();
    assert!(line.starts_with("error: "), "{arguments:?}: {line:?}");
    assert_eq!(lines.next(), None, "{arguments:?}");
    line
}

/// A fresh folder for one test's files.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn file(folder: &Path, name: &str, contents: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, contents).unwrap();
    path.to_str().unwrap().to_owned()
}

const LOSSY: &[&str] = &["--devices", "100", "--loss", "0.2", "--seed", "7", "--json"];

#[test]
fn the_same_arguments_and_seed_give_the_same_report_octet_for_octet() {
    let with = |more: &[&str]| run(&[LOSSY, more].concat());
    let (first, second) = (with(&["--redundancy", "80"]), with(&["--redundancy", "80"]));
    assert_eq!(first.status.code(), Some(0));
    assert!(first.stdout == second.stdout && first.stderr == second.stderr);
    let another = with(&["--redundancy", "80", "--seed", "8"]);
    assert_ne!(first.stdout, another.stdout);
}

#[test]
fn a_report_accounts_for_every_device_fragment_and_octet() {
    let output = run(&[LOSSY, &["--redundancy", "80"]].concat());
    let report = report(&output);
    assert_eq!(report["status"], "SUCCEEDED");
    assert_eq!(report["devices"], 100);
    let number = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(number("complete") + number("failed"), 100);
    assert_eq!(number("bytes_checked"), number("complete"));
    assert_eq!((number("nb_frag"), number("frag_size"), number("padding")), (215, 239, 185));
    assert_eq!(number("parity"), 172);
    assert_eq!(number("frames"), 215 + 172);
    let names: Vec<_> = report["stages"].as_array().unwrap().iter().map(|stage| &stage["stage"]).collect();
    assert_eq!(
        names,
        ["McGroupSetup", "FragSessionSetup", "McClassSession", "DataFragment", "FragSessionStatus"]
    );
    // 387 fragments of 394.496 ms, and at least one poll.
    assert!(report["airtime_s"].as_f64().unwrap() > 387.0 * 0.394_496);
    assert_eq!(report["parameters"]["image_octets"], 51_200);
    assert_eq!(report["parameters"]["config"]["success_threshold"], 95);
}

#[test]
fn too_little_redundancy_fails_with_exit_code_2_and_says_why() {
    let output = run(&[LOSSY, &["--redundancy", "5"]].concat());
    assert_eq!(output.status.code(), Some(2));
    let report = report(&output);
    assert_eq!(report["status"], "FAILED");
    assert_eq!(report["cause"]["kind"], "BelowThreshold");
    assert_eq!(report["failures"]["Incomplete"], report["failed"]);
}

#[test]
fn without_fec_rounds_are_repeated_until_enough_are_complete() {
    let output = run(&["--devices", "100", "--no-fec", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report = report(&output);
    let rounds = report["rounds"].as_array().unwrap();
    assert!((3..=5).contains(&rounds.len()), "{rounds:?}");
    assert_eq!(report["frames"], 215 * rounds.len());
    let two = run(&["--devices", "100", "--no-fec", "--rounds-max", "2", "--json"]);
    assert_eq!(two.status.code(), Some(2));
}

#[test]
fn the_adaptive_policy_sends_what_devices_ask_for_and_says_whom_it_believes() {
    let output = run(&["--devices", "100", "--policy", "adaptive", "--success-threshold", "100", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report = report(&output);
    assert_eq!(report["parameters"]["policy"], "adaptive");
    assert_eq!(report["complete"], 100);
    assert_eq!(report["confirmed"].as_u64().unwrap() + report["inferred"].as_u64().unwrap(), 100);
    assert_eq!(report["inferred_wrongly"], 0);
    assert_eq!(report["bytes_checked"], 100, "the world knows that silence was right");
    // One first batch for 5 %, at least one more for the 10 % that are lost, and two silent polls.
    let polls = report["polls"].as_array().unwrap();
    assert!((3..=10).contains(&polls.len()), "{polls:?}");
    let batches = polls.iter().map(|poll| poll["batch"].as_u64().unwrap());
    assert_eq!(report["frames"].as_u64().unwrap(), 215 + 12 + batches.sum::<u64>());
    assert_eq!(polls.iter().rev().take(2).filter(|poll| poll["answers"] == 0).count(), 2);
}

#[test]
fn devices_that_go_wrong_are_named_and_the_others_served() {
    let output = run(&[
        "--devices",
        "300",
        "--silent-devices",
        "1",
        "--dying-devices",
        "10",
        "--wrong-key-devices",
        "3",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(0));
    let report = report(&output);
    assert_eq!(report["complete"], 286);
    let failed = report["failed_devices"].as_array().unwrap();
    assert_eq!(failed.len(), 14);
    let in_set_up = failed.iter().filter(|device| device["stage"] == "McGroupSetup");
    assert_eq!(in_set_up.count(), 1, "{failed:?}");
}

#[test]
fn the_summary_is_for_people() {
    let output = run(&["--devices", "20"]);
    let summary = String::from_utf8(output.stdout).unwrap();
    for part in ["McGroupSetup", "COMPLETED", "280 sent", "20 of 20 complete", "Status    SUCCEEDED"] {
        assert!(summary.contains(part), "{part} is missing in\n{summary}");
    }
    assert!(output.stderr.is_empty());
}

#[test]
fn the_output_folder_gets_a_report_a_table_and_a_picture() {
    let folder = folder("out").join("new").join("folder");
    let path = folder.to_str().unwrap();
    let output = run(&[LOSSY, &["--redundancy", "80", "--out", path]].concat());
    assert_eq!(fs::read(folder.join("report.json")).unwrap(), output.stdout);
    let table = fs::read_to_string(folder.join("devices.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 100);
    assert!(table.starts_with("dev_eui,status,"));
    let picture = fs::read_to_string(folder.join("timeline.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("<polyline"));
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let folder = folder("config");
    let config = file(&folder, "agent.toml", b"msg_retries = 3\nfsize = 100\ndebug = 1\n");
    let output = run(&["--devices", "10", "--config", &config, "--frag-size", "200", "--json"]);
    let report = report(&output);
    assert_eq!(report["frag_size"], 200);
    assert_eq!(report["parameters"]["config"]["msg_retries"], 3);
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(warning.ends_with("agent.toml: line 3: `debug` is ignored\n"), "{warning}");

    // The same in the other forms gives the same report.
    let ini = file(&folder, "agent.ini", b"; INI\n[global]\nmsg_retries = 3 ; repeats\nfsize = 100\n");
    let grouped = file(
        &folder,
        "config.ini",
        b"global:{ msg_retries: 3 // repeats\n fsize: 100 }\nkafka:{ brokers: \"a \\\"b\\\" }\" }\n",
    );
    let same = |config: &str| run(&["--devices", "10", "--config", config, "--frag-size", "200", "--json"]);
    assert!(same(&ini).stdout == output.stdout);
    let grouped = same(&grouped);
    assert!(grouped.stdout == output.stdout);
    let warning = String::from_utf8(grouped.stderr).unwrap();
    assert!(warning.ends_with("config.ini: line 3: `kafka` is ignored\n"), "{warning}");
}

#[test]
fn a_number_of_fragments_that_makes_poor_parity_is_warned_of() {
    let folder = folder("parity");
    let image = file(&folder, "image.bin", &vec![1; 192 * 239]);
    let call = ["--devices", "1", "--image", &image, "--json"];
    let told = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    // Left to itself the campaign takes shorter fragments.
    let output = run(&call);
    assert!(told(&output).contains("instead of 192 longer ones"), "{}", told(&output));
    assert_eq!(report(&output)["weaknesses"].as_array().unwrap().len(), 0);
    // What is asked for is done.
    let output = run(&[&call[..], &["--frag-size", "239"]].concat());
    let warning = told(&output);
    assert!(warning.starts_with("warning: 192 fragments: a multiple of 64: "), "{warning}");
    assert_eq!(report(&output)["weaknesses"].as_array().unwrap().len(), 1);
    // What it recommends is not warned of.
    let (_, size) = warning.split_once("a fragment size of ").unwrap();
    let better = run(&[&call[..], &["--frag-size", size.split(' ').next().unwrap()]].concat());
    assert!(better.stderr.is_empty());
    assert!(run(&[&call[..], &["--no-fec"]].concat()).stderr.is_empty());
}

#[test]
fn every_mistake_gets_one_clear_line_and_exit_code_1() {
    let folder = folder("mistakes");
    let empty = file(&folder, "empty.bin", b"");
    let big = file(&folder, "big.bin", &vec![0; 4_000_000]);
    let wrong = file(&folder, "wrong.toml", b"msg_retrys = 3");
    let scenario = file(&folder, "scenario.toml", b"[radio]\nclas = 'B'\n");
    for (arguments, part) in [
        (&["--image", "nothing-here"][..], "cannot read nothing-here"),
        (&["--image", &empty], "empty"),
        (&["--image", &big], "the largest image that fits has"),
        (&["--frag-size", "3"], "a fragment size of 5 would fit"),
        (&["--frag-size", "0"], "outside 1 to 239"),
        (&["--frag-size", "240"], "outside 1 to 239"),
        (&["--dr", "0", "--frag-size", "49"], "outside 1 to 48"),
        (&["--dr", "7"], "EU868 has no downlinks at data rate 7"),
        (&["--uplink-dr", "12"], "EU868 has no uplinks at data rate 12"),
        (&["--dr", "200"], "a number from 0 to 15"),
        (&["--devices", "0"], "1..=1000000"),
        (&["--loss", "1.5"], "a number from 0 to 1"),
        (&["--loss", "-0.1"], "a number from 0 to 1"),
        (&["--uplink-loss", "nan"], "a number from 0 to 1"),
        (&["--redundancy", "1000.5"], "a percentage from 0 to 1000"),
        (&["--redundancy", "-5"], "a percentage from 0 to 1000"),
        (&["--success-threshold", "101"], "a percentage from 0 to 100"),
        (&["--no-fec", "--redundancy", "30"], "cannot be used with"),
        (&["--rounds-max", "3"], "--no-fec"),
        (&["--policy", "adaptive", "--rounds-max", "3"], "--policy carousel"),
        (&["--policy", "adaptive", "--redundancy", "3"], "--policy fixed"),
        (&["--policy", "carousel", "--redundancy", "3"], "--policy fixed"),
        (&["--policy", "adaptive", "--no-fec"], "cannot be used with"),
        (&["--region", "MARS1"], "EU868, US915 or AS923"),
        (&["--region", "US915", "--dr", "3"], "US915 has no downlinks at data rate 3"),
        (&["--region", "US915", "--uplink-dr", "13"], "US915 has no uplinks at data rate 13"),
        (&["--dwell-time", "1"], "--dwell-time is for AS923; EU868 leaves no choice"),
        (&["--max-duration", "24"], "time unit"),
        (&["--max-duration", "5min"], "that fits"),
        (&["--uplink-period", "0s"], "a duration from 1 s"),
        (&["--config", &wrong], "line 1: unknown key `msg_retrys` (did you mean `msg_retries`?)"),
        (&["--config", "nothing-here"], "cannot read nothing-here"),
        (&["--silent-devices", "7", "--devices", "5"], "the fleet has only 5"),
        (&["--out", &empty], "cannot write"),
        (&["--sead", "3"], "--seed"),
        (&["--scenario", "nothing-here"], "cannot read nothing-here"),
        (&["--scenario", &scenario], "line 2: unknown field `clas`, expected one of"),
        (&["--check"], "--scenario"),
        (&["--type", "hardware"], "multicast-setup"),
        (&["--class", "A"], "--class"),
        (&["--package-version", "3"], "1..=2"),
        (&["--session-start", "soon"], "+6h"),
        (&["--reboot-time", "1999-01-01T00:00:00Z"], "after the start"),
        (&["--firmware-version", "1.2"], "four numbers"),
        (&["--periodicity", "8"], "0 to 7"),
        (&["stray"], "stray"),
    ] {
        let line = refused(arguments);
        assert!(line.contains(part), "{arguments:?}: {line}");
    }
}

#[test]
fn every_type_shows_its_stages_and_takes_flags_that_it_does_not_use() {
    let times = ["--session-start", "+12h", "--reboot-time", "2024-05-18T12:53:02Z"];
    let all = [&["--periodicity", "2", "--ack-reception"][..], &times].concat();
    let (setup, session, end) = (["McGroupSetup"], ["McClassSession"], ["DataFragment"]);
    let binary = [&setup[..], &["FragSessionSetup"], &session, &end, &["FragSessionStatus"]].concat();
    let firmware =
        [&setup[..], &["DevRebootTime", "FragSessionSetup"], &session, &end, &["DevVersion"]].concat();
    let multicast = [setup, session].concat();
    for (kind, stages) in [("multicast-setup", multicast), ("binary", binary), ("firmware", firmware)] {
        for (class, version) in [("B", "1"), ("C", "2")] {
            let fleet = ["--devices", "20", "--loss", "0", "--uplink-loss", "0", "--json"];
            let which = ["--type", kind, "--class", class, "--package-version", version];
            let output = run(&[&fleet[..], &which, &all].concat());
            assert_eq!(output.status.code(), Some(0), "{kind} {class} {version}");
            let report = report(&output);
            let names =
                report["stages"].as_array().unwrap().iter().map(|stage| stage["stage"].as_str().unwrap());
            assert_eq!(names.collect::<Vec<_>>(), stages);
            assert_eq!(report["complete"], 20);
            assert_eq!(
                (&report["parameters"]["type"], &report["parameters"]["class"]),
                (&kind.into(), &class.into())
            );
            assert_eq!(report["parameters"]["session_start_s"], 43_200.0);
        }
    }
}

#[test]
fn a_scenario_is_run_from_its_file_and_flags_win() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/golden-lossless.toml");
    let output = run(&["--scenario", golden, "--check", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let report = report(&output);
    assert_eq!((&report["devices"], &report["frames"]), (&100.into(), &215.into()));
    let energy = &report["energy"];
    // Fragments are received in class C for the time they take at least: 844.6 s of 4.6 mA at 3.3 V.
    assert!(energy["transfer_j"].as_f64().unwrap() > 844.6 * 0.0046 * 3.3, "{energy}");
    let other = run(&["--scenario", golden, "--check", "--devices", "50", "--json"]);
    assert_eq!(other.status.code(), Some(2));
    let told = String::from_utf8(other.stderr).unwrap();
    assert_eq!(told, "warning: not as expected: complete devices: 50, 100 to 100 were expected\n");
}

#[test]
fn every_region_carries_a_campaign() {
    // Of SF7 at each region's bandwidth, full frames.
    for (region, dwell, airtime) in
        [("EU868", None, 0.394_496), ("US915", None, 0.098_624), ("AS923", Some("1"), 0.394_496)]
    {
        for class in ["B", "C"] {
            let mut call = vec!["--region", region, "--class", class, "--devices", "20", "--json"];
            call.extend(dwell.into_iter().flat_map(|dwell| ["--dwell-time", dwell]));
            let output = run(&call);
            assert_eq!(output.status.code(), Some(0), "{region} {class}");
            let report = report(&output);
            assert_eq!(
                (&report["parameters"]["region"], &report["frag_size"]),
                (&region.into(), &239.into())
            );
            let fragments = report["airtime_s"].as_f64().unwrap() / airtime;
            assert!((280.0..281.0).contains(&fragments), "{region} {class}: {fragments}");
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let row = ["fec", "row", "--rule", "v1", "--m", "16000", "--n", "5"];
    let calls = [&["run", "--json", "--devices", "10"][..], &["run", "--parameters"], &["--help"], &row];
    for call in calls {
        let mut child = fuota().args(call).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{call:?}");
    }
}

#[test]
fn help_and_the_table_of_parameters_are_results() {
    let help = fuota().args(["run", "--help"]).output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().contains("--success-threshold"));
    let table = run(&["--parameters"]);
    assert!(String::from_utf8(table.stdout).unwrap().contains("| `datafrag_loops_max` |"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_orders_stop_and_the_report_still_comes() {
    let mut child = fuota()
        .args(["run", "--devices", "10000", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Such a fleet cannot be set up within a day, which is said as soon as the campaign begins.
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut warning = String::new();
    stderr.read_line(&mut warning).unwrap();
    assert!(warning.starts_with("warning: set-up will take about"), "{warning}");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(report(&output)["status"], "STOPPED");
}
