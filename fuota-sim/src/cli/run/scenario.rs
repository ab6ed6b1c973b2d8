//! From flags and files to a scenario.

use std::fs;
use std::path::Path;

use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::config::{Config, IgnoredKey};
use fuota_engine::region::{DataRateParameters, Region};
use fuota_proto::DataRate;

use super::args::RunArgs;
use super::builtin;
use super::error::RunError;
use crate::scenario::{Faults, Scenario};

/// Octets of a DataFragment before its data: command identifier and IndexAndN (TS004-1.0.0 §3.6).
const FRAGMENT_HEADER: u8 = 3;

/// Reads the files that the flags name and puts everything together, flags over file over defaults.
///
/// Also returns the keys of the configuration file that change nothing.
///
/// # Errors
/// A file that cannot be read or is wrong, and values that contradict the region or each other.
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
    let (session_data_rate, session) = data_rate(args.region, "--dr", args.dr)?;
    let (uplink_data_rate, _) = data_rate(args.region, "--uplink-dr", args.uplink_dr)?;
    frag_size_fits(args, config.fsize, session)?;
    let faults =
        Faults { silent: args.silent_devices, dying: args.dying_devices, wrong_key: args.wrong_key_devices };
    let faulty = [faults.silent, faults.dying, faults.wrong_key].into_iter().map(u64::from).sum();
    if faulty > args.devices.into() {
        return Err(RunError::Faults { faulty, devices: args.devices });
    }
    let scenario = Scenario {
        image: args.image.as_deref().map_or_else(|| Ok(builtin::image()), read)?,
        devices: args.devices,
        loss: args.loss,
        uplink_loss: args.uplink_loss,
        redundancy: if args.no_fec { Redundancy::Rounds } else { Redundancy::Fec(args.redundancy) },
        region: args.region,
        data_rate: session_data_rate,
        uplink_data_rate,
        uplink_period: args.uplink_period,
        max_duration: args.max_duration,
        config,
        faults,
        seed: args.seed,
    };
    Ok((scenario, ignored))
}

fn config_file(path: &Path) -> Result<(Config, Vec<IgnoredKey>), RunError> {
    let text = fs::read_to_string(path).map_err(|source| RunError::Read { path: path.into(), source })?;
    Config::from_toml(&text).map_err(|source| RunError::Config { path: path.into(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    fs::read(path).map_err(|source| RunError::Read { path: path.into(), source })
}

fn data_rate(region: Region, flag: &'static str, dr: u8) -> Result<(DataRate, DataRateParameters), RunError> {
    let defined = |dr| {
        let data_rate = DataRate::new(dr).ok()?;
        region.data_rate(data_rate).map(|parameters| (data_rate, parameters))
    };
    defined(dr).ok_or_else(|| RunError::DataRate {
        flag,
        got: dr,
        region: region.name(),
        most: (0..=15).rev().find(|&dr| defined(dr).is_some()).unwrap_or(0),
    })
}

fn frag_size_fits(args: &RunArgs, fsize: Option<u8>, dr: DataRateParameters) -> Result<(), RunError> {
    let most = dr.max_payload.saturating_sub(FRAGMENT_HEADER);
    match fsize {
        Some(got) if got == 0 || got > most => {
            Err(RunError::FragSize { got, region: args.region.name(), dr: args.dr, most })
        }
        _ => Ok(()),
    }
}
