//! A device in hostile surroundings: any downlinks at any time.

#![no_main]

use fuota_fuzz::device::Ordeal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|ordeal: Ordeal| ordeal.endure());
