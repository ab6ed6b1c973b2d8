//! Processes that do as they should, and others.

#![allow(clippy::unwrap_used)]

use super::super::message::Upward;
use super::*;
use crate::scenario::Faults;

const NAME: &str = "0200000000000003";

/// A shell script as the process of device 3.
fn process(script: &str) -> Process {
    let fleet = Fleet::new(1, 5, Faults::default());
    let command = format!("sh -c {}", shlex::try_quote(script).unwrap());
    Process::start(&command, &fleet, 3..4, Duration::from_millis(500)).unwrap()
}

fn tick() -> Told {
    Told { at: 5, what: Upward::Tick { device: NAME.into() } }
}

fn failure(script: &str) -> Failure {
    process(script).tell(&tick()).unwrap_err()
}

#[test]
fn it_is_told_who_it_is_and_says_what_it_does() {
    let mut process = process(
        r#"read -r line
        echo "{\"uplink\":{\"device\":\"$FUOTA_DEVICES\",\"port\":200,\"hex\":\"$FUOTA_GEN_APP_KEYS\"}}"
        echo '{"ready":true,"wake_at":7}'
        read -r line
        [ "$line" = '{"at":5,"tick":{"device":"0200000000000003"}}' ] && echo '{"ready":true,"wake_at":null}'"#,
    );
    let turn = process.tell(&tick()).unwrap();
    let payload = Fleet::new(1, 5, Faults::default()).gen_app_key(3).to_vec();
    assert_eq!(turn.outputs, [Output::Uplink { port: 200, payload, delay_ms: 0 }]);
    assert_eq!(turn.wake_at, Some(7));
    let turn = process.tell(&tick()).unwrap();
    assert_eq!((turn.outputs.len(), turn.wake_at), (0, None));
}

#[test]
fn silence_is_not_waited_for_without_end() {
    let mut process = process("cat >/dev/null");
    let silent = Failure::Silent { after: Duration::from_millis(500) };
    assert_eq!(process.tell(&tick()).unwrap_err(), silent);
    let before = Instant::now();
    assert_eq!(process.tell(&tick()).unwrap_err(), silent, "and is not waited for again");
    assert!(before.elapsed() < Duration::from_millis(100));
    assert!(process.has_ended());
}

#[test]
fn a_process_that_dies_is_told_with_its_status() {
    assert_eq!(failure("exit 3"), Failure::Ended { how: "exit status: 3".into() });
    assert_eq!(failure("read -r line; kill -9 $$"), Failure::Ended { how: "signal: 9 (SIGKILL)".into() });
}

#[test]
fn what_is_not_of_the_protocol_is_shown() {
    let Failure::Garbage { line, why } = failure("read -r line; echo 'Hello, world!'") else { panic!() };
    assert_eq!(line, "Hello, world!");
    assert!(why.contains("expected value"), "{why}");
    let Failure::Garbage { line, why } = failure("read -r line; head -c 70000 /dev/zero | tr '\\0' x") else {
        panic!()
    };
    assert_eq!((line.chars().count(), why.as_str()), (SHOWN + 1, "a line has at most 65536 octets"));
}

#[test]
fn it_speaks_for_the_device_that_is_meant_and_when_it_is_asked() {
    let uplink = r#"{"uplink":{"device":"0200000000000004","port":200,"hex":"00"}}"#;
    let foreign = Failure::Foreign { device: "0200000000000004".into(), asked: NAME.into() };
    assert_eq!(failure(&format!("read -r line; echo '{uplink}'")), foreign);
    let mut early = process(r#"echo '{"ready":true,"wake_at":null}'; cat >/dev/null"#);
    thread::sleep(Duration::from_millis(300));
    let Err(Failure::Unasked { line }) = early.tell(&tick()) else { panic!() };
    assert_eq!(line, r#"{"ready":true,"wake_at":null}"#);
}

#[test]
fn chatter_is_cut_short() {
    let uplink = format!(r#"{{"uplink":{{"device":"{NAME}","port":200,"hex":"00"}}}}"#);
    assert_eq!(failure(&format!("read -r line; yes '{uplink}'")), Failure::Endless { lines: LINES_MAX });
}

#[test]
fn what_cannot_be_started_is_told() {
    let fleet = Fleet::new(1, 5, Faults::default());
    let start = |command| Process::start(command, &fleet, 3..4, Duration::ZERO).unwrap_err();
    for command in ["", "  ", "sh 'x"] {
        assert_eq!(start(command), StartError::Command { command: command.into() });
    }
    let missing = start("/no/such/program").to_string();
    assert!(missing.starts_with("cannot start `/no/such/program`: "), "{missing}");
}
