//! Application layer clock synchronisation on the device (TS003): the device asks, and sets its clock.
//!
//! On the wire both versions are alike; version 2 alone asks again after a correction that did not fit.

use core::time::Duration;

use fuota_proto::clock_sync::v1::{Downlink, Uplink};
use fuota_proto::clock_sync::{AppTimeAns, AppTimeReq, DeviceAppTimePeriodicityAns, PACKAGE_IDENTIFIER};
use fuota_proto::{AppTimePeriod, GpsSeconds, PackageVersion, PackageVersionAns, TimeToken};
use heapless::Vec;

use super::answers::{ANSWER_DELAY, Answers};
use super::output::MAX_UPLINK;
use super::platform::Platform;
use crate::time::GpsInstant;

/// From one request to the next while none is answered: the answer may need the device's next uplink to come.
const RESYNC_PAUSE: Duration = Duration::from_secs(30);
/// Periodic requests come up to this much early or late, so that a fleet doesn't ask in step.
const JITTER: Duration = Duration::from_secs(30);

/// The package: when to ask, and the answers it owes.
#[derive(Debug)]
pub(super) struct ClockSync {
    version: PackageVersion,
    answers: Answers<Answer, 4>,
    /// Counts the corrections taken (TS003-1.0.0 §2.2).
    token: TimeToken,
    asking: Option<Asking>,
    period: Option<AppTimePeriod>,
    /// When the period asks next.
    periodic_due: GpsInstant,
    /// The correction that the device's clock has not been set by yet, in seconds.
    correction: Option<i32>,
}

/// Requests to come until one is answered.
#[derive(Clone, Copy, Debug)]
struct Asking {
    due: GpsInstant,
    left: u8,
    ans_required: bool,
}

#[derive(Debug)]
enum Answer {
    Version,
    Periodicity,
}

impl ClockSync {
    pub(super) const fn new(version: PackageVersion) -> Self {
        Self {
            version,
            answers: Answers::new(),
            token: TimeToken::MIN,
            asking: None,
            period: None,
            periodic_due: GpsInstant::EPOCH,
            correction: None,
        }
    }

    /// Executes the commands of a unicast payload, first to last, up to the first that makes no sense.
    pub(super) fn handle<P: Platform>(&mut self, now: GpsInstant, payload: &[u8], platform: &mut P) {
        for command in Downlink::commands(payload).map_while(Result::ok) {
            match command {
                Downlink::PackageVersionReq(_) => self.answers.push(now, Answer::Version),
                Downlink::AppTimeAns(ans) => self.correct(now, ans),
                Downlink::DeviceAppTimePeriodicityReq(req) => {
                    self.period = Some(req.period);
                    self.schedule_periodic(now, req.period, platform);
                    self.answers.push(now, Answer::Periodicity);
                }
                // TS003-1.0.0 §2.5: no answer but the requests themselves, and none of those for 0.
                Downlink::ForceDeviceResyncReq(req) => self.ask(now, req.nb_transmissions.get(), false),
            }
        }
    }

    /// Has the device ask for the time up to `times` times, until it is told.
    pub(super) fn ask(&mut self, now: GpsInstant, times: u8, ans_required: bool) {
        if times > 0 {
            self.asking = Some(Asking { due: now + ANSWER_DELAY, left: times, ans_required });
        }
    }

    /// By how many seconds the device's clock is to be set forward, or back if negative.
    pub(super) fn poll_correction(&mut self) -> Option<i32> {
        self.correction.take()
    }

    /// The answers that leave now, and with them the question for the time if it is due.
    pub(super) fn poll<P: Platform>(
        &mut self,
        now: GpsInstant,
        max_uplink: usize,
        platform: &mut P,
    ) -> Option<Vec<u8, MAX_UPLINK>> {
        let (version, time) = (self.version, GpsSeconds(now.wire_secs()));
        let answers = self.answers.uplink(now, max_uplink, |answer, _| {
            Some(match answer {
                Answer::Version => Uplink::from(PackageVersionAns {
                    package_identifier: PACKAGE_IDENTIFIER,
                    package_version: version.number(),
                }),
                Answer::Periodicity => DeviceAppTimePeriodicityAns { not_supported: false, time }.into(),
            })
        });
        if answers.is_some() {
            return answers;
        }
        let ans_required = self.take_due(now, platform)?;
        let req = AppTimeReq { device_time: time, token_req: self.token, ans_required };
        super::alone(&Uplink::from(req))
    }

    /// When the package has something to say next.
    pub(super) fn due(&self) -> Option<GpsInstant> {
        let asking = self.asking.map(|asking| asking.due);
        let periodic = self.period.map(|_| self.periodic_due);
        self.answers.due().into_iter().chain(asking).chain(periodic).min()
    }

    /// The device's clock is set forward or back by this many seconds.
    pub(super) fn shift(&mut self, seconds: i32) {
        self.answers.shift(seconds);
        self.periodic_due = self.periodic_due.shifted(seconds);
        if let Some(asking) = &mut self.asking {
            asking.due = asking.due.shifted(seconds);
        }
    }

    fn correct(&mut self, now: GpsInstant, ans: AppTimeAns) {
        // TS003-1.0.0 §2.3: an answer to another request, or to one that has been answered, means nothing.
        if ans.token_ans != self.token {
            return;
        }
        self.token = self.token.next();
        self.asking = None;
        if ans.time_correction != 0 {
            self.correction = Some(ans.time_correction);
        }
        // TS003-2.0.0 §2.3: both extremes mean that the rest is still to come.
        if self.version == PackageVersion::V2 && ans.is_saturated() {
            self.ask(now, 1, false);
        }
    }

    /// Whether a request is due and, if so, whether it wants an answer in any case.
    fn take_due<P: Platform>(&mut self, now: GpsInstant, platform: &mut P) -> Option<bool> {
        if let Some(period) = self.period
            && self.periodic_due <= now
        {
            self.schedule_periodic(now, period, platform);
            return Some(false);
        }
        let asking = self.asking.filter(|asking| asking.due <= now)?;
        let left = asking.left.saturating_sub(1);
        self.asking = (left > 0).then_some(Asking { due: now + RESYNC_PAUSE, left, ..asking });
        Some(asking.ans_required)
    }

    fn schedule_periodic<P: Platform>(&mut self, now: GpsInstant, period: AppTimePeriod, platform: &mut P) {
        // TS003-1.0.0 §2.4: 128 × 2^Period s; the shortest is longer than the jitter.
        let earliest = now + Duration::from_secs(period.period_s().into()) - JITTER;
        self.periodic_due = earliest + super::share(2 * JITTER, platform.random());
    }
}
