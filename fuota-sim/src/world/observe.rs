//! Watching a run: live through an [`Observer`], afterwards through what the journal kept.

use fuota_engine::campaign::Progress;
use fuota_engine::campaign::event::{Event, StageKind, StageReport, Warning};
use fuota_engine::time::GpsInstant;

use crate::record::{PollRecord, RoundRecord, TimelinePoint};

/// Someone who watches a run. Called only when something changes.
pub trait Observer {
    /// The campaign said something.
    fn event(&mut self, event: &Event, at: GpsInstant) {
        let _ = (event, at);
    }

    /// The stage under way is `done` of `total` far: participants that have done it or, while fragments go out,
    /// fragments.
    fn progress(&mut self, stage: StageKind, done: u32, total: u32, at: GpsInstant) {
        let _ = (stage, done, total, at);
    }
}

/// Nobody watches.
impl Observer for () {}

/// What a run leaves behind as it goes.
#[derive(Debug, Default)]
pub(super) struct Journal {
    timeline: Vec<TimelinePoint>,
    rounds: Vec<RoundRecord>,
    polls: Vec<PollRecord>,
    warnings: Vec<Warning>,
    session_start: Option<GpsInstant>,
    /// When the end was decided; clean-up may have followed.
    decided_at: Option<GpsInstant>,
    /// What was last told.
    told: Option<Progress>,
    /// Devices that hold the whole data block.
    pub(super) holders: u32,
}

impl Journal {
    /// Notes what the campaign said, and passes it on.
    pub(super) fn event(&mut self, event: &Event, at: GpsInstant, observer: &mut dyn Observer) {
        match *event {
            Event::RoundEnded { round, complete, outstanding } => {
                self.rounds.push(RoundRecord { round, complete, outstanding, ended: at });
            }
            Event::Polled { poll, fragments, answers, largest, suspects, batch, .. } => {
                self.polls.push(PollRecord { poll, fragments, answers, largest, suspects, batch, ended: at });
            }
            Event::Warning(warning) => self.warnings.push(warning),
            Event::Decided(_) => self.decided_at = Some(at),
            Event::SessionScheduled { start, .. } => self.session_start = Some(start),
            // The last device of a stage and its end come in one breath.
            Event::StageEnded(StageReport { stage, succeeded, participants, .. })
                if stage < StageKind::DataFragment =>
            {
                self.progress(Progress { stage, done: succeeded, total: participants }, at, observer);
            }
            _ => {}
        }
        observer.event(event, at);
    }

    /// Notes how far things are, if that has changed.
    pub(super) fn progress(&mut self, progress: Progress, at: GpsInstant, observer: &mut dyn Observer) {
        let Progress { stage, done, total } = progress;
        if self.told != Some(progress) {
            self.told = Some(progress);
            observer.progress(stage, done, total, at);
        }
        let done = if stage < StageKind::DataFragment { done } else { self.holders };
        if self.timeline.last().is_none_or(|last| (last.stage, last.done) != (stage, done)) {
            self.timeline.push(TimelinePoint { at, stage, done });
        }
    }

    pub(super) fn timeline(&self) -> &[TimelinePoint] {
        &self.timeline
    }

    pub(super) fn rounds(&self) -> &[RoundRecord] {
        &self.rounds
    }

    pub(super) fn polls(&self) -> &[PollRecord] {
        &self.polls
    }

    pub(super) const fn session_start(&self) -> Option<GpsInstant> {
        self.session_start
    }

    pub(super) const fn decided_at(&self) -> Option<GpsInstant> {
        self.decided_at
    }

    pub(super) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}
