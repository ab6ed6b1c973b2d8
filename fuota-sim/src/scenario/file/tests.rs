//! Scenario files: what they mean, and what is said of mistakes.

use std::time::Duration;

use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{PackageVersion, Redundancy};
use fuota_engine::percent::Percent;
use fuota_proto::Version;

use super::*;
use crate::scenario::{DeviceGroup, ErrorBit, Link, Outage};
use crate::world::START;

fn parse(text: &str) -> Result<ScenarioFile, String> {
    ScenarioFile::parse(text, Path::new("some.toml")).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_is_the_usual_campaign() {
    let file = parse("").unwrap();
    assert_eq!((file.scenario.devices(), file.scenario.image.len()), (1000, 51_200));
    assert_eq!(file.expect, Expectation::default());
}

/// The documented example has every key; it says what it means.
#[test]
fn the_documented_example_is_read() {
    let (_, example) = include_str!("format.md").split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let example = example.replace("image = \"image.bin\"", "image_size = 1000");
    let file = parse(&example).unwrap();
    assert_eq!(file.scenario.image.len(), 1000);
    assert_eq!(file.scenario.fleet[0].downlink, Link::Independent { loss: 0.1 });
    let [fragments, time] = file.scenario.gateways[0].outages[..] else { panic!() };
    assert_eq!(fragments, Outage::Fragments(Percent::whole(40), Percent::whole(55)));
    assert_eq!(time, Outage::Time(Duration::from_secs(3600), Duration::from_secs(7200)));
    assert_eq!(file.expect.complete, Some([950, 1000]));
    assert_eq!(file.scenario.class, SessionClass::C);
}

/// What was written in format 1 goes on meaning what it meant.
#[test]
fn a_file_of_format_1_is_read() {
    let file = parse(include_str!("../../../tests/vectors/scenario/format-1.toml")).unwrap();
    let scenario = &file.scenario;
    assert_eq!((file.name.as_str(), scenario.seed, scenario.image.len()), ("an-example", 1, 1000));
    assert_eq!(scenario.redundancy, Redundancy::Fec(Percent::whole(30)));
    assert_eq!(scenario.max_duration, Duration::from_secs(86_400));
    assert_eq!(scenario.session_start, Some(START + Duration::from_secs(43_200)));
    assert_eq!(scenario.config.msg_retries, 4);
    assert_eq!((scenario.data_rate.get(), scenario.uplink_data_rate.get()), (5, 5));
    assert_eq!(scenario.backhaul.copies, 1);
    assert_eq!(scenario.gateways[0].outages.len(), 2);
    let expected = DeviceGroup {
        name: "indoor".into(),
        downlink: Link::Independent { loss: 0.1 },
        uplink: Link::Independent { loss: 0.05 },
        clock_drift_ppm: 20.0,
        clock_synced: Duration::from_secs(86_400),
        decoder_lost: Some(60),
        package_version: Some(PackageVersion::V1),
        refuses: vec![(ErrorBit::Memory, 0.02)],
        boots: Some(Version::from_parts([2, 0, 0, 0])),
        joins: scenario.fleet[0].joins,
        absent: scenario.fleet[0].absent,
        reboots: scenario.fleet[0].reboots,
        ..DeviceGroup::default()
    };
    assert_eq!(scenario.fleet, [expected]);
    let DeviceGroup { joins: Some(joins), absent: Some(absent), reboots: Some(reboots), .. } =
        &scenario.fleet[0]
    else {
        panic!("{:?}", scenario.fleet)
    };
    assert_eq!((joins.share, absent.share, reboots.share), (0.1, 0.1, 0.05));
    assert_eq!(file.expect.groups["indoor"], [950, 1000]);
    assert_eq!(file.expect.data_phase_s, Some(1_101.038_336));
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_would_be_right() {
    for (text, line, part) in [
        ("sead = 1", 1, "unknown field `sead`, expected one of"),
        ("\nformat = 2", 2, "this program reads scenarios of format 1"),
        ("[radio]\ndr = 16", 2, "a data rate from 0 to 15 is expected, not 16"),
        ("[radio]\n\nregion = \"MARS\"", 3, "\"EU868\", \"US915\" or \"AS923\" is expected, not MARS"),
        ("[radio]\ndwell_time = 1", 2, "EU868 leaves no choice"),
        ("[radio]\nclass = \"A\"", 2, "expected `B` or `C`"),
        ("[radio]\nduty = 0", 2, "a duty cycle of more than 0"),
        ("[[devices]]\ncount = -1", 2, "u32"),
        ("[[devices]]\ndownlink = { loss = 1.5 }", 2, "a number from 0 to 1 is expected, not 1.5"),
        ("[[devices]]\ndownlink = { alpha = 2 }", 2, "`alpha` and `beta`"),
        ("[[devices]]\nuplink_period = \"often\"", 2, "a time such as"),
        ("[[devices]]\nuplink_period = 0", 2, "at least 1 s"),
        (
            "[[devices]]\nrefuses = { money = 0.1 }",
            2,
            "unknown error bit `money`, expected one of mc_group_id",
        ),
        ("[[devices]]\nradio = \"tube\"", 2, "expected one of sx1276"),
        ("[[devices]]\njoins = { share = 0.1, between = [\"2h\", \"1h\"] }", 2, "the larger one"),
        ("[[devices]]\ncount = 600000\n[[devices]]\ncount = 600000", 3, "at most 1000000 devices"),
        ("[campaign]\nimage_size = 4177666", 2, "at most 4177665 octets"),
        ("[[gateways]]\nmean_up = \"1h\"", 1, "`mean_up` and `mean_down` go together"),
        ("[[gateways]]\noutages = [{ fragments = [50, 40] }]", 2, "in order"),
        ("[campaign]\ntype = \"fun\"", 2, "expected one of `multicast-setup`"),
        ("[campaign]\nparity = 3\nredundancy = 3", 2, "either `redundancy` or `parity`"),
        ("[campaign]\nfec = false\nparity = 3", 2, "leaves no room"),
        ("[campaign]\npackage_version = 3", 2, "1 or 2 is expected"),
        ("[campaign]\ncode = \"rs\"", 2, "`start = \"transfer\"` is expected"),
        ("[campaign]\ncode = \"morse\"", 2, "expected one of `ts004-v1`"),
        ("[backhaul]\ncopies = 0", 2, "at least once"),
        ("[agent]\nmsg_retries = 5\nmsg_retrys = 3", 3, "did you mean `msg_retries`?"),
        ("[expect]\nstate = 1", 2, "unknown field `state`"),
        ("[radio", 1, ""),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with(&format!("some.toml: line {line}: ")), "{text:?}: {error}");
        assert!(error.contains(part) && error.lines().count() == 1, "{text:?}: {error}");
    }
}

#[test]
fn the_agent_s_section_keeps_its_lines() {
    assert_eq!(section("a = 1\n[agent]\nb = 2\n[radio]\nc = 3", "agent"), "\n\nb = 2\n\n");
    let file = parse("[agent]\nmsg_retries = 3\ndebug = 1\n[radio]\ndr = 3").unwrap();
    assert_eq!(file.scenario.config.msg_retries, 3);
    assert_eq!(file.ignored[0].line, 3);
}
