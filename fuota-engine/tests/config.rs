//! Configuration files: what they set, and how they are refused.

use std::time::Duration;

use fuota_engine::config::{Config, ConfigError, PARAMETERS, StageEnd, StatusRounds, StatusThreshold};
use fuota_engine::percent::Percent;
use proptest::prelude::*;

fn refused(text: &str) -> String {
    Config::from_text(text).expect_err(text).to_string()
}

#[test]
fn an_empty_file_changes_nothing() {
    assert_eq!(Config::from_text("").unwrap(), (Config::default(), vec![]));
}

#[test]
fn keys_stand_at_the_top_or_in_global_and_set_their_fields() {
    let keys = r#"
fucport = 100
uplinkPort = 7
mcsession_delay = 3600
first_fragment_delay = 0.25
mcast_msg_delay = 2000
msg_retries = 2
datafrag_loops_max = 2
frag_redundancy_max = 340
fsession_status_threshold = "12.5%"
success_threshold = 99.5
summary_reports_disabled = 1
mcgroup_max_fcntdn = 100_000
fsize_optimization = 0x4
fsize = 50
stage_end = "threshold"
status_rounds = "unicast"
"#;
    let mut expected = Config::default();
    expected.fucport = 100;
    expected.uplink_port = 7;
    expected.mcsession_delay = Some(Duration::from_secs(3600));
    expected.first_fragment_delay = Duration::from_millis(250);
    expected.mcast_msg_delay = Duration::from_secs(2);
    expected.msg_retries = 2;
    expected.datafrag_loops_max = 2;
    expected.frag_redundancy_max = Some(340);
    expected.fsession_status_threshold = StatusThreshold::Percent("12.5".parse::<Percent>().unwrap());
    expected.success_threshold = "99.5".parse().unwrap();
    expected.summary_reports_disabled = true;
    expected.mcgroup_max_fcntdn = Some(100_000);
    expected.fsize_optimization = 4;
    expected.fsize = Some(50);
    expected.stage_end = StageEnd::Threshold;
    expected.status_rounds = StatusRounds::Unicast;
    for file in [keys.to_owned(), format!("[global]{keys}")] {
        let (config, ignored) = Config::from_text(&file).unwrap();
        assert_eq!(config, expected);
        assert!(ignored.is_empty());
    }
}

#[test]
fn keys_of_other_components_are_reported_as_ignored() {
    let file = "\
debug = 0
[global]
instance_id = 'agent0'
[kafka]
brokers = 'broker:9092'
props = { 'client.id' = 'agent0' }
[http]
port = 8082
";
    let (config, ignored) = Config::from_text(file).unwrap();
    assert_eq!(config, Config::default());
    let mentioned: Vec<_> = ignored.iter().map(|key| (key.line, key.name)).collect();
    assert_eq!(mentioned, [(1, "debug"), (3, "instance_id"), (4, "kafka"), (7, "http")]);
    assert_eq!(refused("kafka = 3"), "line 1: `kafka` must be a section, not 3");
    assert_eq!(refused("debug = 2"), "line 1: `debug` must be true or false (or 1 or 0), not 2");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    let unknown = |file: &str| match Config::from_text(file) {
        Err(ConfigError::UnknownKey { line, key, nearest }) => (line, key, nearest),
        other => panic!("{other:?}"),
    };
    assert_eq!(unknown("fsize = 50\n\nmsg_retrys = 2"), (3, "msg_retrys".into(), Some("msg_retries")));
    assert_eq!(unknown("[global]\nuplinkport = 1"), (2, "global.uplinkport".into(), Some("uplinkPort")));
    assert_eq!(unknown("speed = 9"), (1, "speed".into(), None));
    assert_eq!(unknown("[radio]\nfsize = 50"), (1, "radio".into(), None));
}

#[test]
fn the_first_fault_in_the_file_is_the_one_reported() {
    assert_eq!(refused("zeal = 1\nfsize = 0"), "line 1: unknown key `zeal`");
    assert_eq!(refused("fsize = 0\nzeal = 1"), "line 1: `fsize` must be a whole number from 1 to 239, not 0");
}

#[test]
fn wrong_types_and_values_out_of_range_say_what_was_expected() {
    for (file, message) in [
        ("fucport = 224", "`fucport` must be a whole number from 1 to 223, not 224"),
        ("fucport = -1", "`fucport` must be a whole number from 1 to 223, not -1"),
        ("fucport = 1.5", "`fucport` must be a whole number from 1 to 223, not 1.5"),
        ("fucport = '200'", "`fucport` must be a whole number from 1 to 223, not '200'"),
        (
            "fucport = 99999999999999999999",
            "`fucport` must be a whole number from 1 to 223, not 99999999999999999999",
        ),
        ("complete_delay = nan", "`complete_delay` must be a number of seconds from 0 to 86400, not nan"),
        ("complete_delay = inf", "`complete_delay` must be a number of seconds from 0 to 86400, not inf"),
        ("complete_delay = -0.5", "`complete_delay` must be a number of seconds from 0 to 86400, not -0.5"),
        (
            "complete_delay = 86400.1",
            "`complete_delay` must be a number of seconds from 0 to 86400, not 86400.1",
        ),
        (
            "mcast_msg_delay = 0.5",
            "`mcast_msg_delay` must be a whole number of milliseconds from 0 to 3600000, not 0.5",
        ),
        (
            "success_threshold = 100.000001",
            "`success_threshold` must be a percentage from 0 to 100, not 100.000001",
        ),
        ("success_threshold = 1e1", "`success_threshold` must be a percentage from 0 to 100, not 1e1"),
        ("stage_end = 'never'", "`stage_end` must be \"settled\" or \"threshold\", not 'never'"),
        (
            "fsession_status_threshold = '5'",
            "`fsession_status_threshold` must be a number of devices from 0 to 1000000 or a share such as \"5%\", not '5'",
        ),
        (
            "fsession_status_threshold = '101%'",
            "`fsession_status_threshold` must be a number of devices from 0 to 1000000 or a share such as \"5%\", not '101%'",
        ),
        ("fsize = [\n 1,\n 2]", "`fsize` must be a whole number from 1 to 239, not […"),
        ("global = 1", "`global` must be a section, not 1"),
    ] {
        assert_eq!(refused(file), format!("line 1: {message}"));
    }
}

#[test]
fn a_key_cannot_be_set_twice() {
    assert_eq!(refused("fsize = 50\n[global]\nfsize = 60"), "line 3: `fsize` is set a second time");
    assert!(refused("fsize = 50\nfsize = 60").starts_with("line 2: "));
}

#[test]
fn what_is_not_toml_is_refused_on_one_line() {
    for file in ["fsize", "= 3", "[global", "fsize = \"", "\u{0}", "a = 1\nb = [[[[[[["] {
        let message = refused(file);
        assert!(message.starts_with("line ") && !message.contains('\n'), "{message:?}");
    }
}

/// A line that could stand in a file: a known key or a word, and a value of any kind.
fn line() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        4 => (0..PARAMETERS.len()).prop_map(|i| PARAMETERS[i].name.to_owned()),
        1 => "[a-z_.]{1,12}",
        1 => Just("[global]".to_owned()),
    ];
    let value = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        (0..300u32).prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|x| x.to_string()),
        "['\"\\[{]?[ -~]{0,8}['\"\\]}]?",
    ];
    (key, value).prop_map(|(key, value)| if key.starts_with('[') { key } else { format!("{key} = {value}") })
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused_on_one_line(lines in prop::collection::vec(line(), 0..6), noise in ".{0,9}") {
        for file in [lines.join("\n"), lines.join("\n") + &noise] {
            if let Err(error) = Config::from_text(&file) {
                let message = error.to_string();
                prop_assert!(message.starts_with("line ") && !message.contains(['\n', '\r']), "{message:?}");
            }
        }
    }
}
