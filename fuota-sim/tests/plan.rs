//! `fuota plan` from outside: figures, what does not fit, and what it says to mistakes.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use serde_json::Value;

fn plan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fuota")).arg("plan").args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = plan(&[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Published figures, computed from the formula of the modem's manual.
#[test]
fn figures_are_the_published_ones_to_the_microsecond() {
    for (flags, figures) in [
        ("--image-size 51200 --dr 5 --frag-size 239 --parity 0", (215, 0.394_496, 844.615_936)),
        ("--image-size 102400 --dr 0 --frag-size 48 --parity 214", (2134, 2.793_472, 65_565.581_312)),
        ("--image-size 102400 --dr 3 --frag-size 112 --parity 92", (915, 0.676_864, 6_809.928_704)),
        ("--image-size 51200 --region US915 --dr 13 --parity 0", (215, 0.098_624, 21.204_16)),
        (
            "--image-size 51200 --region AS923 --dwell-time 1 --dr 2 --frag-size 8 --duty 10% --parity 0",
            (6400, 0.370_688, 23_720.695_808),
        ),
    ] {
        let flags: Vec<_> = flags.split(' ').collect();
        let got = json(&flags);
        let number = |name: &str| got[name].as_f64().unwrap();
        let have = (got["nb_frag"].as_u64().unwrap(), number("time_on_air_s"), number("data_phase_s"));
        assert_eq!(have, figures, "{flags:?}");
        assert_eq!(got["frames"], got["nb_frag"].as_u64().unwrap() + got["parity"].as_u64().unwrap());
        let airtime = number("time_on_air_s") * number("frames");
        assert!((number("airtime_s") - airtime).abs() < 1e-6);
    }
}

#[test]
fn framing_can_be_counted_as_others_do() {
    let plain = json(&["--image-size", "1000"])["time_on_air_s"].as_f64().unwrap();
    let crc = json(&["--image-size", "1000", "--downlink-crc"])["time_on_air_s"].as_f64().unwrap();
    let more = json(&["--image-size", "1000", "--frame-overhead", "28"])["time_on_air_s"].as_f64().unwrap();
    assert!(plain <= crc && crc < more, "{plain} {crc} {more}");
}

#[test]
fn what_does_not_fit_is_told_and_no_error() {
    let slow = json(&["--image-size", "102400", "--dr", "0"]);
    assert_eq!(slow["fits"], false);
    assert!(slow["reasons"][0].as_str().unwrap().contains("longest session"));
    let fits = json(&["--image-size", "51200"]);
    assert_eq!((&fits["fits"], fits["reasons"].as_array().unwrap().len()), (&true.into(), 0));
    let text = String::from_utf8(plan(&["--image-size", "102400", "--dr", "0"]).stdout).unwrap();
    assert!(text.contains("Does not fit: the transfer and its poll take"), "{text}");
}

#[test]
fn success_comes_with_its_interval_and_grows_with_parity() {
    let at = |redundancy: &str| json(&["--image-size", "51200", "--loss", "0.1", "--redundancy", redundancy]);
    let (none, some, much) = (at("0"), at("12"), at("30"));
    let probability = |got: &Value| got["success_probability"].as_f64().unwrap();
    assert!(probability(&none) < probability(&some) && probability(&some) < probability(&much));
    assert_eq!(none["success_method"], "exact");
    assert_eq!(some["success_method"], "monte-carlo");
    for of_loss in some["success"].as_array().unwrap() {
        let number = |name: &str| of_loss[name].as_f64().unwrap();
        assert!(number("low") <= number("probability") && number("probability") <= number("high"));
    }
}

#[test]
fn the_recommendation_can_be_asked_for_in_turn_and_keeps_its_word() {
    for objective in ["airtime", "duration", "energy"] {
        let got = json(&["--image-size", "51200", "--dr", "0", "--optimize", objective]);
        let advice = &got["recommendation"];
        let flags = advice["flags"].as_str().unwrap();
        let mut call = vec!["--image-size", "51200"];
        call.extend(flags.split(' '));
        let again = json(&call);
        assert_eq!(again["fits"], true);
        for name in ["frames", "airtime_s", "duration_s", "energy_j", "success_probability"] {
            assert_eq!(again[name], advice[name], "{objective} {name}");
        }
        assert!(again["success_probability"].as_f64().unwrap() >= 0.99);
    }
}

#[test]
fn the_table_is_for_people() {
    let text = String::from_utf8(plan(&["--image-size", "51200"]).stdout).unwrap();
    for part in
        ["215 of 239 octets (padding 185)", "394.496 ms", "TimeOut", "A device decodes", "Least airtime"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let weak = json(&["--image-size", "45888", "--frag-size", "239"]);
    assert!(weak["warnings"][0].as_str().unwrap().contains("a multiple of 64"), "{weak}");
}

#[test]
fn every_mistake_gets_one_clear_line_and_exit_code_1() {
    for (arguments, part) in [
        (&[][..], "--image"),
        (&["--image", "nothing-here"], "cannot read nothing-here"),
        (&["--image", "/dev/null"], "empty"),
        (&["--image-size", "0"], "--image-size"),
        (&["--image-size", "1", "--image", "x"], "cannot be used with"),
        (&["--image-size", "1", "--frag-size", "0"], "--frag-size"),
        (&["--image-size", "1", "--dr", "9"], "EU868 has no downlinks at data rate 9"),
        (&["--image-size", "1", "--uplink-dr", "9"], "EU868 has no uplinks at data rate 9"),
        (&["--image-size", "1", "--duty", "2"], "a duty cycle is more than 0"),
        (&["--image-size", "1", "--dwell-time", "1"], "EU868 leaves no choice"),
        (&["--image-size", "1", "--parity", "3", "--redundancy", "3"], "cannot be used with"),
        (&["--image-size", "1", "--radio", "x"], "sx1262"),
        (&["--image-size", "1", "--loss", "2"], "a number from 0 to 1"),
        (&["--image-size", "1", "--optimize", "fun"], "airtime"),
    ] {
        let output = plan(arguments);
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {line}");
        assert!(output.stdout.is_empty() && line.lines().count() == 1, "{arguments:?}: {line}");
        assert!(line.contains(part), "{arguments:?}: {line}");
    }
}
