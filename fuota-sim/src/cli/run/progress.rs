//! What a person sees on the terminal while a campaign runs.

use std::collections::BTreeMap;
use std::time::Duration;

use fuota_engine::campaign::event::{Event, StageKind};
use fuota_engine::time::GpsInstant;
use indicatif::{ProgressBar, ProgressStyle};

use super::super::console;
use crate::report::humanise;
use crate::world::Observer;

/// Warnings of one kind that are printed; the rest are in the report.
const PRINTED: u32 = 3;

/// A bar per stage, and warnings as they come.
pub(super) struct Progress {
    bars: bool,
    began: Option<GpsInstant>,
    bar: Option<(StageKind, ProgressBar)>,
    warnings: BTreeMap<&'static str, u32>,
}

impl Progress {
    /// With bars or, when nobody watches, only with warnings.
    pub(super) const fn new(bars: bool) -> Self {
        Self { bars, began: None, bar: None, warnings: BTreeMap::new() }
    }

    /// Leaves the last bar as it stands.
    pub(super) fn finish(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.abandon();
        }
    }

    fn warn(&mut self, kind: &'static str, text: &str) {
        let count = self.warnings.entry(kind).or_default();
        *count += 1;
        let text = match *count {
            ..PRINTED => text.to_owned(),
            PRINTED => format!("{text} (further ones of this kind are only in the report)"),
            _ => return,
        };
        match &self.bar {
            Some((_, bar)) => bar.suspend(|| console::warn(&text)),
            None => console::warn(&text),
        }
    }

    fn begin(&mut self, stage: StageKind) {
        self.finish();
        let bar = ProgressBar::new(0).with_prefix(stage.name());
        if let Ok(style) = ProgressStyle::with_template("{prefix:17} {wide_bar} {pos:>7}/{len:<7} {msg:>20}")
        {
            bar.set_style(style);
        }
        self.bar = Some((stage, bar));
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event, at: GpsInstant) {
        self.began.get_or_insert(at);
        match event {
            Event::StageStarted { stage, .. } if self.bars => self.begin(*stage),
            Event::Warning(warning) => self.warn(warning.name(), &warning.to_string()),
            _ => {}
        }
    }

    fn progress(&mut self, _: StageKind, done: u32, total: u32, at: GpsInstant) {
        if let (Some((_, bar)), Some(began)) = (&self.bar, self.began) {
            bar.set_length(total.into());
            bar.set_position(done.into());
            bar.set_message(humanise(Duration::from_secs(at.since(began).as_secs())));
        }
    }
}
