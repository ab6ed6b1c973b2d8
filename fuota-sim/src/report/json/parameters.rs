//! What a report says of the run that was asked for.

use std::collections::BTreeMap;

use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{Kind, Redundancy};
use fuota_engine::config::PARAMETERS;
use fuota_engine::time::GpsInstant;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::report::{class_name, kind_name, seconds};
use crate::scenario::{DeviceGroup, Link, Scenario};
use crate::world::START;

/// What the run was asked for, so that a report can be repeated.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Parameters {
    #[serde(rename = "type")]
    kind: &'static str,
    class: &'static str,
    /// Exponent of the ping slot period; `null` in class C.
    periodicity: Option<u8>,
    /// Of groups that don't say.
    package_version: u8,
    /// Whether devices of version 2 were asked to report completion by themselves.
    ack_reception: bool,
    /// Seconds from the start; `null`: computed.
    session_start_s: Option<f64>,
    /// `null` but for firmware updates.
    firmware_version: Option<String>,
    /// Seconds from the start; `null`: by themselves.
    reboot_time_s: Option<f64>,
    image_octets: usize,
    image_sha256: String,
    fleet: Vec<Group>,
    gateways: usize,
    /// How losses are made good.
    policy: &'static str,
    /// Percent; `null` but for fixed parity.
    redundancy: Option<Value>,
    region: &'static str,
    dr: u8,
    uplink_dr: u8,
    duty_cycle: f64,
    max_duration_s: f64,
    silent_devices: u32,
    dying_devices: u32,
    wrong_key_devices: u32,
    /// The configuration file's keys, whoever set them; `null` where unset.
    config: BTreeMap<&'static str, Option<Value>>,
}

/// A kind of device.
#[derive(Clone, Debug, Serialize)]
struct Group {
    name: String,
    devices: u32,
    package_version: u8,
    /// How downlinks get lost: a probability, or a model in words.
    loss: Value,
    uplink_loss: Value,
    uplink_period_s: f64,
}

impl Group {
    fn new(group: &DeviceGroup, scenario: &Scenario) -> Self {
        let link = |link: &Link| match link {
            Link::Independent { loss } => Value::from(*loss),
            other => Value::from(other.to_string()),
        };
        Self {
            name: group.name.clone(),
            devices: group.devices,
            package_version: scenario.package_version_of(group).number(),
            loss: link(&group.downlink),
            uplink_loss: link(&group.uplink),
            uplink_period_s: seconds(group.uplink_period),
        }
    }
}

impl Parameters {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        // Configuration values are shown as a TOML file would write them; of what occurs there, JSON writes the
        // same.
        let value = |shown: String| serde_json::from_str(&shown).unwrap_or(Value::String(shown));
        let heeded = PARAMETERS.iter().filter(|parameter| parameter.is_heeded());
        let from_start = |moment: GpsInstant| seconds(moment.since(START));
        let firmware = match scenario.kind {
            Kind::Firmware(firmware) => Some(firmware),
            _ => None,
        };
        Self {
            kind: kind_name(scenario.kind),
            class: class_name(scenario.class),
            periodicity: match scenario.class {
                SessionClass::B { periodicity } => Some(periodicity.get()),
                SessionClass::C => None,
            },
            package_version: scenario.package_version.number(),
            ack_reception: scenario.ack_reception,
            session_start_s: scenario.session_start.map(from_start),
            firmware_version: firmware.map(|firmware| firmware.target.to_string()),
            reboot_time_s: firmware.and_then(|firmware| firmware.reboot).map(from_start),
            image_octets: scenario.image.len(),
            image_sha256: hex::encode(Sha256::digest(&scenario.image)),
            fleet: scenario.fleet.iter().map(|group| Group::new(group, scenario)).collect(),
            gateways: scenario.gateways.len(),
            policy: scenario.redundancy.policy(),
            redundancy: match scenario.redundancy {
                Redundancy::Fec(percent) => Some(value(percent.to_string())),
                _ => None,
            },
            region: scenario.region.name(),
            dr: scenario.data_rate.get(),
            uplink_dr: scenario.uplink_data_rate.get(),
            duty_cycle: scenario.multicast_duty.as_fraction(),
            max_duration_s: seconds(scenario.max_duration),
            silent_devices: scenario.faults.silent,
            dying_devices: scenario.faults.dying,
            wrong_key_devices: scenario.faults.wrong_key,
            config: heeded
                .map(|parameter| (parameter.name, parameter.show(&scenario.config).map(value)))
                .collect(),
        }
    }
}
