//! `fuota codec keys`.

use std::process::ExitCode;

use fuota_proto::McAddr;
use fuota_proto::keys::McKey;
use serde_json::json;

use super::{Outcome, array, root};
use crate::cli::console;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    root: root::RootArgs,
    /// Address of the group in hex, most significant octet first
    #[arg(long, value_name = "HEX", value_parser = array::<4>)]
    mc_addr: [u8; 4],
    /// Key of the group in hex
    #[arg(long, value_name = "HEX", value_parser = mc_key)]
    mc_key: McKey,
}

fn mc_key(text: &str) -> Result<McKey, String> {
    array(text).map(McKey::new)
}

/// Prints every key that follows from the device's and the group's.
pub(super) fn run(args: &Args) -> Outcome {
    let root = args.root.key()?;
    let (mc_key, address) = (&args.mc_key, McAddr(u32::from_be_bytes(args.mc_addr)));
    let mc_root_key = root.mc_root_key();
    let mc_ke_key = mc_root_key.mc_ke_key();
    let keys = json!({
        "mc_root_key": hex::encode(mc_root_key.expose()),
        "mc_ke_key": hex::encode(mc_ke_key.expose()),
        "mc_key_encrypted": mc_ke_key.wrap(mc_key),
        "mc_app_s_key": hex::encode(mc_key.mc_app_s_key(address).expose()),
        "mc_nwk_s_key": hex::encode(mc_key.mc_nwk_s_key(address).expose()),
        "data_block_int_key": hex::encode(root.data_block_int_key().expose()),
    });
    console::print(&format!("{keys:#}\n"))?;
    Ok(ExitCode::SUCCESS)
}
