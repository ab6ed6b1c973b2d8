//! From flags and files to a scenario.

use std::fs;
use std::path::{Path, PathBuf};

use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{FirmwareSpec, Kind, PackageVersion, Redundancy};
use fuota_engine::config::{Config, IgnoredKey};
use fuota_proto::{PingSlotPeriodicity, Version};

use super::super::values::{ClassArg, with_dwell_time};
use super::args::{KindArg, PolicyArg, RunArgs};
use super::error::RunError;
use crate::external::{ExternalDevices, SILENCE};
use crate::image;
use crate::node::HARDWARE;
use crate::scenario::{Expectation, Faults, Link, Scenario, ScenarioFile};

/// What a firmware update leads to unless it is said.
const TARGET: Version = Version::from_parts([2, 0, 0, 0]);

/// What is to be run.
pub(super) struct Setup {
    pub(super) scenario: Scenario,
    /// What the scenario's file says should come of it.
    pub(super) expect: Expectation,
    /// Keys that change nothing, and the files they stand in.
    pub(super) ignored: Vec<(PathBuf, IgnoredKey)>,
}

/// Reads the files that the flags name and puts everything together, flags over files over defaults.
///
/// # Errors
/// A file that cannot be read or is wrong, and more faulty devices than there are. What the campaign's plan checks
/// is not checked here.
pub(super) fn setup(args: &RunArgs) -> Result<Setup, RunError> {
    let mut setup = match &args.scenario {
        None => Setup {
            scenario: Scenario { image: image::built_in(), ..Scenario::default() },
            expect: Expectation::default(),
            ignored: Vec::new(),
        },
        Some(path) => {
            let file = ScenarioFile::read(path)?;
            let ignored = file.ignored.into_iter().map(|key| (path.clone(), key)).collect();
            Setup { scenario: file.scenario, expect: file.expect, ignored }
        }
    };
    if let Some(path) = &args.config {
        let (config, ignored) = config_file(path)?;
        setup.scenario.config = config;
        setup.ignored.extend(ignored.into_iter().map(|key| (path.clone(), key)));
    }
    let scenario = &mut setup.scenario;
    apply_radio(args, scenario)?;
    apply_fleet(args, scenario)?;
    apply_campaign(args, scenario)?;
    Ok(setup)
}

/// Where the fleet is, and how it listens.
fn apply_radio(args: &RunArgs, scenario: &mut Scenario) -> Result<(), RunError> {
    let region = with_dwell_time(args.region.unwrap_or(scenario.region), args.dwell_time)?;
    if region != scenario.region {
        scenario.set_region(region);
    }
    set(&mut scenario.data_rate, args.dr);
    set(&mut scenario.uplink_data_rate, args.uplink_dr);
    let (is_b, before) = match scenario.class {
        SessionClass::B { periodicity } => (true, periodicity),
        SessionClass::C => (false, PingSlotPeriodicity::MIN),
    };
    let is_b = args.class.map_or(is_b, |class| class == ClassArg::B);
    let periodicity = args.periodicity.unwrap_or(before);
    scenario.class = if is_b { SessionClass::B { periodicity } } else { SessionClass::C };
    Ok(())
}

/// The devices, and what goes wrong with them.
fn apply_fleet(args: &RunArgs, scenario: &mut Scenario) -> Result<(), RunError> {
    if let Some(devices) = args.devices {
        scenario.set_devices(devices);
    }
    for group in &mut scenario.fleet {
        set(&mut group.downlink, args.loss.map(|loss| Link::Independent { loss }));
        set(&mut group.uplink, args.uplink_loss.map(|loss| Link::Independent { loss }));
        set(&mut group.uplink_period, args.uplink_period);
    }
    let Faults { silent, dying, wrong_key } = &mut scenario.faults;
    set(silent, args.silent_devices);
    set(dying, args.dying_devices);
    set(wrong_key, args.wrong_key_devices);
    let faulty = [*silent, *dying, *wrong_key].into_iter().map(u64::from).sum();
    let devices = scenario.devices();
    if faulty > devices.into() {
        return Err(RunError::Faults { faulty, devices });
    }
    if let Some(command) = &args.external_device {
        let external = args.external_count.unwrap_or(1);
        if external > devices {
            return Err(RunError::TooFewForExternal { external, devices });
        }
        scenario.external = Some(ExternalDevices {
            command: command.clone(),
            devices: external,
            processes: args.external_processes.unwrap_or(external),
            silence: SILENCE,
        });
    }
    Ok(())
}

/// What is sent, and by which rules.
fn apply_campaign(args: &RunArgs, scenario: &mut Scenario) -> Result<(), RunError> {
    set(&mut scenario.seed, args.seed);
    if let Some(path) = &args.image {
        scenario.image = read(path)?;
    }
    set(&mut scenario.kind, args.kind.map(kind));
    if let Kind::Firmware(firmware) = &mut scenario.kind {
        set(&mut firmware.target, args.firmware_version);
        firmware.reboot = args.reboot_time.or(firmware.reboot);
    }
    let version = |number| if number == 1 { PackageVersion::V1 } else { PackageVersion::V2 };
    set(&mut scenario.package_version, args.package_version.map(version));
    scenario.ack_reception |= args.ack_reception;
    scenario.session_start = args.session_start.or(scenario.session_start);
    apply_policy(args, scenario)?;
    set(&mut scenario.max_duration, args.max_duration);
    let config = &mut scenario.config;
    set(&mut config.success_threshold, args.success_threshold);
    set(&mut config.msg_retries, args.msg_retries);
    set(&mut config.datafrag_loops_max, args.rounds_max);
    config.fsize = args.frag_size.or(config.fsize);
    Ok(())
}

/// How losses are made good.
fn apply_policy(args: &RunArgs, scenario: &mut Scenario) -> Result<(), RunError> {
    let policy = if args.no_fec { Some(PolicyArg::Carousel) } else { args.policy };
    if args.redundancy.is_some() && policy.is_some_and(|policy| policy != PolicyArg::Fixed) {
        return Err(RunError::Policy { flag: "--redundancy", needs: "--policy fixed" });
    }
    set(&mut scenario.redundancy, args.redundancy.map(Redundancy::Fec));
    if args.redundancy.is_some() && args.scenario.is_some() {
        scenario.config.frag_redundancy_max = None;
    }
    match policy {
        Some(PolicyArg::Carousel) => scenario.redundancy = Redundancy::Rounds,
        Some(PolicyArg::Adaptive) => scenario.redundancy = Redundancy::Adaptive,
        Some(PolicyArg::Fixed) if !matches!(scenario.redundancy, Redundancy::Fec(_)) => {
            scenario.redundancy = Scenario::default().redundancy;
        }
        Some(PolicyArg::Fixed) | None => {}
    }
    if args.rounds_max.is_some() && scenario.redundancy != Redundancy::Rounds {
        return Err(RunError::Policy { flag: "--rounds-max", needs: "--policy carousel (or --no-fec)" });
    }
    Ok(())
}

/// What was asked for, if anything was.
fn set<T>(value: &mut T, asked: Option<T>) {
    if let Some(asked) = asked {
        *value = asked;
    }
}

const fn kind(kind: KindArg) -> Kind {
    match kind {
        KindArg::MulticastSetup => Kind::MulticastSetup,
        KindArg::Binary => Kind::Binary,
        KindArg::Firmware => {
            Kind::Firmware(FirmwareSpec { target: TARGET, hardware: Some(HARDWARE), reboot: None })
        }
    }
}

fn config_file(path: &Path) -> Result<(Config, Vec<IgnoredKey>), RunError> {
    let text = fs::read_to_string(path).map_err(|source| RunError::Read { path: path.into(), source })?;
    Config::from_text(&text).map_err(|source| RunError::Config { path: path.into(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    fs::read(path).map_err(|source| RunError::Read { path: path.into(), source })
}
