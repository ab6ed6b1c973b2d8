//! Any text, read as a configuration file.

#![no_main]

use fuota_engine::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Config::from_text(text) {
        let told = error.to_string();
        assert!(told.starts_with("line ") && !told.contains(['\n', '\r']), "{told:?}");
    }
});
