//! When to send, to ask again and to stop, from poll to poll.
//!
//! ```text
//!              ┌────────────── Send ◀──── somebody needs fragments
//!              ▼                │
//!  fragments ──▶ poll ──────────┼──▶ Again    nobody does, or no more than may fail: once more to be sure
//!                ▲              ├──▶ Repair   those few are served one by one, which takes less airtime
//!                │              ├──▶ Sample   silence or a short list proves nothing, or not of some: ask them one by one
//!                └── Again ─────┴──▶ Done     twice in a row
//! ```

/// Silence is believed after so many polls in a row, and so is a list of those who may fail.
const TIMES: u8 = 2;

/// What follows a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::campaign) enum Verdict {
    /// So many further fragments.
    Send(u16),
    /// Another poll, nothing sent before it.
    Again,
    /// Some devices are asked one by one.
    Sample,
    /// Nothing.
    Done,
    /// Those who need fragments are sent them one by one, and asked.
    Repair,
}

/// What a poll brought to light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Findings {
    /// Whether the request went on air, as far as is known.
    pub(super) asked: bool,
    /// Devices that are believed to miss something.
    pub(super) named: u32,
    /// Fragments that these need.
    pub(super) batch: u16,
    /// Whether no more devices miss something than may fail in the end.
    pub(super) few_enough: bool,
    /// Whether answers may have drowned each other, so that silence or a short list may mean anything.
    pub(super) doubtful: bool,
    /// Whether some that fell silent may well miss something still, by what they said before.
    pub(super) unsure: bool,
    /// Whether it takes less airtime to send those who need fragments theirs alone.
    pub(super) cheaper_alone: bool,
    /// Fragments that may still be sent.
    pub(super) left: u16,
    /// Fragments to send where little is known, or for few.
    pub(super) step: u16,
    /// Whether no further poll is possible.
    pub(super) last: bool,
}

/// What asking some devices one by one brought to light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::campaign) struct Sample {
    /// Devices asked.
    pub(in crate::campaign) asked: u32,
    /// Of these, devices that have the block.
    pub(in crate::campaign) whole: u32,
    /// Of these, devices that do not.
    pub(in crate::campaign) lacking: u32,
}

impl Sample {
    /// Whether it shows that answers did get through: nobody lacks anything, and most have said so.
    const fn reassures(self) -> bool {
        self.lacking == 0 && self.whole >= self.asked.div_ceil(2)
    }
}

/// A stream's way from poll to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::campaign) struct Course {
    /// Polls begun.
    pub(in crate::campaign) polls: u16,
    /// Whether a request of the poll under way went on air, as far as is known.
    pub(in crate::campaign) on_air: bool,
    /// Devices of the stream.
    pub(in crate::campaign) devices: u32,
    /// The sample under way, or the last one since fragments were sent.
    pub(in crate::campaign) sample: Option<Sample>,
    /// What follows the last poll, once it is judged.
    pub(in crate::campaign) verdict: Option<Verdict>,
    /// Polls in a row in which nobody was named.
    silent: u8,
    /// Polls since fragments were sent in which no more devices were named than may fail.
    quiet: u8,
    /// Whether the step for those who may fail was sent.
    last_step: bool,
    /// Whether a step was sent for those few who say that they miss 255 or more when nobody else missed any.
    pub(super) saturated_step: bool,
    /// Whether devices were served one by one since fragments were sent to all.
    repaired: bool,
}

impl Course {
    /// Before the first poll.
    pub(in crate::campaign) const fn new() -> Self {
        Self {
            polls: 0,
            on_air: false,
            devices: 0,
            sample: None,
            verdict: None,
            silent: 0,
            quiet: 0,
            last_step: false,
            saturated_step: false,
            repaired: false,
        }
    }

    /// A poll begins, of so many devices.
    pub(in crate::campaign) const fn begin_poll(&mut self, devices: u32) {
        self.polls = self.polls.saturating_add(1);
        self.on_air = false;
        self.devices = devices;
        self.verdict = None;
    }

    /// Whether a device that was last named in that poll still counts as named: in the last one, or in the one before
    /// if nothing was sent between them.
    pub(super) const fn names(&self, poll: u16) -> bool {
        let polls = if self.silent > 0 || self.quiet > 0 { TIMES as u16 } else { 1 };
        poll > 0 && poll.saturating_add(polls) > self.polls
    }

    /// Whether who was silent in the last polls is believed to have the block.
    pub(super) const fn believes_silence(&self) -> bool {
        self.silent >= TIMES || self.quiet >= TIMES
    }

    /// Judges a poll, or what a sample after it has shown.
    pub(super) fn judge(&mut self, found: Findings) -> Verdict {
        let verdict = match self.sample.filter(|_| self.verdict == Some(Verdict::Sample)) {
            Some(sample) if found.doubtful && !sample.reassures() => self.go_on(found),
            // Somebody who was silent has said what it misses.
            Some(_) if !found.doubtful && found.named > 0 && !self.may_report(found) => {
                self.serve(found, found.batch)
            }
            Some(_) => self.decide(found),
            None if self.verdict == Some(Verdict::Repair) => self.look_after_repair(found),
            None => self.take(found),
        };
        if matches!(verdict, Verdict::Send(_) | Verdict::Repair) {
            (self.silent, self.quiet, self.sample) = (0, 0, None);
            self.repaired = verdict == Verdict::Repair;
        }
        self.verdict = Some(verdict);
        verdict
    }

    fn take(&mut self, found: Findings) -> Verdict {
        if !found.asked {
            // Nobody heard anything, so silence says nothing.
            return if found.last { Verdict::Done } else { Verdict::Again };
        }
        let counts = found.few_enough || self.is_spent(found);
        self.silent = if found.named == 0 { self.silent.saturating_add(1) } else { 0 };
        self.quiet = if counts { self.quiet.saturating_add(1) } else { 0 };
        self.decide(found)
    }

    /// A sample missed fragments, or said too little: whatever the poll said, more devices may miss some.
    fn go_on(&mut self, found: Findings) -> Verdict {
        (self.silent, self.quiet) = (0, 0);
        match found.batch.max(found.step).min(found.left) {
            0 => Verdict::Done,
            fragments => Verdict::Send(fragments),
        }
    }

    fn decide(&mut self, found: Findings) -> Verdict {
        let believed = self.silent >= TIMES || (found.named > 0 && self.quiet >= TIMES);
        let trusts = believed || (found.named > 0 && found.named <= SHORT_LIST);
        let ends = self.silent >= TIMES || (self.quiet >= TIMES && self.may_report(found));
        let asks = (found.doubtful && trusts) || (found.unsure && ends);
        if self.sample.is_none() && asks {
            return Verdict::Sample;
        }
        if self.silent >= TIMES || found.last {
            return Verdict::Done;
        }
        if found.named == 0 {
            return Verdict::Again;
        }
        if !found.few_enough && !self.is_spent(found) {
            return self.serve(found, found.batch);
        }
        if self.quiet < TIMES {
            return Verdict::Again;
        }
        if self.may_report(found) {
            return Verdict::Done;
        }
        self.last_step = true;
        self.serve(found, found.batch.min(found.step))
    }

    /// So many fragments for those who need them, if there are as many: to all, or to each alone. Whom that did not help is
    /// served with all others next.
    fn serve(&self, found: Findings, fragments: u16) -> Verdict {
        if found.cheaper_alone && !self.repaired && found.batch <= found.left {
            return Verdict::Repair;
        }
        Verdict::Send(fragments.min(found.left))
    }

    /// Those served one by one have said how they stand. What nobody else said is asked for once more.
    fn look_after_repair(&mut self, found: Findings) -> Verdict {
        if found.last {
            return Verdict::Done;
        }
        if found.few_enough || self.is_spent(found) {
            return Verdict::Again;
        }
        self.serve(found, found.batch)
    }

    /// Whether nothing more is sent to those who are named.
    const fn may_report(&self, found: Findings) -> bool {
        (found.few_enough && self.last_step) || self.is_spent(found)
    }

    const fn is_spent(&self, found: Findings) -> bool {
        found.left == 0 || found.batch == 0
    }
}

/// So few named devices are suspiciously few where answers may have drowned each other.
const SHORT_LIST: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a campaign that wants every device.
    fn named(named: u32, batch: u16) -> Findings {
        Findings {
            asked: true,
            named,
            batch,
            few_enough: named == 0,
            doubtful: false,
            unsure: false,
            cheaper_alone: false,
            left: 100,
            step: 5,
            last: false,
        }
    }

    const SILENCE: fn() -> Findings = || named(0, 0);

    #[test]
    fn two_silent_polls_in_a_row_end_it() {
        let mut course = Course::new();
        let polls = [SILENCE(), named(1, 3), SILENCE(), SILENCE()];
        let verdicts = polls.map(|poll| course.judge(poll));
        assert_eq!(verdicts, [Verdict::Again, Verdict::Send(3), Verdict::Again, Verdict::Done]);
        assert!(course.believes_silence());
    }

    #[test]
    fn a_poll_that_was_not_sent_is_no_silence() {
        let mut course = Course::new();
        let unsent = Findings { asked: false, ..SILENCE() };
        for _ in 0..5 {
            assert_eq!(course.judge(unsent), Verdict::Again);
        }
        assert_eq!(course.judge(Findings { last: true, ..unsent }), Verdict::Done);
        assert!(!course.believes_silence());
    }

    #[test]
    fn those_who_may_fail_get_one_step_more_and_are_named() {
        let mut course = Course::new();
        let few = Findings { few_enough: true, ..named(2, 40) };
        let verdicts = [few; 5].map(|poll| course.judge(poll));
        let (again, done) = (Verdict::Again, Verdict::Done);
        assert_eq!(verdicts[..3], [again, Verdict::Send(5), again]);
        assert_eq!(verdicts[3], done);
    }

    #[test]
    fn what_may_not_be_exceeded_is_not() {
        let mut course = Course::new();
        assert_eq!(course.judge(named(9, 1_000)), Verdict::Send(100));
        let spent = Findings { left: 0, ..named(9, 1_000) };
        assert_eq!([spent; 2].map(|poll| course.judge(poll)), [Verdict::Again, Verdict::Done]);
    }

    #[test]
    fn where_answers_may_drown_silence_is_put_to_the_test() {
        let doubtful = Findings { doubtful: true, ..SILENCE() };
        let mut course = Course::new();
        assert_eq!([doubtful; 2].map(|poll| course.judge(poll)), [Verdict::Again, Verdict::Sample]);
        // Somebody of the sample misses something: a step, and on.
        course.sample = Some(Sample { asked: 60, whole: 59, lacking: 1 });
        assert_eq!(course.judge(doubtful), Verdict::Send(5));
        assert_eq!(course.sample, None);
        assert_eq!([doubtful; 2].map(|poll| course.judge(poll)), [Verdict::Again, Verdict::Sample]);
        course.sample = Some(Sample { asked: 60, whole: 58, lacking: 0 });
        assert_eq!(course.judge(doubtful), Verdict::Done);
    }

    #[test]
    fn a_sample_that_says_nothing_reassures_nobody() {
        let doubtful = Findings { doubtful: true, ..SILENCE() };
        let mut course = Course::new();
        assert_eq!([doubtful; 2].map(|poll| course.judge(poll)), [Verdict::Again, Verdict::Sample]);
        course.sample = Some(Sample { asked: 60, whole: 29, lacking: 0 });
        assert_eq!(course.judge(Findings { left: 0, ..doubtful }), Verdict::Done);
        assert!(!course.believes_silence());
    }

    #[test]
    fn whose_silence_is_hard_to_believe_is_asked() {
        let unsure = Findings { unsure: true, ..SILENCE() };
        let mut course = Course::new();
        assert_eq!([unsure; 2].map(|poll| course.judge(poll)), [Verdict::Again, Verdict::Sample]);
        // One of two misses something: what it needs, and all over again.
        course.sample = Some(Sample { asked: 2, whole: 1, lacking: 1 });
        assert_eq!(course.judge(named(1, 4)), Verdict::Send(4));
        assert_eq!([unsure; 2].map(|poll| course.judge(poll)), [Verdict::Again, Verdict::Sample]);
        // Nobody answers; that says nothing about those who were not asked.
        course.sample = Some(Sample { asked: 1, whole: 0, lacking: 0 });
        assert_eq!(course.judge(unsure), Verdict::Done);
        assert!(course.believes_silence());
    }

    /// Also where some may fail: who is silent beside those named would count as complete in the end.
    #[test]
    fn whose_silence_is_hard_to_believe_is_asked_before_others_may_fail() {
        let few = Findings { few_enough: true, unsure: true, ..named(2, 40) };
        let mut course = Course::new();
        let verdicts = [few; 4].map(|poll| course.judge(poll));
        assert_eq!(verdicts, [Verdict::Again, Verdict::Send(5), Verdict::Again, Verdict::Sample]);
        // One of those asked misses something and may fail too.
        course.sample = Some(Sample { asked: 3, whole: 2, lacking: 1 });
        assert_eq!(course.judge(Findings { named: 3, unsure: false, ..few }), Verdict::Done);
        assert!(course.believes_silence());
        // If it may not, it is served like any other.
        let mut course = Course { verdict: Some(Verdict::Sample), ..course };
        assert_eq!(course.judge(Findings { few_enough: false, ..named(3, 40) }), Verdict::Send(40));
    }

    #[test]
    fn those_who_are_cheaper_to_serve_alone_are_and_with_all_others_if_that_did_not_help() {
        let few = Findings { cheaper_alone: true, ..named(2, 40) };
        let mut course = Course::new();
        let verdicts = [few, few, few, SILENCE()].map(|poll| course.judge(poll));
        assert_eq!(verdicts, [Verdict::Repair, Verdict::Send(40), Verdict::Repair, Verdict::Again]);
        // More than may be sent in all: the rest of it goes to all.
        assert_eq!(course.judge(Findings { left: 39, ..few }), Verdict::Send(39));
    }

    #[test]
    fn a_short_list_is_put_to_the_test_too() {
        let mut course = Course::new();
        let short = Findings { doubtful: true, ..named(3, 7) };
        assert_eq!(course.judge(short), Verdict::Sample);
        course.sample = Some(Sample { asked: 60, whole: 60, lacking: 0 });
        assert_eq!(course.judge(short), Verdict::Send(7));
        assert_eq!(course.judge(Findings { doubtful: true, ..named(61, 7) }), Verdict::Send(7));
    }
}
