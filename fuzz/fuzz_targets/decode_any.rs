//! Any octets, read as any package.

#![no_main]

use fuota_fuzz::{Octets, Package};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Some((&selector, payload)) = octets.split_first() else { return };
    Package::from_selector(selector).check(&Octets(payload));
});
