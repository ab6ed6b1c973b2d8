//! A node and its fleet in one process, and what is refused.

use crate::harness::{Flags, Fleet, Process, folder};

#[test]
fn the_driver_brings_a_campaign_to_the_same_end_as_virtual_time_does() {
    let folder = folder("live-alone");
    let flags = Flags::new(&folder, 1).with("--redundancy 50");
    let expected = flags.uninterrupted();
    let store = format!("sqlite:{}/fuota.db", folder.display());
    let out = folder.join("out");
    let more = ["--store", &store, "--real-time-factor", "1000", "--out", out.to_str().unwrap()];
    let (code, report) = Process::start(flags.call("run", &more)).end();
    assert_eq!(code, 0, "{report}");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    for field in ["status", "complete", "bytes_checked", "nb_frag", "parity", "frames", "parameters"] {
        assert_eq!(report[field], expected[field], "{field}");
    }
    let stages = |report: &serde_json::Value| -> Vec<_> {
        let stages = report["stages"].as_array().unwrap().iter();
        stages.map(|stage| (stage["stage"].clone(), stage["succeeded"].clone())).collect()
    };
    assert_eq!(stages(&report), stages(&expected));
    for name in ["report.html", "report.json", "devices.csv", "timeline.svg"] {
        assert!(out.join(name).exists(), "{name}");
    }
}

#[test]
fn ctrl_c_stops_the_campaign_in_order() {
    let folder = folder("live-stopped");
    let store = format!("sqlite:{}/fuota.db", folder.display());
    let more = ["--store", &store, "--real-time-factor", "300"];
    let mut node = Process::start(Flags::new(&folder, 1).call("run", &more));
    node.says("has started");
    node.signal("-INT");
    let (code, report) = node.end();
    assert_eq!(code, 3, "{report}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&report).unwrap()["status"], "STOPPED");
}

#[test]
fn what_does_not_go_together_is_told_in_a_line() {
    let folder = folder("live-refused");
    let flags = Flags::new(&folder, 1).few();
    let store = format!("sqlite:{}/fuota.db", folder.display());
    let refused = |verb, more: &[&str]| {
        let mut process = Process::start(flags.call(verb, more));
        process.says("error: ");
        assert_eq!(process.end().0, 1, "{more:?}");
    };
    refused("run", &["--store", "mysql://somewhere"]);
    refused("run", &["--store", &store, "--fleet", "/nowhere/at/all"]);
    refused("run", &["--fleet", "/nowhere/at/all"]);
    refused("run", &["--real-time-factor", "0", "--store", &store]);
    refused("run", &["--real-time-factor", "10"]);
    refused("run", &["--store", &store, "--fleet-only", "/nowhere/at/all"]);
    refused("resume", &["--store", &store]);
    let fleet = Fleet::start(&flags, &folder, "1000", false);
    refused("resume", &["--store", &store, "--fleet", &fleet.socket]);
    let other = Flags::new(&folder, 2).few();
    let mut process = Process::start(other.call("run", &["--store", &store, "--fleet", &fleet.socket]));
    process.says("is not the one that these flags describe");
    assert_eq!(process.end().0, 1);
    fleet.stop();
}
