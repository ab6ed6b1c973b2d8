//! `fuota codec`, called as a script would.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn fuota(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fuota"))
        .arg("codec")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let stdin = stdin.to_owned();
    // From a thread of its own: the answers may fill their pipe before all is written.
    let writer = std::thread::spawn(move || input.write_all(stdin.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    output
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap().trim_end()
}

fn batch(args: &[&str], requests: &[Value]) -> Vec<Value> {
    let lines: String = requests.iter().map(|request| format!("{request}\n")).collect();
    let output = fuota(args, &lines);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answers: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), requests.len());
    answers
}

fn vectors(name: &str) -> Value {
    let path = format!("{}/../fuota-proto/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A request about a vector, with the package's name as the tool wants it.
fn request(of: &Value, name: &str, value: &Value) -> Value {
    let package = of["package"].as_str().unwrap_or("TS007").to_lowercase();
    let version = of["version"].as_u64().unwrap_or(1);
    json!({ "package": package, "version": version, "direction": of["direction"], name: value })
}

#[test]
fn a_batch_decodes_and_encodes_the_golden_vectors() {
    let vectors = vectors("codec.json");
    let entries = vectors["entries"].as_array().unwrap();
    let decode: Vec<Value> = entries.iter().map(|entry| request(entry, "hex", &entry["hex"])).collect();
    for (entry, answer) in entries.iter().zip(batch(&["decode", "-"], &decode)) {
        let command = json!({ "command": entry["command"], "fields": entry["fields"] });
        assert_eq!(answer, json!({ "commands": [command], "error": null }), "{entry}");
    }
    let encode: Vec<Value> = entries
        .iter()
        .map(|entry| {
            request(entry, "commands", &json!([{ "command": entry["command"], "fields": entry["fields"] }]))
        })
        .collect();
    for (entry, answer) in entries.iter().zip(batch(&["encode", "-"], &encode)) {
        assert_eq!(answer, json!({ "hex": entry["hex"] }), "{entry}");
    }
}

#[test]
fn messages_of_several_packages_come_and_go() {
    let vectors = vectors("ts007.json");
    for message in vectors["messages"].as_array().unwrap() {
        let with: Vec<String> = message["versions"]
            .as_object()
            .map(|versions| versions.iter().map(|(name, version)| format!("{name}={version}")).collect())
            .unwrap_or_default();
        let with = format!("--with={}", with.join(","));
        let read = batch(&["decode", &with, "-"], &[request(message, "hex", &message["hex"])]);
        assert_eq!(read, [json!({ "commands": message["commands"], "error": null })], "{message}");
        let written = batch(&["encode", &with, "-"], &[request(message, "commands", &message["commands"])]);
        assert_eq!(written, [json!({ "hex": message["hex"] })], "{message}");
    }
    for message in vectors["malformed"].as_array().unwrap() {
        let read = &batch(&["decode", "-"], &[request(message, "hex", &message["hex"])])[0];
        assert_eq!(
            read["error"],
            json!({ "offset": message["stop_offset"], "kind": message["kind"] }),
            "{message}"
        );
    }
}

#[test]
fn a_line_that_is_no_request_is_answered_as_such() {
    let bad = json!({ "commands": [], "error": { "offset": 0, "kind": "bad_request" } });
    let lines = [
        "nonsense",
        "",
        "[]",
        r#"{"package":"ts009","version":1,"direction":"uplink","hex":"00"}"#,
        r#"{"package":"ts006","version":2,"direction":"uplink","hex":"00"}"#,
        r#"{"package":"ts004","version":1,"direction":"sideways","hex":"00"}"#,
        r#"{"package":"ts004","version":1,"direction":"uplink","hex":"0"}"#,
        r#"{"package":"ts004","version":1,"direction":"uplink"}"#,
    ];
    let output = fuota(&["decode", "-"], &lines.map(|line| format!("{line}\n")).concat());
    assert!(output.status.success());
    let answers: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers, vec![bad; lines.len()]);
    let output = fuota(&["encode", "-"], &lines.map(|line| format!("{line}\n")).concat());
    assert!(output.status.success());
    assert!(text(&output.stdout).lines().all(|line| line.starts_with(r#"{"error":""#)));
    assert_eq!(text(&output.stdout).lines().count(), lines.len());
}

#[test]
fn one_payload_prints_what_can_be_read_and_then_what_is_wrong() {
    let args =
        ["decode", "--package", "ts004", "--version", "1", "--direction", "uplink", "01 0C40 03 00 0301 09"];
    let output = fuota(&args, "");
    assert_eq!(output.status.code(), Some(1));
    let commands: Value = serde_json::from_str(text(&output.stdout)).unwrap();
    assert_eq!(commands[0]["fields"]["nb_frag_received"], 12);
    assert_eq!(commands[1]["command"], "FragSessionDeleteAns");
    assert_eq!(text(&output.stderr), "offset 7: unknown CID 0x09");
}

#[test]
fn a_port_is_enough_to_see_all_readings() {
    let output = fuota(&["decode", "--port", "201", "0102"], "");
    assert!(output.status.success());
    let readings: Value = serde_json::from_str(text(&output.stdout)).unwrap();
    let kinds: Vec<_> = readings
        .as_array()
        .unwrap()
        .iter()
        .map(|reading| (&reading["version"], &reading["direction"]))
        .collect();
    assert_eq!(json!(kinds), json!([[1, "downlink"], [1, "uplink"], [2, "downlink"], [2, "uplink"]]));
    assert_eq!(readings[0]["commands"][0]["command"], "FragSessionStatusReq");
    assert_eq!(readings[1]["error"], json!({ "offset": 0, "kind": "truncated" }));
    assert_eq!(fuota(&["decode", "--port", "1", "00"], "").status.code(), Some(1));
}

#[test]
fn misuse_is_told_in_one_line_that_says_what_and_where() {
    let kind = ["--package", "ts004", "--version", "2", "--direction", "downlink"];
    let cases = [
        ("decode", "zz", "error: payload: hex is expected, but digit 1 is 'z'"),
        ("decode", "0x010", "error: payload: two hex digits per octet are expected, but there are 3"),
        (
            "encode",
            r#"[{"command":"PackageVersionReq","fields":{}},{"command":"Frag"}]"#,
            "error: command 1, Frag: no such downlink command in ts004 version 2",
        ),
        (
            "encode",
            r#"[{"command":"FragSessionDeleteReq","fields":{"frag_index":4}}]"#,
            "error: command 0, FragSessionDeleteReq: FragIndex 4 is wider than 2 bits",
        ),
        (
            "encode",
            r#"[{"command":"DataFragment","fields":{"frag_index":0,"n":1,"data":"aa"}},{"command":"PackageVersionReq","fields":{}}]"#,
            "error: command 1, PackageVersionReq: it would be taken for part of the command before",
        ),
    ];
    for (verb, input, told) in cases {
        let output = fuota(&[&[verb], &kind[..], &[input]].concat(), "");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), told));
        assert!(output.stdout.is_empty());
    }
    let output =
        fuota(&["decode", "--package", "ts006", "--version", "2", "--direction", "uplink", "00"], "");
    assert_eq!(text(&output.stderr), "error: ts006 has no version 2");
}

#[test]
fn misuse_is_told() {
    let key = "00".repeat(16);
    let cases: [&[&str]; 6] = [
        &["decode", "00"],
        &["decode", "--package", "ts004", "00"],
        &["decode", "--package", "ts004", "--version", "3", "--direction", "uplink", "00"],
        &["keys", "--lorawan", "1.0", "--app-key", &key, "--mc-addr", "01020304", "--mc-key", &key],
        &["keys", "--lorawan", "1.1", "--app-key", "00", "--mc-addr", "01020304", "--mc-key", &key],
        &[
            "mic",
            "--lorawan",
            "1.1",
            "--app-key",
            &key,
            "--session-cnt",
            "0",
            "--frag-index",
            "4",
            "--descriptor",
            "00000000",
            "-",
        ],
    ];
    for args in cases {
        let output = fuota(args, "");
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn keys_are_those_of_the_golden_vectors() {
    let vectors = vectors("keys.json");
    let of = &vectors["keys"][1];
    let field = |name: &str| of[name].as_str().unwrap().to_owned();
    let output = fuota(
        &[
            "keys",
            "--lorawan",
            "1.1",
            "--app-key",
            &field("app_key"),
            "--mc-addr",
            &field("mc_addr_hex"),
            "--mc-key",
            &field("mc_key"),
        ],
        "",
    );
    let keys: Value = serde_json::from_str(text(&output.stdout)).unwrap();
    assert_eq!(keys["mc_key_encrypted"], of["mc_key_encrypted_1_1"]);
    assert_eq!(keys["data_block_int_key"], of["data_block_int_key"]);
}
