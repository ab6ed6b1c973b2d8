//! Firmware management on the device (TS006): versions, one reboot to come, the image that it installs.

use core::time::Duration;

use fuota_proto::firmware::v1::{
    DevDeleteImageAns, DevDeleteImageReq, DevRebootCountdownAns, DevRebootCountdownReq, DevRebootTimeAns,
    DevRebootTimeReq, DevUpgradeImageAns, Downlink, PACKAGE_IDENTIFIER, PACKAGE_VERSION, Uplink,
};
use fuota_proto::{Countdown, PackageVersionAns};
use heapless::Vec;

use super::answers::Answers;
use super::output::MAX_UPLINK;
use super::platform::Platform;
use crate::time::GpsInstant;

/// Least time from the boot after an upgrade to the report of it.
const REPORT_EARLIEST: Duration = Duration::from_secs(16);
/// Most time from the boot after an upgrade to the report of it.
const REPORT_LATEST: Duration = Duration::from_secs(128);

/// The package: the reboot to come, and the answers it owes.
#[derive(Debug)]
pub(super) struct Firmware {
    answers: Answers<Answer, 8>,
    /// Only one is kept (TS006-1.0.0 §2.4).
    reboot: Option<Reboot>,
    /// When the version is reported without having been asked for.
    report_due: Option<GpsInstant>,
}

/// A reboot to come.
#[derive(Clone, Copy, Debug)]
enum Reboot {
    /// As soon as possible.
    Now,
    /// At this time: if the clock turns out to be wrong, it stays.
    At(GpsInstant),
    /// After so much time: if the clock turns out to be wrong, it moves along.
    After(GpsInstant),
    /// By itself, because a valid image is there; it waits until the server has been told of the block.
    Automatic(GpsInstant),
}

#[derive(Debug)]
enum Answer {
    Version,
    DevVersion,
    RebootTime,
    RebootTimeCannot,
    RebootTimeCancelled,
    Countdown,
    CountdownCancelled,
    Image(DevUpgradeImageAns),
    Delete(DevDeleteImageAns),
}

impl Firmware {
    pub(super) const fn new() -> Self {
        Self { answers: Answers::new(), reboot: None, report_due: None }
    }

    /// Executes the commands of a unicast payload, first to last, up to the first that makes no sense.
    pub(super) fn handle<P: Platform>(&mut self, now: GpsInstant, payload: &[u8], platform: &mut P) {
        for command in Downlink::commands(payload).map_while(Result::ok) {
            let answer = match command {
                Downlink::PackageVersionReq(_) => Some(Answer::Version),
                Downlink::DevVersionReq(_) => Some(Answer::DevVersion),
                Downlink::DevRebootTimeReq(req) => self.reboot_time(now, req),
                Downlink::DevRebootCountdownReq(req) => self.countdown(now, req),
                Downlink::DevUpgradeImageReq(_) => Some(Answer::Image(platform.upgrade_image())),
                Downlink::DevDeleteImageReq(req) => Some(Answer::Delete(delete(req, platform))),
            };
            if let Some(answer) = answer {
                self.answers.push(now, answer);
            }
        }
    }

    /// Has the device report its version without having been asked, at a random moment.
    pub(super) fn report(&mut self, now: GpsInstant, random: u32) {
        self.report_due = Some(now + REPORT_EARLIEST + super::share(REPORT_LATEST - REPORT_EARLIEST, random));
    }

    /// Has the device reboot by itself at `at`, unless a reboot is to come anyway.
    pub(super) fn install_at(&mut self, at: GpsInstant) {
        self.reboot.get_or_insert(Reboot::Automatic(at));
    }

    /// Whether the device is to reboot now. `reporting`: the server has not been told yet that a block is whole.
    pub(super) fn poll_reboot(&mut self, now: GpsInstant, reporting: bool) -> bool {
        let is_due = match self.reboot {
            None => false,
            Some(Reboot::Now) => true,
            Some(Reboot::At(at) | Reboot::After(at)) => at <= now,
            Some(Reboot::Automatic(at)) => at <= now && !reporting,
        };
        if is_due {
            self.reboot = None;
        }
        is_due
    }

    /// The answers that leave now, or the report of the version.
    pub(super) fn poll<P: Platform>(
        &mut self,
        now: GpsInstant,
        max_uplink: usize,
        platform: &mut P,
    ) -> Option<Vec<u8, MAX_UPLINK>> {
        let seconds = self.seconds_to_reboot(now);
        let version = platform.version();
        let answers = self.answers.uplink(now, max_uplink, |answer, _| {
            Some(match answer {
                Answer::Version => Uplink::from(PackageVersionAns {
                    package_identifier: PACKAGE_IDENTIFIER,
                    package_version: PACKAGE_VERSION,
                }),
                Answer::DevVersion => version.into(),
                Answer::RebootTime => DevRebootTimeAns { reboot_time: seconds.min(u32::MAX - 1) }.into(),
                Answer::RebootTimeCannot => DevRebootTimeAns::CANNOT.into(),
                Answer::RebootTimeCancelled => DevRebootTimeAns::CANCELLED.into(),
                Answer::Countdown => DevRebootCountdownAns { countdown: countdown(seconds) }.into(),
                Answer::CountdownCancelled => DevRebootCountdownAns { countdown: Countdown::CANCEL }.into(),
                Answer::Image(answer) => answer.into(),
                Answer::Delete(answer) => answer.into(),
            })
        });
        if answers.is_some() {
            return answers;
        }
        self.report_due.take_if(|due| *due <= now)?;
        super::alone(&Uplink::from(version))
    }

    /// When the device reboots, if `reporting` does not hold it up.
    pub(super) fn reboot_due(&self, reporting: bool) -> Option<GpsInstant> {
        match self.reboot? {
            Reboot::Now => Some(GpsInstant::EPOCH),
            Reboot::At(at) | Reboot::After(at) => Some(at),
            Reboot::Automatic(at) => (!reporting).then_some(at),
        }
    }

    /// When the package has something to say next.
    pub(super) fn due(&self) -> Option<GpsInstant> {
        self.answers.due().into_iter().chain(self.report_due).min()
    }

    /// The device's clock is set forward or back by this many seconds.
    pub(super) fn shift(&mut self, seconds: i32) {
        self.answers.shift(seconds);
        self.report_due = self.report_due.map(|due| due.shifted(seconds));
        self.reboot = self.reboot.map(|reboot| match reboot {
            Reboot::Now | Reboot::At(_) => reboot,
            Reboot::After(at) => Reboot::After(at.shifted(seconds)),
            Reboot::Automatic(at) => Reboot::Automatic(at.shifted(seconds)),
        });
    }

    /// Whole seconds from the uplink that leaves `now` to the reboot, at least 1; 0 if there is none to come any more,
    /// which means that the device cannot (TS006-1.0.0 §2.3).
    fn seconds_to_reboot(&self, now: GpsInstant) -> u32 {
        self.reboot_due(false)
            .map_or(0, |at| u32::try_from(at.since(now).as_secs()).unwrap_or(u32::MAX).max(1))
    }

    fn reboot_time(&mut self, now: GpsInstant, req: DevRebootTimeReq) -> Option<Answer> {
        if !req.is_answered() {
            self.reboot = Some(Reboot::Now);
            return None;
        }
        if req == DevRebootTimeReq::CANCEL {
            self.reboot = None;
            return Some(Answer::RebootTimeCancelled);
        }
        let at = now.nearest(req.reboot_time.get());
        // TS006-1.0.0 §2.3: a time that has passed is refused, and what was programmed stays.
        if at < now {
            return Some(Answer::RebootTimeCannot);
        }
        self.reboot = Some(Reboot::At(at));
        Some(Answer::RebootTime)
    }

    fn countdown(&mut self, now: GpsInstant, req: DevRebootCountdownReq) -> Option<Answer> {
        match req.countdown {
            Countdown::ZERO => {
                self.reboot = Some(Reboot::Now);
                None
            }
            Countdown::CANCEL => {
                self.reboot = None;
                Some(Answer::CountdownCancelled)
            }
            countdown => {
                // TS006-1.0.0 §2.4: counts from the request's reception.
                self.reboot = Some(Reboot::After(now + Duration::from_secs(countdown.get().into())));
                Some(Answer::Countdown)
            }
        }
    }
}

/// Throws the stored image away if it is the one that is meant (TS006-1.0.0 §2.6).
fn delete<P: Platform>(req: DevDeleteImageReq, platform: &mut P) -> DevDeleteImageAns {
    let stored = platform.upgrade_image().next_firmware_version();
    let error_no_valid_image = stored.is_none();
    let error_invalid_version = stored.is_some_and(|stored| stored != req.firmware_to_delete_version);
    let answer = DevDeleteImageAns { error_no_valid_image, error_invalid_version };
    if answer.is_ok() {
        platform.delete_image();
    }
    answer
}

/// Seconds to a reboot as 24 bits carry them, below the value that means a cancelled one.
fn countdown(seconds: u32) -> Countdown {
    Countdown::from_wire(seconds.min(Countdown::MAX.get() - 1))
}
