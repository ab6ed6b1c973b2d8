//! Ctrl-C, which ends work in order; the second one ends the process.

use std::sync::atomic::{AtomicBool, Ordering};

use super::console;

/// What the process reports when a second Ctrl-C kills it, as shells do.
const KILLED: i32 = 130;

/// A flag that the first Ctrl-C raises, saying so; the second ends the process.
pub(super) fn stop_on_ctrl_c(says: &'static str) -> Result<&'static AtomicBool, ctrlc::Error> {
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(KILLED);
        }
        console::warn(says);
    })?;
    Ok(&STOP)
}
