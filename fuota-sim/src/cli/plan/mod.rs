//! `fuota plan`: what would it take.

mod args;
mod output;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use fuota_engine::airtime::Framing;
use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::PackageVersion;

pub(super) use self::args::PlanArgs;
use self::output::Answer;
use super::values::{ClassArg, NoDwellTime, with_dwell_time};
use super::{Outcome, console};
use crate::forecast::{LOSSES, Parity, Question, advise, forecast, success};

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    DwellTime(#[from] NoDwellTime),
}

/// Prints the figures, whether or not the campaign fits.
pub(super) fn run(args: &PlanArgs) -> Outcome {
    let question = question(args)?;
    let forecast = forecast(&question)?;
    let successful = |loss| success(forecast.nb_frag, forecast.parity, loss, question.version);
    let asked = successful(question.loss);
    let others = LOSSES.into_iter().map(successful).collect();
    let advice = advise(&question, args.optimize.objective())?;
    let answer =
        Answer { question: &question, forecast: &forecast, asked, others, advice, objective: args.optimize };
    console::print(&if args.json { answer.to_json()? } else { answer.to_text() })?;
    Ok(ExitCode::SUCCESS)
}

fn question(args: &PlanArgs) -> Result<Question, Error> {
    let region = with_dwell_time(args.region, args.dwell_time)?;
    let image_len = match (&args.image, args.image_size) {
        (Some(path), _) => len(path)?,
        (None, octets) => octets.unwrap_or(0) as usize,
    };
    Ok(Question {
        image_len,
        region,
        data_rate: args.dr.unwrap_or(region.usual_multicast_data_rate()),
        uplink_data_rate: args.uplink_dr.unwrap_or(region.usual_uplink_data_rate()),
        frag_size: args.frag_size,
        parity: args.parity.map_or(Parity::Share(args.redundancy), Parity::Fragments),
        class: match args.class {
            ClassArg::B => SessionClass::B { periodicity: args.ping_periodicity },
            ClassArg::C => SessionClass::C,
        },
        duty: args.duty.unwrap_or(region.rx2_duty()),
        framing: Framing { crc: args.downlink_crc, overhead: args.frame_overhead },
        version: if args.package_version == 1 { PackageVersion::V1 } else { PackageVersion::V2 },
        devices: args.devices,
        loss: args.loss,
        uplink_period: args.uplink_period,
        profile: args.radio,
    })
}

/// Octets of a file.
fn len(path: &Path) -> Result<usize, Error> {
    let read = fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?;
    Ok(read.len())
}
