//! A staged roll-out above campaigns, as a state machine without I/O: a few devices first, then more, as long as those
//! before are well.
//!
//! ```text
//!        ┌──────────────────────── next wave ◀──────────────────────────┐
//!        ▼                                                              │ gate passed
//!  Serving (the wave's campaign runs) ──ended, enough complete──▶ Soaking (its devices are listened to)
//!        │ too few complete                                             │ too few on the version, or heard
//!        └──────────────────────────────▶ Over ◀────────────────────────┘
//! ```
//!
//! A [`Rollout`] is driven like a [`Campaign`](crate::campaign::Campaign): [`handle`](Rollout::handle) what happened,
//! then take outputs until it waits. It does not run campaigns: it says which devices the next one is for
//! ([`Output::Serve`]), and is told how that ended ([`Input::Ended`]).
//!
//! Its records are its inputs with their moments, freed from what changes nothing: a device that is heard is recorded
//! once a wave, in the part of the soak that counts. Applied to the same plan they lead to the same state.

mod io;
mod plan;
mod record;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use fuota_proto::Version;
use hashbrown::HashMap;

pub use self::io::{Check, End, Event, Input, Output};
pub use self::plan::{Gate, RolloutError, RolloutPlan, RolloutSpec, VersionGate, WaveSize, WaveSpec};
pub use self::record::{Completion, Entry, Record, RestoreError};
use crate::campaign::event::{DeviceReport, DeviceStatus};
use crate::ids::DevEui;
use crate::time::GpsInstant;

/// What is known of a device of the wave under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Watched {
    complete: bool,
    /// The version that it last said it runs, or was verified to, and when.
    version: Option<(Version, GpsInstant)>,
    /// Whether it was heard in the part of the soak that counts.
    heard: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    Soaking { until: GpsInstant },
    Over,
}

/// A roll-out under way. See the [module](self) for how to drive it.
#[derive(Clone, Debug)]
pub struct Rollout {
    plan: RolloutPlan,
    /// Looked up only, never iterated.
    by_name: HashMap<DevEui, u32>,
    now: GpsInstant,
    phase: Phase,
    /// The wave under way, counted from 0.
    wave: usize,
    /// Its devices.
    watched: Vec<Watched>,
    end: Option<End>,
    outputs: VecDeque<Output>,
}

impl Rollout {
    /// Starts a roll-out at `now`.
    #[must_use]
    pub fn new(plan: RolloutPlan, now: GpsInstant) -> Self {
        let by_name = (0..).zip(&plan.devices).map(|(place, device)| (*device, place)).collect();
        let mut rollout = Self {
            plan,
            by_name,
            now,
            phase: Phase::Serving,
            wave: 0,
            watched: Vec::new(),
            end: None,
            outputs: [Output::Persist(Record { at: now, entry: Entry::Started })].into(),
        };
        rollout.begin_wave(0);
        rollout
    }

    /// Takes note of something that happened at `now`; what concerns no device of the wave under way, or comes at another
    /// time, changes nothing.
    ///
    /// `now` must not run backwards; if it does, the latest moment known counts.
    pub fn handle(&mut self, now: GpsInstant, input: Input<'_>) {
        // What time alone has brought about comes first.
        let at = self.now.max(now);
        if self.is_due(at) {
            self.record_and_take(at, Entry::Timeout);
        }
        if let Some(entry) = self.entry(at, input) {
            self.record_and_take(at, entry);
        }
    }

    /// The next thing to do. Call until it answers [`Output::Wait`].
    pub fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or(match self.phase {
            Phase::Soaking { until } => Output::Wait(Some(until)),
            Phase::Serving | Phase::Over => Output::Wait(None),
        })
    }

    /// The plan that is carried out.
    #[must_use]
    pub const fn plan(&self) -> &RolloutPlan {
        &self.plan
    }

    /// The wave under way or the last one, counted from 0.
    #[must_use]
    pub const fn wave(&self) -> usize {
        self.wave
    }

    /// How it ended, if it is over.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    fn is_due(&self, at: GpsInstant) -> bool {
        matches!(self.phase, Phase::Soaking { until } if at >= until)
    }

    fn record_and_take(&mut self, at: GpsInstant, entry: Entry) {
        self.outputs.push_back(Output::Persist(Record { at, entry: entry.clone() }));
        self.take(at, entry);
    }

    /// An input as it is kept; `None` if it changes nothing.
    fn entry(&self, at: GpsInstant, input: Input<'_>) -> Option<Entry> {
        match input {
            _ if self.phase == Phase::Over => None,
            Input::Ended { wave, devices, verified } => {
                if wave != self.wave || self.phase != Phase::Serving {
                    return None;
                }
                let well = |report: &&DeviceReport| {
                    report.counts_as_complete() || report.status == DeviceStatus::AlreadyUpToDate
                };
                let complete = devices.iter().filter(well).filter_map(|report| {
                    Some(Completion { place: self.place(report.dev_eui)?, since: report.since })
                });
                Some(Entry::Ended { complete: complete.collect(), verified })
            }
            Input::Heard(device) => {
                let place = self.place(device)?;
                let counts = self.counts_hearing(at) && !self.watched.get(place as usize)?.heard;
                counts.then_some(Entry::Heard { place })
            }
            Input::Version { device, version } => {
                let place = self.place(device)?;
                let hears = self.counts_hearing(at) && !self.watched.get(place as usize)?.heard;
                let news =
                    self.watched.get(place as usize)?.version.map(|(version, _)| version) != Some(version);
                (news || hears).then_some(Entry::Version { place, version })
            }
            Input::Stop => Some(Entry::Stopped),
            Input::Timeout => None,
        }
    }

    /// The place of a device in the wave under way.
    fn place(&self, device: DevEui) -> Option<u32> {
        let place = *self.by_name.get(&device)?;
        let wave = self.plan.waves.get(self.wave)?;
        wave.devices.contains(&place).then(|| place - wave.devices.start)
    }

    /// Whether a device that is heard now counts as still heard.
    fn counts_hearing(&self, at: GpsInstant) -> bool {
        let Phase::Soaking { until } = self.phase else { return false };
        let within = self.plan.waves.get(self.wave).map(|wave| wave.gate.heard_within).unwrap_or_default();
        until.since(at) <= within
    }

    fn take(&mut self, at: GpsInstant, entry: Entry) {
        self.now = self.now.max(at);
        match entry {
            Entry::Ended { complete, verified } => self.end_campaign(&complete, verified),
            Entry::Heard { place } => self.watch(place, |device| device.heard = true),
            Entry::Version { place, version } => {
                let (heard, now) = (self.counts_hearing(self.now), self.now);
                self.watch(place, |device| {
                    device.version = Some((version, now));
                    device.heard |= heard;
                });
            }
            Entry::Stopped => {
                if self.phase == Phase::Serving {
                    self.outputs.push_back(Output::Halt { wave: self.wave });
                }
                self.finish(End::Stopped { wave: self.wave });
            }
            Entry::Timeout => self.end_soak(),
            Entry::Started => {}
        }
    }

    fn watch(&mut self, place: u32, change: impl FnOnce(&mut Watched)) {
        if let Some(device) = self.watched.get_mut(place as usize) {
            change(device);
        }
    }

    fn begin_wave(&mut self, wave: usize) {
        let Some(devices) = self.plan.waves.get(wave).map(|wave| wave.devices.clone()) else {
            self.finish(End::Succeeded);
            return;
        };
        self.wave = wave;
        self.watched.clear();
        self.watched.resize(devices.len(), Watched::default());
        self.phase = Phase::Serving;
        self.tell(Event::WaveStarted { wave, devices: devices.end - devices.start });
        self.outputs.push_back(Output::Serve { wave });
    }

    /// The wave's campaign is over: its devices soak if enough are complete.
    fn end_campaign(&mut self, complete: &[Completion], verified: Option<Version>) {
        for &Completion { place, since } in complete {
            self.watch(place, |device| {
                device.complete = true;
                // What it has said itself since then is newer.
                if let (Some(verified), None) = (verified, device.version.filter(|&(_, at)| at > since)) {
                    device.version = Some((verified, since));
                }
            });
        }
        let Some(gate) = self.plan.waves.get(self.wave).map(|wave| wave.gate) else { return };
        if let Err(end) = self.require(Check::Complete) {
            self.finish(end);
            return;
        }
        let until = self.now + gate.soak;
        let complete = self.count(Check::Complete);
        self.phase = Phase::Soaking { until };
        self.tell(Event::SoakStarted { wave: self.wave, complete, until });
        if gate.soak.is_zero() {
            self.end_soak();
        }
    }

    /// The wave has soaked: on to the next, or the end.
    fn end_soak(&mut self) {
        let checked = self.require(Check::Version).and_then(|()| self.require(Check::Heard));
        if let Err(end) = checked {
            self.finish(end);
            return;
        }
        let (complete, heard) = (self.count(Check::Complete), self.count(Check::Heard));
        self.tell(Event::GatePassed { wave: self.wave, complete, heard });
        self.begin_wave(self.wave + 1);
    }

    /// How many devices of the wave pass a check.
    fn count(&self, check: Check) -> u32 {
        let target = self.plan.waves.get(self.wave).and_then(|wave| wave.gate.version);
        let passes = |device: &&Watched| match check {
            Check::Complete => device.complete,
            Check::Version => {
                target.is_none_or(|gate| device.version.is_some_and(|(version, _)| version == gate.target))
            }
            Check::Heard => device.heard,
        };
        u32::try_from(self.watched.iter().filter(passes).count()).unwrap_or(u32::MAX)
    }

    /// Whether enough devices of the wave pass a check; if not, the end.
    fn require(&self, check: Check) -> Result<(), End> {
        let Some(wave) = self.plan.waves.get(self.wave) else { return Ok(()) };
        let share = match check {
            Check::Complete => Some(wave.gate.complete),
            Check::Version => wave.gate.version.map(|version| version.share),
            // Without a soak there was no time to hear anybody.
            Check::Heard => (!wave.gate.heard_within.is_zero()).then_some(wave.gate.heard),
        };
        let (required, counted) = (share.map_or(0, |share| wave.required(share)), self.count(check));
        if counted >= required {
            return Ok(());
        }
        Err(End::GateFailed { wave: self.wave, check, counted, required })
    }

    fn finish(&mut self, end: End) {
        self.phase = Phase::Over;
        self.end = Some(end);
        self.outputs.push_back(Output::Finished(end));
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
