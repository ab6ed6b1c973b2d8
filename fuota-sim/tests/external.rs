//! Devices whose package stacks run in processes of their own.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A run with a command for the external devices.
fn run(command: &str, arguments: &[&str]) -> Output {
    let mut fuota = Command::new(env!("CARGO_BIN_EXE_fuota"));
    fuota.args(["run", "--json", "--image", IMAGE.to_str().unwrap(), "--external-device", command]);
    fuota.args(arguments).output().unwrap()
}

/// A file of twenty fragments and a bit, written once.
static IMAGE: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("external.bin");
    let octets: Vec<u8> = (0..5_000_u32).map(|i| (i * i / 7 + i).to_le_bytes()[0]).collect();
    std::fs::write(&path, octets).unwrap();
    path
});

/// The example, through an interpreter.
fn example() -> String {
    format!("python3 '{}/examples/external_device.py'", env!("CARGO_MANIFEST_DIR"))
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Why the only external device failed, with the exit code and the run's report.
fn failure(script: &str) -> (String, Option<i32>, Value) {
    let arguments = ["--devices", "10", "--no-fec", "--success-threshold", "80"];
    let output = run(&format!("sh -c '{script}'"), &arguments);
    let report = report(&output);
    let failure = report["external"][0]["failure"].as_str().unwrap_or_default().to_owned();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let warned = format!("warning: external device {}: ", report["external"][0]["dev_eui"].as_str().unwrap());
    assert!(stderr.contains(&warned), "{stderr}");
    (failure, output.status.code(), report)
}

/// A pattern of the shell for downlinks on that port.
const DOWNLINK_PORT_201: &str = "*port\\\":201*";
const READY: &str = "\"{\\\"ready\\\":true,\\\"wake_at\\\":null}\"";

/// Two of a fleet of eight are outside: they are set up, hear two rounds or more, and hold the image.
#[test]
fn the_example_takes_part_in_a_campaign_beside_simulated_devices() {
    let fleet = ["--devices", "8", "--external-count", "2", "--no-fec", "--success-threshold", "100"];
    let output = run(&example(), &fleet);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!((&report["status"], &report["complete"]), (&"SUCCEEDED".into(), &8.into()));
    assert_eq!(report["bytes_checked"], 8);
    assert_eq!(
        report["external"],
        serde_json::json!([
            { "dev_eui": "0200000000000000", "holds_image": true, "failure": null },
            { "dev_eui": "0200000000000001", "holds_image": true, "failure": null },
        ])
    );
}

/// A process of its own for each or one for all, the same campaign comes of it, and comes of it again.
#[test]
fn processes_may_be_shared_and_change_nothing() {
    let with = |processes| {
        let fleet = ["--devices", "6", "--external-count", "6", "--external-processes", processes];
        let output = run(&example(), &[&fleet[..], &["--no-fec", "--loss", "0.2"]].concat());
        assert_eq!(output.status.code(), Some(0));
        output.stdout
    };
    let (apart, shared) = (with("6"), with("1"));
    assert!(apart == shared && apart == with("4"));
    let report: Value = serde_json::from_slice(&apart).unwrap();
    assert!(report["rounds"].as_array().unwrap().len() > 1, "one round is not enough at that loss");
}

#[test]
fn ten_seconds_of_silence_fail_the_device_and_the_run_goes_on() {
    let before = Instant::now();
    let (failure, code, report) = failure("cat >/dev/null");
    assert_eq!(failure, "its process was silent for 10 s");
    assert!(before.elapsed() >= Duration::from_secs(10) && before.elapsed() < Duration::from_secs(60));
    assert_eq!((code, &report["complete"]), (Some(0), &9.into()));
    assert_eq!(report["failed_devices"][0]["dev_eui"], report["external"][0]["dev_eui"]);
}

#[test]
fn a_process_that_dies_midway_is_named_and_the_run_goes_on() {
    let (failure, code, report) = failure(&format!(
        "while read -r line; do case $line in {DOWNLINK_PORT_201}) exit 7;; esac; echo {READY}; done"
    ));
    assert_eq!(failure, "its process ended (exit status: 7)");
    assert_eq!((code, &report["complete"]), (Some(0), &9.into()));
}

#[test]
fn what_is_not_of_the_protocol_is_shown_and_the_run_goes_on() {
    let (failure, code, _) = failure("read -r line; echo Hello");
    assert!(failure.starts_with("its process wrote `Hello`: expected value"), "{failure}");
    assert_eq!(code, Some(0));
    let foreign = r#"read -r line; echo "{\"complete\":{\"device\":\"0200000000000001\",\"sha256\":\"\"}}""#;
    let (failure, code, _) = self::failure(foreign);
    let told = "its process spoke for the device `0200000000000001` when it was told of 0200000000000000";
    assert_eq!((failure.as_str(), code), (told, Some(0)));
}

/// A device that wants to be told the time every millisecond gets it, and time passes.
#[test]
fn a_device_cannot_make_time_stand_still() {
    let script = r#"n=0; while read -r line; do n=$((n + 1)); [ $n -gt 500 ] && exit 0;
        echo "{\"ready\":true,\"wake_at\":0}"; done"#;
    let (failure, code, _) = failure(script);
    assert_eq!((failure.as_str(), code), ("its process ended (exit status: 0)", Some(0)));
}

#[test]
fn an_uplink_that_no_radio_sends_fails_the_device() {
    for (port, octets, told) in [(0, 1, "1 octets on port 0"), (200, 52, "52 octets on port 200")] {
        let hex = "00".repeat(octets);
        let script = format!(
            r#"read -r line; echo "{{\"uplink\":{{\"device\":\"$FUOTA_DEVICES\",\"port\":{port},\"hex\":\"{hex}\"}}}}"; echo {READY}; cat >/dev/null"#
        );
        let (failure, ..) = failure(&script);
        assert!(failure.contains(told) && failure.contains("at most 51"), "{failure}");
    }
}

/// The example with a line of it changed, alone in its fleet.
fn changed(name: &str, from: &str, to: &str) -> (Value, Option<i32>) {
    let example = format!("{}/examples/external_device.py", env!("CARGO_MANIFEST_DIR"));
    let example = std::fs::read_to_string(example).unwrap();
    assert!(example.contains(from), "{from}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, example.replace(from, to)).unwrap();
    let output = run(&format!("python3 '{}'", path.display()), &["--devices", "1", "--no-fec"]);
    (report(&output), output.status.code())
}

/// It answers as if nothing were missing. The campaign has to believe that; the run does not.
#[test]
fn a_device_that_claims_to_be_complete_has_to_name_what_it_holds() {
    let (report, code) = changed("liar.py", "missing = self.nb_frag - len(self.got)", "missing = 0");
    let failure = &report["external"][0]["failure"];
    assert_eq!(failure, "it counts as complete and never named the image's SHA-256");
    assert_eq!((&report["status"], code), (&"SUCCEEDED".into(), Some(2)));
}

#[test]
fn a_device_that_holds_another_file_is_not_heard_any_more() {
    let (report, code) = changed("other.py", "hashlib.sha256(block[", "hashlib.sha256(b'x' + block[");
    let failure = report["external"][0]["failure"].as_str().unwrap();
    assert!(failure.starts_with("it says it holds a file with the SHA-256 "), "{failure}");
    assert_eq!((&report["status"], &report["complete"], code), (&"FAILED".into(), &0.into(), Some(2)));
}

#[test]
fn what_cannot_be_started_is_told_on_one_line() {
    for (command, arguments, told) in [
        ("/no/such/program", &[][..], "error: cannot start `/no/such/program`: "),
        ("sh 'x", &[], "error: `sh 'x` is no command"),
        ("true", &["--devices", "3", "--external-count", "4"], "error: 4 external devices are wanted"),
    ] {
        let output = run(command, arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with(told) && stderr.lines().count() == 1, "{stderr}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    }
}
