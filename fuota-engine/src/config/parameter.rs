//! The keys of a configuration file: one table that the parser, the documents and the command line all read.

use std::string::String;

use super::domain::{Domain, FieldValue, Setting};
use super::{AnswerSpread, CleanUp, Config, SessionDuration, StageEnd, StatusRounds};

/// One key of a configuration file.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Parameter {
    /// The key.
    pub name: &'static str,
    /// What its value counts.
    pub unit: &'static str,
    /// What it accepts.
    pub domain: Domain,
    /// What it does.
    pub meaning: &'static str,
    field: Option<Field>,
}

/// Access to the field of [`Config`] that a key sets.
#[derive(Clone, Copy, Debug)]
struct Field {
    set: fn(&mut Config, Setting<'_>) -> Option<()>,
    show: fn(&Config, Domain) -> Option<String>,
}

impl Parameter {
    /// The key of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        PARAMETERS.iter().find(|parameter| parameter.name == name)
    }

    /// Whether the engine heeds it; the other keys are known and checked, and change nothing.
    #[must_use]
    pub const fn is_heeded(&self) -> bool {
        self.field.is_some()
    }

    /// Whether the key may have keys of its own, which are nobody's business here: a bus topic with its version.
    pub(super) fn may_be_group(&self) -> bool {
        self.field.is_none() && self.domain == Domain::Text
    }

    /// How a file would write the value that `config` has; `None` if it is unset or not heeded.
    #[must_use]
    pub fn show(&self, config: &Config) -> Option<String> {
        self.field.and_then(|field| (field.show)(config, self.domain))
    }

    /// Writes an accepted setting into its field; `None` if the field cannot hold it.
    pub(super) fn set(&self, config: &mut Config, setting: Setting<'_>) -> Option<()> {
        self.field.map_or(Some(()), |field| (field.set)(config, setting))
    }
}

/// The whole table in Markdown.
#[must_use]
pub fn markdown() -> String {
    use std::fmt::Write;

    let defaults = Config::default();
    let mut out = String::from("| Key | Unit | Accepts | Default | Meaning |\n|---|---|---|---|---|\n");
    for parameter in PARAMETERS {
        let Parameter { name, unit, domain, meaning, .. } = parameter;
        let default = match parameter.show(&defaults) {
            Some(value) => value,
            None if parameter.is_heeded() => "unset".into(),
            None => "ignored".into(),
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "| `{name}` | {unit} | {domain} | {default} | {meaning} |");
    }
    out
}

/// Groups whose keys belong to other components of a deployment: whatever they hold is theirs to check.
pub(super) const FOREIGN_GROUPS: &[&str] = &["kafka", "topic", "topics", "http"];

/// A year in seconds: longer than any campaign.
const YEAR: u32 = 31_536_000;
/// A day in seconds.
const DAY: u32 = 86_400;
/// An hour in milliseconds.
const HOUR_MS: u32 = 3_600_000;
/// Application ports of LoRaWAN.
const PORT: Domain = Domain::Whole { least: 1, most: 223 };
/// Uncoded and parity fragments that a session can number (14 bits, TS004-1.0.0 §3.3).
const FRAGMENTS: u32 = 16_383;
/// Longest FragSize at any data rate: 242 octets of payload less the three that precede the data.
const FRAG_SIZE: u32 = 239;

/// Builds the table. A key with `=> field` sets that field of [`Config`]; one without is checked and ignored.
macro_rules! parameters {
    ($($name:literal [$unit:literal] $domain:expr, $meaning:literal $(=> $field:ident)?;)*) => {
        /// Every key, in the order of the documents.
        pub const PARAMETERS: &[Parameter] = &[$(Parameter {
            name: $name,
            unit: $unit,
            domain: $domain,
            meaning: $meaning,
            field: parameters!(@field $($field)?),
        }),*];

        /// Fails to compile when a field of [`Config`] has no key.
        const _: fn(Config) = |config| {
            let Config { $($($field: _,)?)* } = config;
        };
    };
    (@field) => { None };
    (@field $field:ident) => {
        Some(Field {
            set: |config, setting| {
                config.$field = FieldValue::from_setting(setting)?;
                Some(())
            },
            show: |config, domain| config.$field.show(domain),
        })
    };
}

parameters! {
    "fucport" ["FPort"] PORT, "multicast setup package (TS005)" => fucport;
    "fmcport" ["FPort"] PORT, "fragmentation package (TS004), unicast and multicast" => fmcport;
    "aclksynport" ["FPort"] PORT, "clock synchronisation package (TS003)" => aclksynport;
    "fdmport" ["FPort"] PORT, "firmware management package (TS006)" => fdmport;
    "uplinkPort" ["FPort"] PORT, "the devices' ordinary uplinks" => uplink_port;
    "mcsession_delay" ["s"] Domain::Seconds { least: 1, most: YEAR },
        "from the beginning of the class session stage to the session's start; unset: computed from the fleet"
        => mcsession_delay;
    "classb_start_beacons_delay" ["beacons"] Domain::Whole { least: 0, most: 1_000 },
        "beacons to wait before a class B session is sure to begin; unset: classb_opening_delay counts"
        => classb_start_beacons_delay;
    "classb_opening_delay" ["s"] Domain::Seconds { least: 0, most: DAY },
        "added to a computed start in class B, so that devices find a beacon" => classb_opening_delay;
    "first_fragment_delay" ["s"] Domain::Seconds { least: 0, most: 3_600 },
        "from the opening of the class C window to the first fragment" => first_fragment_delay;
    "mcast_msg_delay" ["ms"] Domain::Millis { least: 0, most: HOUR_MS },
        "least time between two multicast downlinks" => mcast_msg_delay;
    "ucast_msg_delay" ["ms"] Domain::Millis { least: 0, most: HOUR_MS },
        "least time between two unicast downlinks, over all devices" => ucast_msg_delay;
    "delivery_timeout" ["s"] Domain::Seconds { least: 1, most: YEAR },
        "how long a unicast downlink may stay unsent before it is sent again; unset: as long as the device is heard"
        => delivery_timeout;
    "msg_retries" ["repeats"] Domain::Whole { least: 0, most: 255 },
        "most repeats of a request without an answer" => msg_retries;
    "complete_delay" ["s"] Domain::Seconds { least: 0, most: DAY },
        "from the last needed answer to the end of a successful campaign" => complete_delay;
    "stage_complete_delay" ["uplinks"] Domain::Whole { least: 0, most: 1_000 },
        "uplinks to wait for late answers at the end of a stage" => stage_complete_delay;
    "fuota_process_max_time" ["s"] Domain::Seconds { least: 0, most: DAY },
        "time a device needs to process a received image" => fuota_process_max_time;
    "datafrag_loops_max" ["rounds"] Domain::Whole { least: 1, most: 1_000 },
        "most rounds without FEC, the first included" => datafrag_loops_max;
    "expected_loss" ["%"] Domain::Share,
        "share of the fragments that devices are expected to lose: sizes the first batch of the adaptive policy"
        => expected_loss;
    "adaptive_excess_max" ["%"] Domain::Whole { least: 0, most: 1_000 },
        "most fragments of the adaptive policy, over the uncoded ones and the first batch" => adaptive_excess_max;
    "multicast_gateways" ["gateways"] Domain::Whole { least: 1, most: 1_000 },
        "gateways that send each multicast frame; with several, the adaptive policy sends the last few devices their \
        fragments one by one where that takes less airtime"
        => multicast_gateways;
    "adaptive_overlap" ["0/1"] Domain::Flag,
        "the adaptive policy sends what answers to a poll show to be needed before all answers are in" => adaptive_overlap;
    "frag_redundancy_max" ["fragments"] Domain::Whole { least: 0, most: FRAGMENTS },
        "most parity fragments, whatever the redundancy asks for; unset: as many as can be numbered"
        => frag_redundancy_max;
    "fsession_status_threshold" ["devices or %"] Domain::CountOrShare { most: 1_000_000 },
        "groups larger than this are asked for their status by multicast" => fsession_status_threshold;
    "fsession_status_timeout" ["s"] Domain::Seconds { least: 0, most: DAY },
        "extra wait for status answers after their window" => fsession_status_timeout;
    "fsession_status_spread" ["s"] Domain::Seconds { least: 1, most: 2_048 },
        "time over which status answers spread; unset: computed from the fleet" => fsession_status_spread;
    "block_ack_delay" [""] Domain::Choice(AnswerSpread::NAMES),
        "the window for status answers follows fsession_status_spread, or is widened until they get through; unset: \
        sized if a group's policy is adaptive, documented otherwise"
        => block_ack_delay;
    "success_threshold" ["%"] Domain::Share,
        "share of the campaign's devices that has to succeed in every stage" => success_threshold;
    "summary_reports_disabled" ["0/1"] Domain::Flag,
        "multicast sending goes on without waiting for reports" => summary_reports_disabled;
    "summary_report_timeout" ["s"] Domain::Seconds { least: 0, most: DAY },
        "how long to wait for the report on a multicast downlink; 0: for ever" => summary_report_timeout;
    "summary_report_delay_factor" ["s"] Domain::Seconds { least: 0, most: 3_600 },
        "added to summary_report_timeout for each device of the group" => summary_report_delay_factor;
    "summary_reports_security_bug" ["0/1"] Domain::Flag, "works around a fault of one network server";
    "encrypt_disabled" ["0/1"] Domain::Flag,
        "the network server encrypts multicast payloads; the engine always hands them over in clear";
    "mcgroup_validity_coeff" ["loops"] Domain::Whole { least: 1, most: 100_000 },
        "the devices' range of acceptable multicast frame counters, in loops of all fragments"
        => mcgroup_validity_coeff;
    "mcgroup_max_fcntdn" ["frames"] Domain::Whole { least: 1, most: u32::MAX },
        "fixed end of the devices' range of acceptable multicast frame counters; unset: by the coefficient"
        => mcgroup_max_fcntdn;
    "fsize_optimization" ["octets"] Domain::Whole { least: 0, most: FRAG_SIZE },
        "FragSize is rounded down to a multiple of this; 0: not rounded" => fsize_optimization;
    "fsize" ["octets"] Domain::Whole { least: 1, most: FRAG_SIZE },
        "fixed FragSize; unset: the longest that the data rate carries" => fsize;
    "time_sync_tolerance" ["s"] Domain::Seconds { least: 0, most: 3_600 },
        "how far a device's clock may be off" => time_sync_tolerance;
    "stage_end" [""] Domain::Choice(StageEnd::NAMES),
        "a unicast stage ends when every device is settled, or as soon as enough have succeeded" => stage_end;
    "status_rounds" [""] Domain::Choice(StatusRounds::NAMES),
        "how the status is asked for after a further round" => status_rounds;
    "cleanup" [""] Domain::Choice(CleanUp::NAMES),
        "what devices are asked to let go of when a campaign is stopped or fails" => clean_up;
    "documented_timers" ["0/1"] Domain::Flag,
        "the stage's longest uplink period times every device, unsent downlinks are repeated, every repeat counts"
        => documented_timers;
    "session_duration" [""] Domain::Choice(SessionDuration::NAMES),
        "devices listen until the maximum duration has passed, or only as long as the policy's rounds and polls take; \
        unset: tight if the group's policy is adaptive, documented otherwise"
        => session_duration;
    "probe_at_start" ["0/1"] Domain::Flag,
        "groups are asked for their status before the first fragment; too few answers end the campaign"
        => probe_at_start;
    "retry_ineligible_gateways" ["0/1"] Domain::Flag, "adds a retry parameter to multicast downlinks";
    "metrics_frame" ["s"] Domain::Seconds { least: 0, most: DAY }, "period of metrics";
    "logging_level" ["level"] Domain::Whole { least: 0, most: 10 }, "0 logs least";
    "instance_id" [""] Domain::Text, "name of the agent";
    "debug" ["0/1"] Domain::Flag, "debugging aids";
    "config_topic" [""] Domain::Text, "bus topic of configuration messages";
    "logging_topic" [""] Domain::Text, "bus topic of log messages";
    "metrics_topic" [""] Domain::Text, "bus topic of metrics";
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::super::domain::Raw;
    use super::*;

    /// The text of the module's documentation; `BLESS=1 cargo test` writes it anew.
    const DOCUMENTED: &str = include_str!("parameters.md");

    #[test]
    fn the_documented_table_is_the_one_in_force() {
        if std::env::var_os("BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/parameters.md");
            std::fs::write(path, markdown()).unwrap();
        } else {
            assert_eq!(DOCUMENTED, markdown(), "run the test with BLESS=1 and look at the difference");
        }
    }

    #[test]
    fn every_field_holds_its_whole_domain_and_nothing_beyond() {
        for parameter in PARAMETERS.iter().filter(|p| p.is_heeded()) {
            let (least, most) = match parameter.domain {
                Domain::Whole { least, most }
                | Domain::Seconds { least, most }
                | Domain::Millis { least, most } => (least, most),
                Domain::Share => (0, 100),
                Domain::CountOrShare { most } => (0, most),
                Domain::Flag => (0, 1),
                Domain::Choice(names) => {
                    for name in names {
                        let mut config = Config::default();
                        let setting = parameter.domain.accept(Raw::Text(name)).unwrap();
                        assert_eq!(parameter.set(&mut config, setting), Some(()), "{}", parameter.name);
                        assert_eq!(parameter.show(&config), Some(std::format!("\"{name}\"")));
                    }
                    continue;
                }
                Domain::Text => continue,
            };
            for n in [least, most] {
                let mut config = Config::default();
                let setting = parameter.domain.accept(Raw::Whole(Some(n.into()))).unwrap();
                assert_eq!(parameter.set(&mut config, setting), Some(()), "{} {n}", parameter.name);
                let shown = parameter.show(&config).unwrap();
                let expected =
                    if parameter.domain == Domain::Flag { (n == 1).to_string() } else { n.to_string() };
                assert_eq!(shown, expected, "{}", parameter.name);
            }
            let outside = [least.checked_sub(1).map(u64::from), Some(u64::from(most) + 1)];
            for n in outside.into_iter().flatten() {
                let refused = parameter.domain.accept(Raw::Whole(Some(n)));
                assert!(refused.is_none(), "{} {n}", parameter.name);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for (i, parameter) in PARAMETERS.iter().enumerate() {
            assert!(PARAMETERS.iter().skip(i + 1).all(|other| other.name != parameter.name));
        }
    }
}
