//! What becomes of the devices' answers: a random moment, a random channel, collisions, losses.

use std::time::Duration;

use fuota_engine::time::GpsInstant;

use crate::node::Air;

/// The answers on air and to come.
pub(super) struct Uplinks {
    window: Duration,
    airtime: Duration,
    /// Who spoke last on each channel, and until when.
    channels: Vec<Option<(u32, GpsInstant)>>,
    devices: Vec<Answer>,
    answers: u32,
}

#[derive(Clone, Copy, Default)]
struct Answer {
    /// It waits for its moment, or is on air.
    is_due: bool,
    collided: bool,
}

impl Uplinks {
    /// Of so many devices that spread their answers, each of which takes `airtime`, over `window`.
    pub(super) fn new(devices: u32, window: Duration, airtime: Duration, channels: u8) -> Self {
        Self {
            window,
            airtime,
            channels: vec![None; channels.into()],
            devices: vec![Answer::default(); devices as usize],
            answers: 0,
        }
    }

    /// When a device that is asked now answers; `None` if an answer is on its way already.
    pub(super) fn answer_at(&mut self, device: u32, air: &mut Air, now: GpsInstant) -> Option<GpsInstant> {
        let answer = self.devices.get_mut(device as usize).filter(|answer| !answer.is_due)?;
        *answer = Answer { is_due: true, collided: false };
        Some(now + air.phase(self.window))
    }

    /// A device speaks; returns until when. Any overlap on a channel destroys both.
    pub(super) fn speak(&mut self, device: u32, air: &mut Air, now: GpsInstant) -> GpsInstant {
        let end = now + self.airtime;
        self.answers += 1;
        let channel = air.hop(u8::try_from(self.channels.len()).unwrap_or(u8::MAX));
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
    pub(super) fn is_heard(&mut self, device: u32, air: &mut Air, gateways: u64) -> bool {
        let reached = air.heard_by() & gateways != 0;
        let Some(answer) = self.devices.get_mut(device as usize) else { return false };
        answer.is_due = false;
        reached && !answer.collided
    }

    /// Airtime of all answers.
    pub(super) fn airtime(&self) -> Duration {
        self.airtime * self.answers
    }
}
