//! Reads and writes one payload for each command of each version on the target, and derives keys.
//!
//! Reports through defmt; the emulator's exit code is 0 if everything held.

#![no_std]
#![no_main]

#[path = "../vectors.rs"]
mod vectors;

use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS, exit};
use defmt::{error, info};
use defmt_semihosting as _;
use fuota_proto::keys::{McKey, RootKey};
use fuota_proto::multi_package::v1::{DownlinkItem, SetWriter, Versions};
use fuota_proto::{Descriptor, FragIndex, McAddr};
use vectors::vectors;

/// What went right and what went wrong.
#[derive(Default)]
struct Tally {
    passed: u32,
    failed: u32,
}

impl Tally {
    fn check(&mut self, held: bool, what: &str) {
        if held {
            self.passed += 1;
        } else {
            self.failed += 1;
            error!("{=str}", what);
        }
    }
}

/// Octets from hex, in a buffer that is long enough for every vector.
fn octets<'b>(hex: &str, buffer: &'b mut [u8; 64]) -> &'b [u8] {
    let digit =
        |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0);
    for (octet, pair) in buffer.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *octet = 16 * digit(pair[0]) + digit(pair[1]);
    }
    buffer.get(..hex.len() / 2).unwrap_or_default()
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let tally = &mut Tally::default();
    macro_rules! check {
        ($package:ident, $version:ident, $direction:ident, $vectors:expr) => {
            for (name, hex) in $vectors {
                let (mut payload, mut written) = ([0; 64], [0; 64]);
                let payload = octets(hex, &mut payload);
                let held = match fuota_proto::$package::$version::$direction::decode(payload) {
                    Ok(command) => {
                        info!("{}", command);
                        let len = command.encode_to_slice(&mut written).unwrap_or(0);
                        command.name() == name && written.get(..len) == Some(payload)
                    }
                    Err(cause) => {
                        error!("{}", cause);
                        false
                    }
                };
                tally.check(held, name);
            }
        };
    }
    vectors!(check);
    message(tally);
    keys(tally);
    info!("{=u32} passed, {=u32} failed", tally.passed, tally.failed);
    exit(if tally.failed == 0 && tally.passed > 0 { EXIT_SUCCESS } else { EXIT_FAILURE });
    loop {
        cortex_m::asm::wfi();
    }
}

/// A message of several packages.
fn message(tally: &mut Tally) {
    let (mut payload, mut written) = ([0; 64], [0; 64]);
    let payload = octets("81013c0000000f02050303840101", &mut payload);
    let mut out = SetWriter::new(&mut written);
    let mut held = true;
    for item in DownlinkItem::items(payload, Versions::default()) {
        held &= item.is_ok_and(|item| {
            info!("{}", item);
            out.push(&item).is_ok()
        });
    }
    tally.check(held && out.finish() == Ok(payload), "TS007");
}

/// The chain from a device's key to a group's, and the integrity code of a block.
fn keys(tally: &mut Tally) {
    let mut buffer = [0; 64];
    let mut key = |hex| <[u8; 16]>::try_from(octets(hex, &mut buffer)).unwrap_or_default();
    let root = RootKey::from_gen_app_key(key("2b7e151628aed2a6abf7158809cf4f3c"));
    let mc_key = McKey::new(key("000102030405060708090a0b0c0d0e0f"));
    let ke_key = root.mc_root_key().mc_ke_key();
    let wrapped = ke_key.wrap(&mc_key);
    info!("{} wrapped for the device: {}", mc_key, wrapped);
    tally.check(wrapped.0 == key("fbf1471efdac69599a52a0ffc10b90ce"), "McKey_encrypted");
    tally.check(ke_key.unwrap(&wrapped) == mc_key, "McKey");
    let app_s_key = mc_key.mc_app_s_key(McAddr(0x01A2_B3C4));
    tally.check(*app_s_key.expose() == key("9417490e2031a8ee8b827ed0858e7779"), "McAppSKey");
    let block: [u8; 100] = core::array::from_fn(|i| u8::try_from(i).unwrap_or(0));
    let mic = root.data_block_int_key().mic(1, FragIndex::MIN, Descriptor([0; 4]), &block);
    tally.check(mic.0 == [0xc3, 0xf5, 0xec, 0xe9], "MIC");
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    error!("panic");
    exit(EXIT_FAILURE);
    loop {
        cortex_m::asm::wfi();
    }
}
