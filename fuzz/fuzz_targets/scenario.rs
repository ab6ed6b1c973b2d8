//! Any text, read as a scenario file, and the world that it describes.

#![no_main]

use fuota_fuzz::scenario::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| read(text));
