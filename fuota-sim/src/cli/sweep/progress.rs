//! How far a sweep is.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

use super::super::console;

/// A bar on a terminal, and nothing elsewhere.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(done: u64, runs: u64, quiet: bool) -> Self {
        if quiet || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(runs).with_position(done);
        let shape = "{wide_bar} {pos}/{len} runs, {per_sec}, {eta} to go";
        if let Ok(style) = ProgressStyle::with_template(shape) {
            bar.set_style(style);
        }
        // What was there before says nothing of how long the rest takes.
        bar.reset_eta();
        Self(bar)
    }

    pub(super) fn advance(&self) {
        self.0.inc(1);
    }

    /// A warning beside the bar.
    pub(super) fn say(&self, text: &str) {
        self.0.suspend(|| console::warn(text));
    }

    pub(super) fn finish(&mut self) {
        self.0.finish_and_clear();
    }
}
