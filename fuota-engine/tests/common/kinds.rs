//! One campaign of every kind.

use std::time::Duration;

use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{CampaignSpec, FirmwareSpec, Kind, PackageVersion, Redundancy};
use fuota_engine::config::CleanUp;
use fuota_engine::ids::GroupId;
use fuota_proto::{DataRate, PingSlotPeriodicity, Version};

use super::{START, group, spec};

/// One campaign of every kind, each with devices that answer as they should.
pub fn every_kind() -> Vec<(&'static str, CampaignSpec)> {
    let mut setup = spec(2);
    setup.kind = Kind::MulticastSetup;
    setup.image.clear();

    let firmware = |reboot| {
        let mut spec = spec(2);
        spec.kind = Kind::Firmware(FirmwareSpec { target: Version(1), hardware: None, reboot });
        spec
    };
    let mut rounds = firmware(None);
    rounds.groups[0].redundancy = Redundancy::Rounds;
    rounds.config.datafrag_loops_max = 2;

    let mut second = spec(2);
    for device in &mut second.devices {
        device.fragmentation = None;
        device.multicast = Some(PackageVersion::V2);
    }

    let mut class_b = spec(2);
    class_b.groups[0].parameters.class = SessionClass::B { periodicity: PingSlotPeriodicity::MIN };

    let mut groups = spec(3);
    let mut other = group();
    other.parameters.id = GroupId(1);
    groups.groups.push(other);
    groups.devices[2].group = GroupId(1);

    let mut failing = spec(2);
    failing.config.clean_up = CleanUp::Full;
    failing.max_duration = Duration::from_secs(2000);
    failing.config.mcsession_delay = Some(Duration::from_secs(1900));

    let mut probed = spec(2);
    probed.config.probe_at_start = true;

    let mut adaptive = spec(3);
    adaptive.groups[0].redundancy = Redundancy::Adaptive;

    let mut update = firmware(None);
    update.groups[0].redundancy = Redundancy::Adaptive;

    // Answers take so long that the window is too short for them: silence is put to the test.
    let mut sampled = spec(2);
    sampled.groups[0].redundancy = Redundancy::Adaptive;
    sampled.uplink_data_rate = DataRate::from_wire(0);
    sampled.config.summary_reports_disabled = true;
    sampled.config.fsession_status_spread = Some(Duration::from_secs(1));

    vec![
        ("adaptive", adaptive),
        ("firmware, adaptive", update),
        ("adaptive without reports", sampled),
        ("multicast setup", setup),
        ("probed", probed),
        ("firmware", firmware(None)),
        ("firmware with a reboot time", firmware(Some(START + Duration::from_secs(20 * 3600)))),
        ("firmware in rounds", rounds),
        ("versions to be asked for", second),
        ("class B", class_b),
        ("two groups", groups),
        ("clean-up after a failure", failing),
    ]
}
