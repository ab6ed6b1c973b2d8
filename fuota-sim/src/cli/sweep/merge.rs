//! `fuota sweep merge`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::super::{FAILED, Outcome, console};
use crate::sweep::{Merged, merge};

/// Missing runs that are told one by one.
const TOLD: usize = 10;

/// Exit code: 0 the sweep is whole, 2 runs are missing and nothing was written, 1 anything else.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct MergeArgs {
    /// Folders of shards
    #[arg(required = true, value_name = "DIR")]
    shards: Vec<PathBuf>,

    /// Folder for the whole
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(args: &MergeArgs) -> Outcome {
    match merge(&args.shards, &args.out)? {
        Merged::Whole(files) => {
            console::print(&format!("{}: {}\n", args.out.display(), files.join(", ")))?;
            Ok(ExitCode::SUCCESS)
        }
        Merged::Missing { runs, of } => {
            for (cell, seed) in runs.iter().take(TOLD) {
                console::warn(&format!("cell {cell}, seed {seed} is missing"));
            }
            let missing = runs.len();
            console::error(&format!(
                "{missing} of {of} runs are missing; the same commands on the same shards go on with them"
            ));
            Ok(ExitCode::from(FAILED))
        }
    }
}
