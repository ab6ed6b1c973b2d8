//! `fuota codec mic`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use fuota_proto::{Descriptor, FragIndex};
use serde_json::json;

use super::{Outcome, array, root};
use crate::cli::console;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    root: root::RootArgs,
    /// Counter of the session
    #[arg(long, value_name = "N")]
    session_cnt: u16,
    /// Index of the session, 0 to 3
    #[arg(long, value_name = "N", value_parser = frag_index)]
    frag_index: FragIndex,
    /// Descriptor of the block: four octets in hex, as they travel
    #[arg(long, value_name = "HEX", value_parser = array::<4>)]
    descriptor: [u8; 4],
    /// The data block, without padding
    file: PathBuf,
}

fn frag_index(text: &str) -> Result<FragIndex, String> {
    let index: u8 = text.parse().map_err(|error: std::num::ParseIntError| error.to_string())?;
    FragIndex::new(index).map_err(|error| error.to_string())
}

/// Prints the key and the code.
pub(super) fn run(args: &Args) -> Outcome {
    let key = args.root.key()?.data_block_int_key();
    let block = fs::read(&args.file).map_err(|error| format!("{}: {error}", args.file.display()))?;
    let mic = key.mic(args.session_cnt, args.frag_index, Descriptor(args.descriptor), &block);
    let answer = json!({ "data_block_int_key": hex::encode(key.expose()), "mic": mic });
    console::print(&format!("{answer:#}\n"))?;
    Ok(ExitCode::SUCCESS)
}
