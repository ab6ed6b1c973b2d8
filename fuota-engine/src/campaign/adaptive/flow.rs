//! The adaptive policy at work: polls are judged, samples asked, batches sent, silence counted.

use alloc::vec::Vec;

use fuota_proto::FragN;

use super::ballot::step;
use super::count::{Count, Doubt};
use super::course::{Findings, Sample, Verdict};
use super::hearing::Hearing;
use super::{POLLS_MAX, REQUESTS};
use crate::campaign::answer::Status;
use crate::campaign::event::{Event, FailureReason};
use crate::campaign::member::{Errand, Member, Standing};
use crate::campaign::policy::Batch;
use crate::campaign::question::Question;
use crate::campaign::quirk::Quirk;
use crate::campaign::spec::Kind;
use crate::campaign::stream::{Key, PollStep};
use crate::campaign::{Campaign, Phase};

/// Devices asked one by one where silence proves nothing: if one in twenty lacks something, such a sample shows it in 95
/// of 100 cases.
const SAMPLE: usize = 60;
/// Devices asked one by one at most because their silence is hard to believe.
const UNSURE: usize = 10;

impl Campaign {
    /// Whether a stream follows the adaptive policy.
    pub(in crate::campaign) fn is_adaptive(&self, key: Key) -> bool {
        self.plan.group(key.group).is_some_and(|group| group.adaptive().is_some())
    }

    /// Whether any stream that has a part in the round under way does.
    pub(in crate::campaign) fn is_any_active_adaptive(&self) -> bool {
        self.streams.iter().any(|stream| stream.is_active() && self.is_adaptive(stream.key))
    }

    /// Has the devices of a stream asked by multicast who of them misses something.
    pub(in crate::campaign) fn begin_adaptive_poll(&mut self, at: usize, devices: u32) {
        let Some(stream) = self.streams.get_mut(at) else { return };
        stream.begin_poll(devices);
        stream.poll = PollStep::Due { participants: false, times: REQUESTS };
        let key = stream.key;
        for index in self.roster.indices() {
            let waited_for = |member: &Member| member.needs_fragments() && Key::of(&self.plan, member) == key;
            if self.roster.get(index).is_some_and(waited_for) {
                self.roster.set(index, Errand::Listening, None);
            }
        }
    }

    /// What a device says it is missing tells what its stream needs, whenever it says so.
    pub(in crate::campaign) fn note_count(&mut self, index: u32, status: Status) {
        if status != Status::Complete && self.sticks(index) {
            self.heeds(index, Quirk::MissingFragSticks);
            return;
        }
        let key = self.roster.get(index).map(|member| Key::of(&self.plan, member));
        let sampled = self.phase_asks(Question::FragSessionStatus);
        let Some(at) = self.streams.iter().position(|stream| Some(stream.key) == key) else { return };
        let Some(stream) = self.streams.get_mut(at) else { return };
        let Some(group) = self.plan.group(stream.key.group) else { return };
        let (Some(block), Some(_)) = (group.block(), group.adaptive()) else { return };
        if let (true, Some(sample)) = (sampled, &mut stream.course.sample) {
            match status {
                Status::Complete => sample.whole = sample.whole.saturating_add(1),
                _ => sample.lacking = sample.lacking.saturating_add(1),
            }
        }
        let (poll, nb_frag, sent) = (stream.course.polls, block.geometry.nb_frag(), stream.sent());
        let polling = self.phase == Phase::Polling;
        let taken_at = if polling { stream.early.asked_at() } else { sent };
        let early = self.early_word(index, poll, nb_frag);
        match status {
            Status::Missing(missing) => self.roster.update(index, |member| {
                let count = Count { missing, nb_frag, sent: taken_at };
                member.track.note(poll, member.missing_frag, count, sent);
                member.missing_frag = Some(missing);
            }),
            Status::Complete => self.roster.update(index, |member| member.missing_frag = Some(0)),
            _ => return,
        }
        if polling && self.plan.config().adaptive_overlap {
            self.get_ahead(at, index, early);
        }
    }

    /// Whether a device's count does not fall whatever it receives.
    fn sticks(&self, index: u32) -> bool {
        self.is_polled_adaptively(index) && self.quirks(index).has(Quirk::MissingFragSticks)
    }

    /// Judges the polls of adaptive streams. Tells whether some devices have to be asked again before the campaign
    /// can go on.
    pub(in crate::campaign) fn settle_courses(&mut self) -> bool {
        let mut again = false;
        for at in 0..self.streams.len() {
            let Some(stream) = self.streams.get(at) else { continue };
            let open = matches!(stream.course.verdict, None | Some(Verdict::Sample | Verdict::Repair));
            if !(stream.is_active() && self.is_adaptive(stream.key) && open) {
                continue;
            }
            let verdict = self.judge(at);
            match verdict {
                Some(Verdict::Sample) => {
                    self.ask_sample(at);
                    again = true;
                }
                Some(Verdict::Repair) => again = true,
                Some(Verdict::Done) if self.plan.kind() == Kind::Binary => self.infer(at),
                _ => {}
            }
        }
        if again {
            self.phase = Phase::Asking(Question::FragSessionStatus);
            return true;
        }
        let wanting = |(at, stream): (usize, &crate::campaign::Stream)| {
            let asks = stream.is_active() && stream.course.verdict == Some(Verdict::Again);
            asks.then_some((at, stream.course.devices))
        };
        let polls: Vec<_> = self.streams.iter().enumerate().filter_map(wanting).collect();
        for &(at, devices) in &polls {
            self.begin_adaptive_poll(at, devices);
            self.phase = Phase::Polling;
        }
        !polls.is_empty()
    }

    /// The batch that a stream's last poll asks for.
    pub(in crate::campaign) fn adaptive_batch(&self, at: usize) -> Option<Batch> {
        let stream = self.streams.get(at)?;
        match stream.course.verdict {
            Some(Verdict::Send(fragments)) => {
                let first = stream.number().saturating_add(1);
                Some(Batch { first, last: stream.number().saturating_add(fragments).min(FragN::MAX.get()) })
            }
            _ => None,
        }
    }

    /// Whether any stream's last poll asks for one.
    pub(in crate::campaign) fn is_any_batch_due(&self) -> bool {
        (0..self.streams.len()).any(|at| self.adaptive_batch(at).is_some())
    }

    fn judge(&mut self, at: usize) -> Option<Verdict> {
        if self.streams.get(at)?.course.verdict == Some(Verdict::Repair) {
            self.forget_owed(at);
        }
        let Hearing { named, batch, suspects, largest, needs, for_saturated, .. } = self.hear(at);
        let stream = self.streams.get(at)?;
        let (key, course, sent) = (stream.key, stream.course, stream.sent());
        let nb_frag = self.plan.group(key.group)?.block()?.geometry.nb_frag();
        let (left, is_last) = self.left(at)?;
        let found = Findings {
            asked: course.on_air,
            named,
            batch,
            few_enough: self.are_few_enough(),
            doubtful: self.is_doubtful(),
            unsure: self.plan.kind() == Kind::Binary && self.unsure(at).next().is_some(),
            cheaper_alone: !needs.is_empty() && self.is_cheaper_alone(key, &needs, batch.into()),
            left,
            step: step(nb_frag),
            last: course.polls >= POLLS_MAX || is_last,
        };
        let stream = self.streams.get_mut(at)?;
        let verdict = stream.course.judge(found);
        if !matches!(verdict, Verdict::Send(_)) {
            // What was sent ahead and did not go on air is not sent again.
            stream.again.clear();
        }
        let course = &mut stream.course;
        course.saturated_step |= for_saturated && matches!(verdict, Verdict::Send(_) | Verdict::Repair);
        let polls = course.polls;
        if verdict == Verdict::Repair {
            self.repair_alone(at, &needs, batch);
        }
        self.tell(Event::Polled {
            group: group_id(key),
            poll: polls,
            fragments: sent,
            answers: named + suspects,
            largest,
            suspects,
            batch: if let Verdict::Send(fragments) = verdict { fragments } else { 0 },
        });
        Some(verdict)
    }

    /// Fragments that a stream may still be sent, and whether there is no time for a poll after them.
    pub(super) fn left(&self, at: usize) -> Option<(u16, bool)> {
        let stream = self.streams.get(at)?;
        let group = self.plan.group(stream.key.group)?;
        let (block, adaptive) = (group.block()?, group.adaptive()?);
        let spent = stream.number().saturating_sub(block.geometry.nb_frag().max(stream.resumed));
        let time = self.time_before_poll(stream.key);
        let fitting = group.frames_within(time.unwrap_or_default(), u32::from(adaptive.most));
        let left = adaptive.most.saturating_sub(spent).min(u16::try_from(fitting).unwrap_or(u16::MAX));
        Some((left, time.is_none()))
    }

    /// Devices that may fail in the end beside those that have.
    pub(super) fn may_fail(&self) -> u32 {
        self.roster.indices().end.saturating_sub(self.required()).saturating_sub(self.roster.counts().failed)
    }

    /// Whether no more devices are known to miss something than may fail in the end.
    fn are_few_enough(&self) -> bool {
        let named = self.roster.members().iter().filter(|member| self.is_named(member)).count();
        u32::try_from(named).is_ok_and(|named| named <= self.may_fail())
    }

    /// Whether a device said in its stream's last poll, or in one that nothing was sent after, that it misses something.
    fn is_named(&self, member: &Member) -> bool {
        let key = Key::of(&self.plan, member);
        let stream = self.streams.iter().find(|stream| stream.key == key);
        member.is_running()
            && member.missing_frag.is_some_and(|missing| missing > 0)
            && stream.is_some_and(|stream| stream.course.names(member.track.named_in()))
    }

    /// Whether answers may drown each other.
    fn is_doubtful(&self) -> bool {
        !self.plan.answers_fit(self.plan.answer_window())
    }

    /// The devices of a stream that said before what they miss, and may well miss some still though they fell silent.
    fn unsure(&self, at: usize) -> impl Iterator<Item = (Doubt, u32)> + '_ {
        let stream = self.streams.get(at);
        let nb_frag = stream.and_then(|stream| self.plan.group(stream.key.group)?.block());
        let nb_frag = nb_frag.map_or(0, |block| block.geometry.nb_frag());
        self.roster.indices().zip(self.roster.members()).filter_map(move |(index, member)| {
            let stream = stream.filter(|stream| Key::of(&self.plan, member) == stream.key)?;
            let missing = member.missing_frag.filter(|missing| *missing > 0)?;
            let silent = member.needs_fragments()
                && (1..stream.course.polls).contains(&member.track.named_in())
                && !member.track.suspect
                && !self.sticks(index);
            let doubt = member.track.doubt(missing, nb_frag, stream.sent(), stream.course.polls);
            Some((doubt.filter(|_| silent)?, index))
        })
    }

    /// Asks some of a stream's silent devices one by one: any, where answers may have drowned each other; otherwise those
    /// of whom it is hardest to believe.
    fn ask_sample(&mut self, at: usize) {
        let silent = if self.is_doubtful() {
            self.random_sample(at)
        } else {
            let mut unsure: Vec<_> = self.unsure(at).collect();
            unsure.sort_unstable();
            unsure.truncate(UNSURE);
            unsure.into_iter().map(|(_, index)| index).collect()
        };
        if let Some(stream) = self.streams.get_mut(at) {
            let asked = u32::try_from(silent.len()).unwrap_or(u32::MAX);
            stream.course.sample = Some(Sample { asked, ..Sample::default() });
        }
        for index in silent {
            self.roster.update(index, |member| member.tries = 0);
            self.roster.set(index, Errand::Queued, None);
        }
    }

    /// Some of a stream's silent devices, drawn with the plan's seed.
    fn random_sample(&self, at: usize) -> Vec<u32> {
        let Some(stream) = self.streams.get(at) else { return Vec::new() };
        let (key, poll) = (stream.key, stream.course.polls);
        let seed = self.plan.spec.sample_seed;
        let mut silent: Vec<(u64, u32)> = self
            .roster
            .indices()
            .filter(|&index| {
                let silent = |member: &Member| {
                    member.needs_fragments()
                        && Key::of(&self.plan, member) == key
                        && member.track.named_in() != poll
                };
                self.roster.get(index).is_some_and(silent)
            })
            .map(|index| (mix(seed, poll, index), index))
            .collect();
        if silent.len() > SAMPLE {
            silent.select_nth_unstable(SAMPLE);
            silent.truncate(SAMPLE);
        }
        let mut silent: Vec<u32> = silent.into_iter().map(|(_, index)| index).collect();
        silent.sort_unstable();
        silent
    }

    /// A stream's fragments are over: who kept silent when silence is believed counts as complete, unless it is known to
    /// be otherwise.
    fn infer(&mut self, at: usize) {
        let Some(stream) = self.streams.get(at) else { return };
        let (key, course, sent) = (stream.key, stream.course, stream.sent());
        if !course.believes_silence() {
            return;
        }
        for index in self.roster.indices() {
            let Some(&member) = self.roster.get(index) else { continue };
            if !member.is_running() || Key::of(&self.plan, &member) != key {
                continue;
            }
            let missing = member.missing_frag.filter(|_| member.track.named_in() > 0).unwrap_or_default();
            // One whose count sticks was not silent: it said something, and that proves nothing.
            let spoke = member.missing_frag.is_some_and(|missing| missing > 0) && self.sticks(index);
            // Asked alone since the last fragments, it said nothing either.
            let mute = member.tries > 0;
            if spoke || mute || course.names(member.track.named_in()) || member.track.must_miss(missing, sent)
            {
                // It stays, to be named in the end.
            } else if self.now >= self.silent_at(index, &member) {
                self.fail(index, FailureReason::NotHeard);
            } else {
                self.conclude(index, Standing::Inferred);
            }
        }
    }
}

pub(super) const fn group_id(key: Key) -> crate::ids::GroupId {
    crate::ids::GroupId(key.group)
}

/// A number that looks random and follows from the plan's seed, the poll and the device alone (SplitMix64).
const fn mix(seed: u64, poll: u16, index: u32) -> u64 {
    let mut z = seed
        .wrapping_add((poll as u64) << 32 | index as u64)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}
