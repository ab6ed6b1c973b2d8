//! The forms of a configuration file: told apart by content, and saying the same.

use std::time::Duration;

use fuota_engine::config::{Config, Domain, Form, PARAMETERS, Parameter, StageEnd, StatusThreshold};
use proptest::prelude::*;

/// A file as the published agent has it, with all that operators put into theirs.
const GROUPED: &str = r#"
// The agent's own parameters.
global:{
    fucport: 200,            // multicast setup
    fmcport: 201             # fragmentation; no comma here
    aclksynport: 202, fdmport: 203
    uplinkPort: 10,
    classb_opening_delay: 128,
    first_fragment_delay: 3,
    mcast_msg_delay: 2000,
    ucast_msg_delay: 1000,
    msg_retries: 2,          /* most repeats
                                of a request */
    complete_delay: 10,
    fuota_process_max_time: 20,
    datafrag_loops_max: 2,
    frag_redundancy_max: 340,
    fsession_status_threshold: 5,
    summary_reports_disabled: 0,
    summary_report_timeout: 0,
    summary_reports_security_bug: 1,
    encrypt_disabled: 0,
    mcgroup_validity_coeff: 10,
    mcgroup_max_fcntdn: 100000,
    fsize_optimization: 4,
    fsize: 50,
    time_sync_tolerance: 1,
    retry_ineligible_gateways: 1,
    metrics_frame: 10,
    logging_level: 0,
    instance_id: "the \"first\" agent // not a comment",
    debug: 0
}
kafka:{
    brokers: "broker-1:9092,broker-2:9092",
    workers: 4, batch_size: 20,
    props:{ "client.id": "agent0", "sasl.password": "}{" }
}
config_topic:{ name: "RMC.CONFIG", version: 1 }
logging_topic: "RMC.AGENT"
http:{
    port: 8082, bind_address: "0.0.0.0", pool_size: 4, ssl: true,
    cert: "/etc/agent/cert.pem", key: "/etc/agent/key.pem", hosts: [ "a", "b" ]
}
"#;

const INI: &str = "\
; The agent's own parameters.
[global]
fucport = 200 ; multicast setup
fmcport = 201 # fragmentation
aclksynport=202
fdmport=203
uplinkPort: 10
classb_opening_delay = 128
first_fragment_delay = 3
mcast_msg_delay = 2000
ucast_msg_delay = 1000
msg_retries = 2
complete_delay = 10
fuota_process_max_time = 20
datafrag_loops_max = 2
frag_redundancy_max = 340
fsession_status_threshold = 5
summary_reports_disabled = 0
summary_report_timeout = 0
summary_reports_security_bug = 1
encrypt_disabled = 0
mcgroup_validity_coeff = 10
mcgroup_max_fcntdn = 100000
fsize_optimization = 4
fsize = \"50\"
time_sync_tolerance = 1
retry_ineligible_gateways = 1
metrics_frame = 10
logging_level = 0
instance_id = agent0
debug = 0
logging_topic = RMC.AGENT

[kafka]
brokers = broker-1:9092,broker-2:9092
whatever = it holds
[http]
port = 8082
";

const TOML: &str = "\
uplinkPort = 10 # the other ports are the defaults
classb_opening_delay = 128.0
mcast_msg_delay = 2_000
[global]
ucast_msg_delay = 1000
msg_retries = 2
datafrag_loops_max = 2
frag_redundancy_max = 340
summary_report_timeout = 0
mcgroup_max_fcntdn = 100_000
fsize_optimization = 4
fsize = 50
instance_id = 'agent0'
[kafka]
props = { 'client.id' = 'agent0' }
";

fn sample() -> Config {
    let mut config = Config::default();
    config.mcast_msg_delay = Duration::from_secs(2);
    config.ucast_msg_delay = Duration::from_secs(1);
    config.msg_retries = 2;
    config.datafrag_loops_max = 2;
    config.frag_redundancy_max = Some(340);
    config.summary_report_timeout = Duration::ZERO;
    config.mcgroup_max_fcntdn = Some(100_000);
    config.fsize_optimization = 4;
    config.fsize = Some(50);
    config
}

fn ignored(text: &str) -> Vec<(usize, &'static str)> {
    let (_, ignored) = Config::from_text(text).expect(text);
    ignored.iter().map(|key| (key.line, key.name)).collect()
}

fn refused(text: &str) -> String {
    Config::from_text(text).expect_err(text).to_string()
}

#[test]
fn each_form_gives_the_same_configuration() {
    for (text, form) in [(GROUPED, Form::Grouped), (INI, Form::Ini), (TOML, Form::Toml)] {
        assert_eq!(Form::of(text), form);
        assert_eq!(Config::from_text(text).unwrap().0, sample(), "{form:?}");
        // Whatever the editor: line ends of Windows, a mark of Unicode in front.
        let other = format!("\u{FEFF}{}", text.replace('\n', "\r\n"));
        assert_eq!(Config::from_text(&other).unwrap(), Config::from_text(text).unwrap(), "{form:?}");
    }
}

#[test]
fn groups_of_other_components_are_named_and_left_unread() {
    let of_others = [
        (21, "summary_reports_security_bug"),
        (22, "encrypt_disabled"),
        (28, "retry_ineligible_gateways"),
        (29, "metrics_frame"),
        (30, "logging_level"),
        (31, "instance_id"),
        (32, "debug"),
        (34, "kafka"),
        (39, "config_topic"),
        (40, "logging_topic"),
        (41, "http"),
    ];
    assert_eq!(ignored(GROUPED), of_others);
    assert_eq!(
        ignored("[kafka]\nfsize = no number\n[global]\nfsize = 50\n[topic]\nx = y"),
        [(1, "kafka"), (5, "topic")]
    );
    assert_eq!(ignored("global:{ kafka:{ a: [ {}, {} ] } topics:{} }"), [(1, "kafka"), (1, "topics")]);
}

#[test]
fn forms_are_told_apart_by_content() {
    let cases = [
        ("", Form::Toml),
        ("# nothing but a comment", Form::Toml),
        ("fsize = 50", Form::Toml),
        ("kafka = { brokers = 'a:{' }", Form::Toml),
        ("instance_id = 'global:{'", Form::Toml),
        ("[global]\nfsize = 50", Form::Toml),
        ("; comment\n[global]\nfsize = 50", Form::Ini),
        ("instance_id = agent0", Form::Ini),
        ("fsession_status_threshold = 5%", Form::Ini),
        ("# comment\nfsize: 50", Form::Ini),
        ("global:{ fsize: 50 }", Form::Grouped),
        ("global {\n}", Form::Grouped),
        ("# 'comment\n/* it's */ global :\n{ }", Form::Grouped),
        ("{ global: { fsize: 50 } }", Form::Grouped),
        ("kafka:{ } fsize: 50", Form::Grouped),
        // None of them: what is wrong is told as of TOML.
        ("fsize", Form::Toml),
    ];
    for (text, form) in cases {
        assert_eq!(Form::of(text), form, "{text}");
    }
}

#[test]
fn groups_are_read_however_they_are_written() {
    let expect = |text: &str, change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        assert_eq!(Config::from_text(text).expect(text).0, config, "{text}");
    };
    for text in [
        "global:{fsize:50}",
        "global {\n fsize = 50;\n}",
        "global:\n{\n\"fsize\"\n:\n50\n}\n",
        "{ global:{ fsize: 50, }, }",
        "fsize: 50\nkafka:{}",
        "global:{ fsize: 50 } // the end",
        "global:{ fsize: 50// close\n}",
        "global:{ /**/ fsize /* { */ : /* } */ 50 }",
    ] {
        expect(text, |config| config.fsize = Some(50));
    }
    expect("global:{ stage_end: threshold }", |config| config.stage_end = StageEnd::Threshold);
    expect("global:{ stage_end: \"thr\\eshold\" }", |config| config.stage_end = StageEnd::Threshold);
    expect("global:{ fsession_status_threshold: \"5%\" first_fragment_delay: 0.5 }", |config| {
        config.fsession_status_threshold = StatusThreshold::Percent("5".parse().unwrap());
        config.first_fragment_delay = Duration::from_millis(500);
    });
    expect("global:{ summary_reports_disabled: true success_threshold: 99.5% }", |config| {
        config.summary_reports_disabled = true;
        config.success_threshold = "99.5".parse().unwrap();
    });
}

#[test]
fn faults_name_their_line_in_every_form() {
    let cases = [
        // Unknown keys, with the nearest known one.
        (
            "global:{\n  msg_retrys: 2\n}",
            "line 2: unknown key `global.msg_retrys` (did you mean `msg_retries`?)",
        ),
        (
            "; c\n[global]\nmsg_retrys = 2",
            "line 3: unknown key `global.msg_retrys` (did you mean `msg_retries`?)",
        ),
        ("globl:{ fsize: 50 }", "line 1: unknown key `globl` (did you mean `global`?)"),
        ("; c\n[kafak]\nx = 1", "line 2: unknown key `kafak` (did you mean `kafka`?)"),
        ("global:{ global:{ } }", "line 1: unknown key `global.global`"),
        ("radio:{ fsize: 50 }", "line 1: unknown key `radio`"),
        // Wrong types and values out of range, with what was expected.
        ("global:{\n\n fsize: 240 }", "line 3: `fsize` must be a whole number from 1 to 239, not 240"),
        ("global:{ fsize: \"50\" }", "line 1: `fsize` must be a whole number from 1 to 239, not \"50\""),
        ("global:{ fsize: -1 }", "line 1: `fsize` must be a whole number from 1 to 239, not -1"),
        ("global:{ fsize: { } }", "line 1: `fsize` must be a whole number from 1 to 239, not {…"),
        ("global:{ fsize: [ 1 ] }", "line 1: `fsize` must be a whole number from 1 to 239, not […"),
        ("global:{ debug: yes }", "line 1: `debug` must be true or false (or 1 or 0), not yes"),
        ("; c\nfsize =", "line 2: `fsize` must be a whole number from 1 to 239, not nothing"),
        ("; c\nfsize = 50 octets", "line 2: `fsize` must be a whole number from 1 to 239, not 50 octets"),
        ("; c\nstage_end = never", "line 2: `stage_end` must be \"settled\" or \"threshold\", not never"),
        (
            "; c\ncomplete_delay = inf",
            "line 2: `complete_delay` must be a number of seconds from 0 to 86400, not inf",
        ),
        ("; c\nkafka = 3", "line 2: `kafka` must be a section, not 3"),
        ("kafka: broker fsize: 50 global:{ }", "line 1: `kafka` must be a section, not broker"),
        ("global: 3 http:{ }", "line 1: `global` must be a section, not 3"),
        // Twice.
        ("global:{ fsize: 50 }\nfsize: 50", "line 2: `fsize` is set a second time"),
        ("; c\n[global]\nfsize = 50\n[global]\nfsize = 50", "line 5: `fsize` is set a second time"),
        // What breaks the form.
        ("\nglobal:{\n fsize: 50\n", "line 2: the group that begins here does not end"),
        ("global:{ }\nkafka:{\n [ }", "line 2: the group that begins here does not end"),
        ("global:{ } }", "line 1: `}` without a group that it ends"),
        ("global:{\n fsize: }", "line 2: a value is expected for `fsize`"),
        ("global:{ fsize 50 }", "line 1: `:` is expected behind `fsize`"),
        ("global:{ : 50 }", "line 1: a key is expected, not `:`"),
        ("global:{\n instance_id: \"agent }", "line 2: a text without a closing quote"),
        ("global:{\n}\n/* the end", "line 3: a comment without an end"),
    ];
    for (text, told) in cases {
        assert_eq!(refused(text), told, "{text}");
    }
}

/// A value that the domain accepts, chosen by `n`, without quotes.
fn inside(domain: Domain, n: u32) -> String {
    match domain {
        Domain::Whole { least, most } | Domain::Millis { least, most } => n.clamp(least, most).to_string(),
        Domain::Seconds { least, most } => format!("{}.{:06}", n.clamp(least, most - 1), n % 1_000_000),
        Domain::Share => format!("{}.{}", n % 100, n % 1000),
        Domain::CountOrShare { most } if n.is_multiple_of(2) => n.min(most).to_string(),
        Domain::CountOrShare { .. } => format!("{}.5%", n % 100),
        Domain::Flag => (n % 2).to_string(),
        Domain::Choice(names) => names[n as usize % names.len()].to_string(),
        _ => "text".into(),
    }
}

proptest! {
    #[test]
    fn any_settings_are_the_same_in_every_form(values in prop::collection::btree_map(0..PARAMETERS.len(), any::<u32>(), 0..30), commas: bool) {
        let (mut grouped, mut ini, mut toml) = ("global:{".to_owned(), "; INI\n".to_owned(), String::new());
        for (key, n) in values {
            let parameter = PARAMETERS[key];
            let (name, value) = (parameter.name, inside(parameter.domain, n));
            let is_text = matches!(parameter.domain, Domain::Text | Domain::Choice(_)) || value.ends_with('%');
            let quoted = if is_text { format!("\"{value}\"") } else { value.clone() };
            grouped += &format!("{name}: {quoted}{} ", if commas { "," } else { "" });
            ini += &format!("{name} = {value}\n");
            toml += &format!("{name} = {quoted}\n");
        }
        grouped += "}";
        let config = |text: &str| Config::from_text(text).map(|(config, _)| config);
        let expected = config(&toml);
        prop_assert!(expected.is_ok());
        prop_assert_eq!(config(&grouped), expected.clone());
        prop_assert_eq!(config(&ini), expected.clone());
        // What is shown is what a file would say.
        let shown = |key: &Parameter| Some(format!("{} = {}\n", key.name, key.show(expected.as_ref().ok()?)?));
        prop_assert_eq!(config(&PARAMETERS.iter().filter_map(shown).collect::<String>()), expected.clone());
    }

    #[test]
    fn any_text_is_read_or_refused_on_one_line(pieces in prop::collection::vec(piece(), 0..20)) {
        if let Err(error) = Config::from_text(&pieces.concat()) {
            let message = error.to_string();
            prop_assert!(message.starts_with("line ") && !message.contains(['\n', '\r']), "{message:?}");
        }
    }
}

/// Something that could stand in a file.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => (0..PARAMETERS.len()).prop_map(|i| PARAMETERS[i].name.to_owned()),
        4 => prop::sample::select(vec!["global", ":", "{", "}", "[", "]", "=", ",", "\"", "'", "\\", "\n", "\r\n", " ", "//", "/*", "*/", "#", ";", "kafka", "http", "[global]", "50"]).prop_map(str::to_owned),
        1 => ".{0,4}",
    ]
}
