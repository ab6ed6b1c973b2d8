//! From flags and files to a scenario.

use std::fs;
use std::path::Path;

use fuota_engine::airtime::Framing;
use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{FirmwareSpec, Kind, PackageVersion, Redundancy};
use fuota_engine::config::{Config, IgnoredKey};

use super::super::values::{ClassArg, with_dwell_time};
use super::args::{KindArg, RunArgs};
use super::builtin;
use super::error::RunError;
use crate::node::HARDWARE;
use crate::scenario::{Faults, Scenario};

/// Reads the files that the flags name and puts everything together, flags over file over defaults.
///
/// Also returns the keys of the configuration file that change nothing.
///
/// # Errors
/// A file that cannot be read or is wrong, and more faulty devices than there are. What the campaign's plan checks
/// is not checked here.
pub(super) fn scenario(args: &RunArgs) -> Result<(Scenario, Vec<IgnoredKey>), RunError> {
    let (mut config, ignored) = match &args.config {
        None => (Config::default(), Vec::new()),
        Some(path) => config_file(path)?,
    };
    if let Some(threshold) = args.success_threshold {
        config.success_threshold = threshold;
    }
    if let Some(retries) = args.msg_retries {
        config.msg_retries = retries;
    }
    if let Some(rounds) = args.rounds_max {
        config.datafrag_loops_max = rounds;
    }
    if args.frag_size.is_some() {
        config.fsize = args.frag_size;
    }
    let faults =
        Faults { silent: args.silent_devices, dying: args.dying_devices, wrong_key: args.wrong_key_devices };
    let faulty = [faults.silent, faults.dying, faults.wrong_key].into_iter().map(u64::from).sum();
    if faulty > args.devices.into() {
        return Err(RunError::Faults { faulty, devices: args.devices });
    }
    let region = with_dwell_time(args.region, args.dwell_time)?;
    let scenario = Scenario {
        kind: kind(args),
        class: match args.class {
            ClassArg::B => SessionClass::B { periodicity: args.periodicity },
            ClassArg::C => SessionClass::C,
        },
        package_version: if args.package_version == 1 { PackageVersion::V1 } else { PackageVersion::V2 },
        session_start: args.session_start,
        image: args.image.as_deref().map_or_else(|| Ok(builtin::image()), read)?,
        devices: args.devices,
        loss: args.loss,
        uplink_loss: args.uplink_loss,
        redundancy: if args.no_fec { Redundancy::Rounds } else { Redundancy::Fec(args.redundancy) },
        region,
        multicast_duty: region.rx2_duty(),
        framing: Framing::default(),
        data_rate: args.dr.unwrap_or(region.usual_multicast_data_rate()),
        uplink_data_rate: args.uplink_dr.unwrap_or(region.usual_uplink_data_rate()),
        uplink_period: args.uplink_period,
        max_duration: args.max_duration,
        config,
        faults,
        seed: args.seed,
    };
    Ok((scenario, ignored))
}

fn kind(args: &RunArgs) -> Kind {
    match args.kind {
        KindArg::MulticastSetup => Kind::MulticastSetup,
        KindArg::Binary => Kind::Binary,
        KindArg::Firmware => Kind::Firmware(FirmwareSpec {
            target: args.firmware_version,
            hardware: Some(HARDWARE),
            reboot: args.reboot_time,
        }),
    }
}

fn config_file(path: &Path) -> Result<(Config, Vec<IgnoredKey>), RunError> {
    let text = fs::read_to_string(path).map_err(|source| RunError::Read { path: path.into(), source })?;
    Config::from_text(&text).map_err(|source| RunError::Config { path: path.into(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    fs::read(path).map_err(|source| RunError::Read { path: path.into(), source })
}
