//! `fuota fec curve`: how many fragments receivers need with different codes.

mod plot;
mod trials;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fuota_fec::Geometry;
use indicatif::ProgressBar;

use self::trials::{Cell, Share};
use super::Outcome;
use super::encode::at;
use crate::code::Code;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Codes to compare
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "ts004-v1,ts004-v2,rlnc2,rlnc256,rs,raptorq,repetition"
    )]
    codes: Vec<Code>,
    /// Numbers of uncoded fragments
    #[arg(long, value_delimiter = ',', default_value = "20,50,100,500",
          value_parser = clap::value_parser!(u16).range(1..=8000))]
    m: Vec<u16>,
    /// Shares of fragments lost: a list, or FIRST..LAST for ten of them
    #[arg(long, default_value = "0.05..0.5", value_parser = losses)]
    loss: Losses,
    /// Receivers per number of fragments and loss
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    trials: u32,
    /// Where randomness starts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the table and the pictures go
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Clone)]
struct Losses(Vec<f64>);

fn losses(text: &str) -> Result<Losses, String> {
    let share = |text: &str| match text.trim().parse::<f64>() {
        Ok(loss) if (0.0..=0.9).contains(&loss) => Ok(loss),
        _ => Err(format!("{text} is not in 0..=0.9")),
    };
    let Some((first, last)) = text.split_once("..") else {
        return text.split(',').map(share).collect::<Result<_, _>>().map(Losses);
    };
    let (first, last) = (share(first)?, share(last)?);
    if first > last {
        return Err(format!("{first} is more than {last}"));
    }
    let step = (last - first) / 9.0;
    Ok(Losses((0..10).map(|i| first + step * f64::from(i)).collect()))
}

/// Runs all trials, and writes `curve.csv`, `extra.*` and `redundancy.*`.
pub(super) fn run(args: &Args) -> Outcome {
    fs::create_dir_all(&args.out).map_err(|error| at(&args.out, &error))?;
    let Losses(losses) = &args.loss;
    let progress = ProgressBar::new((args.m.len() * losses.len()) as u64);
    let mut cells = Vec::new();
    for m in &args.m {
        let geometry = Geometry::from_session(*m, 8, 0)?;
        for loss in losses {
            cells.push(Cell::run(geometry, *loss, args.trials, args.seed, &args.codes)?);
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    table(&args.out.join("curve.csv"), args, &cells)?;
    plot::draw(&args.out, args.seed, &cells)?;
    println!("{}: curve.csv, extra.svg, extra.png, redundancy.svg, redundancy.png", args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn table(path: &Path, args: &Args, cells: &[Cell]) -> Result<(), Box<dyn std::error::Error>> {
    let mut table = csv::Writer::from_path(path).map_err(|error| at(path, &error))?;
    table.write_record([
        "version",
        "seed",
        "code",
        "m",
        "loss",
        "axis",
        "x",
        "trials",
        "decoded",
        "probability",
        "low95",
        "high95",
    ])?;
    for cell in cells {
        for curve in &cell.curves {
            for (axis, points) in [("extra", &curve.extra), ("redundancy", &curve.redundancy)] {
                for (x, Share { decoded, trials, .. }) in points {
                    let share = Share { decoded: *decoded, trials: *trials };
                    let (low, high) = share.interval();
                    table.write_record([
                        env!("CARGO_PKG_VERSION"),
                        &args.seed.to_string(),
                        curve.code.name(),
                        &cell.m.to_string(),
                        &format!("{:.4}", cell.loss),
                        axis,
                        &format!("{x:.4}"),
                        &trials.to_string(),
                        &decoded.to_string(),
                        &format!("{:.6}", share.value()),
                        &format!("{low:.6}"),
                        &format!("{high:.6}"),
                    ])?;
                }
            }
        }
    }
    table.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_losses_of_a_range_or_those_of_a_list() {
        let Losses(range) = losses("0.05..0.5").unwrap();
        assert_eq!(range.len(), 10);
        assert!((range[1] - 0.1).abs() < 1e-9 && (range[9] - 0.5).abs() < 1e-9);
        assert_eq!(losses("0.1, 0.3").unwrap().0, [0.1, 0.3]);
        for wrong in ["", "1.5", "0.5..0.1", "a..b", "-0.1"] {
            assert!(losses(wrong).is_err(), "{wrong}");
        }
    }
}
