//! A campaign in hostile surroundings: any inputs in any order.

#![no_main]

use fuota_fuzz::campaign::Ordeal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|ordeal: Ordeal| ordeal.endure());
