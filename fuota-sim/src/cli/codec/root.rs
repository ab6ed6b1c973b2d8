//! The key of a device that all others come from, on the command line.

use clap::ValueEnum;
use fuota_proto::keys::RootKey;

use super::array;

#[derive(Debug, clap::Args)]
pub(super) struct RootArgs {
    /// LoRaWAN version of the device
    #[arg(long)]
    lorawan: LoRaWan,
    #[command(flatten)]
    key: Key,
}

/// The LoRaWAN version says which of the two it is.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Key {
    /// GenAppKey of a LoRaWAN 1.0.x device, in hex
    #[arg(long, value_name = "HEX", value_parser = gen_app_key)]
    gen_app_key: Option<RootKey>,
    /// AppKey of a LoRaWAN 1.1 device, in hex
    #[arg(long, value_name = "HEX", value_parser = app_key)]
    app_key: Option<RootKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LoRaWan {
    /// LoRaWAN 1.0.x
    #[value(name = "1.0")]
    V1_0,
    /// LoRaWAN 1.1
    #[value(name = "1.1")]
    V1_1,
}

fn gen_app_key(text: &str) -> Result<RootKey, String> {
    array(text).map(RootKey::from_gen_app_key)
}

fn app_key(text: &str) -> Result<RootKey, String> {
    array(text).map(RootKey::from_app_key)
}

impl RootArgs {
    pub(super) fn key(&self) -> Result<&RootKey, &'static str> {
        match (self.lorawan, &self.key.gen_app_key, &self.key.app_key) {
            (LoRaWan::V1_0, Some(key), None) | (LoRaWan::V1_1, None, Some(key)) => Ok(key),
            (LoRaWan::V1_0, ..) => Err("LoRaWAN 1.0 derives from --gen-app-key"),
            (LoRaWan::V1_1, ..) => Err("LoRaWAN 1.1 derives from --app-key"),
        }
    }
}
