//! What becomes of the devices' answers: a random moment, a random channel, collisions, losses.

use std::time::Duration;

use fuota_engine::time::GpsInstant;

use crate::node::Air;

/// The answers on air and to come.
pub(super) struct Uplinks {
    spread: Spread,
    airtime: Duration,
    /// Who spoke last on each channel, and until when.
    channels: Vec<Option<(u32, GpsInstant)>>,
    devices: Vec<Answer>,
    answers: u32,
}

/// How answers are spread.
#[derive(Clone, Copy)]
pub(super) struct Spread {
    window: Duration,
    channels: u8,
}

/// A device's answer, about which everything is drawn when it is asked.
#[derive(Clone, Copy, Default)]
pub(super) struct Answer {
    /// It waits for its moment, or is on air.
    is_due: bool,
    collided: bool,
    channel: u8,
    /// The gateways that the device's link carries it to, one bit each.
    reaches: u64,
}

impl Answer {
    /// When a device that is asked now answers; `None` if an answer is on its way already.
    pub(super) fn prepare(&mut self, spread: Spread, air: &mut Air, now: GpsInstant) -> Option<GpsInstant> {
        if self.is_due {
            return None;
        }
        let at = now + air.phase(spread.window);
        let (channel, reaches) = (air.hop(spread.channels), air.heard_by());
        *self = Self { is_due: true, collided: false, channel, reaches };
        Some(at)
    }
}

impl Uplinks {
    /// Of so many devices that spread their answers, each of which takes `airtime`, over `window`.
    pub(super) fn new(devices: u32, window: Duration, airtime: Duration, channels: u8) -> Self {
        Self {
            spread: Spread { window, channels },
            airtime,
            channels: vec![None; channels.into()],
            devices: vec![Answer::default(); devices as usize],
            answers: 0,
        }
    }

    /// Every device's answer, and how they are spread.
    pub(super) fn all(&mut self) -> (Spread, &mut [Answer]) {
        (self.spread, &mut self.devices)
    }

    /// When a device that is asked now answers; `None` if an answer is on its way already.
    pub(super) fn answer_at(&mut self, device: u32, air: &mut Air, now: GpsInstant) -> Option<GpsInstant> {
        self.devices.get_mut(device as usize)?.prepare(self.spread, air, now)
    }

    /// A device speaks; returns until when. Any overlap on a channel destroys both.
    pub(super) fn speak(&mut self, device: u32, now: GpsInstant) -> GpsInstant {
        let end = now + self.airtime;
        self.answers += 1;
        let channel = self.devices.get(device as usize).map_or(0, |answer| answer.channel);
        let Some(channel) = self.channels.get_mut(usize::from(channel)) else { return end };
        // All take equally long, so whoever still speaks is whoever began last.
        if let Some((other, _)) = channel.replace((device, end)).filter(|(_, end)| now < *end) {
            for device in [device, other] {
                if let Some(answer) = self.devices.get_mut(device as usize) {
                    answer.collided = true;
                }
            }
        }
        end
    }

    /// Whether what a device said reaches one of these gateways.
    pub(super) fn is_heard(&mut self, device: u32, gateways: u64) -> bool {
        let Some(answer) = self.devices.get_mut(device as usize) else { return false };
        answer.is_due = false;
        answer.reaches & gateways != 0 && !answer.collided
    }

    /// Airtime of all answers.
    pub(super) fn airtime(&self) -> Duration {
        self.airtime * self.answers
    }
}
