//! Any command that can be expressed.

#![no_main]

use fuota_fuzz::{Expressed, Package};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Some((&selector, seed)) = octets.split_first() else { return };
    Package::from_selector(selector).check(&Expressed(seed));
});
