//! A device whose packages run in a process: what passes between its radio and them.

use std::collections::VecDeque;
use std::time::Duration;

use fuota_engine::device::MAX_UPLINK;
use fuota_engine::time::GpsInstant;
use fuota_proto::Command as _;
use fuota_proto::fragmentation::DataFragment;
use fuota_proto::keys::McKey;

use super::{Action, Uplink};
use crate::external::{Failure, Output, Shared, Told, Upward, lock};
use crate::fleet::Fleet;
use crate::frame::{FrameKeys, full_fcnt};
use crate::reception::Aired;

const MICROS_PER_MILLI: u64 = 1_000;

/// What a fleet's external devices have in common.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    /// SHA-256 of the image, in hexadecimal.
    pub(crate) image_sha256: String,
    /// The group's key: the simulator opens frames, as a LoRaWAN stack does below the packages.
    pub(crate) mc_key: McKey,
    /// Port of the fragmentation package.
    pub(crate) fragment_port: u8,
    /// Most octets of an uplink at the fleet's uplink data rate.
    pub(crate) max_uplink: usize,
}

/// The packages of one device.
#[derive(Debug)]
pub(crate) struct External {
    name: String,
    process: Shared,
    common: Common,
    next_fcnt: u32,
    /// What waits for its moment, the earliest first.
    outbox: VecDeque<(GpsInstant, Uplink)>,
    wakes_at: Option<GpsInstant>,
    fragments: u32,
    holds_image: bool,
    failure: Option<Failure>,
}

impl External {
    pub(crate) fn new(device: u32, process: Shared, common: Common) -> Self {
        Self {
            name: Fleet::dev_eui(device).to_string(),
            process,
            common,
            next_fcnt: 0,
            outbox: VecDeque::new(),
            // The first thing that it is told is the time.
            wakes_at: Some(GpsInstant::EPOCH),
            fragments: 0,
            holds_image: false,
            failure: None,
        }
    }

    /// What is wrong with it or with its process.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.clone().or_else(|| lock(&self.process).failure().cloned())
    }

    /// Whether it said that it holds the image.
    pub(super) const fn holds_image(&self) -> bool {
        self.holds_image
    }

    /// Multicast fragments that it was handed.
    pub(super) const fn fragments(&self) -> u32 {
        self.fragments
    }

    /// Takes a unicast downlink.
    ///
    /// # Errors
    /// [`Failure`]: it no longer takes part.
    pub(super) fn receive(&mut self, now: GpsInstant, port: u8, payload: &[u8]) -> Result<(), Failure> {
        self.downlink(now, port, None, payload)
    }

    /// Takes a multicast frame on record.
    ///
    /// # Errors
    /// [`Failure`]: it no longer takes part.
    pub(super) fn receive_multicast(&mut self, aired: &mut Aired, place: usize) -> Result<(), Failure> {
        let Some(frame) = aired.frame(place) else { return Ok(()) };
        let (mc_addr, group) = (frame.place().mc_addr, frame.place().mc_group_id.get());
        let keys = FrameKeys {
            mc_addr,
            mc_app_s_key: self.common.mc_key.mc_app_s_key(mc_addr),
            mc_nwk_s_key: self.common.mc_key.mc_nwk_s_key(mc_addr),
        };
        let context = aired.context(&keys);
        let Some(frame) = aired.frame(place) else { return Ok(()) };
        let (ended, fcnt) = (frame.ended, full_fcnt(self.next_fcnt, frame.fcnt_low));
        let Some(opened) = frame.open(context, &keys, fcnt) else { return Ok(()) };
        self.next_fcnt = fcnt.saturating_add(1);
        let is_fragment =
            opened.port == self.common.fragment_port && opened.payload.first() == Some(&DataFragment::CID);
        self.fragments += u32::from(is_fragment);
        self.downlink(ended, opened.port, Some(group), &opened.payload)
    }

    /// Tells it the time if it is due, and says what its radio does next.
    ///
    /// # Errors
    /// [`Failure`]: it no longer takes part.
    pub(super) fn poll(&mut self, now: GpsInstant, busy_until: GpsInstant) -> Result<Action, Failure> {
        if self.wakes_at.is_some_and(|at| at <= now) {
            self.tell(now, Upward::Tick { device: self.name.clone() })?;
        }
        let due = self.outbox.front().map(|(due, _)| (*due).max(busy_until));
        if due.is_some_and(|due| due <= now)
            && let Some((_, uplink)) = self.outbox.pop_front()
        {
            return Ok(Action::Send(uplink));
        }
        Ok(Action::Sleep(due.into_iter().chain(self.wakes_at).min()))
    }

    fn downlink(
        &mut self,
        now: GpsInstant,
        port: u8,
        group: Option<u8>,
        payload: &[u8],
    ) -> Result<(), Failure> {
        let hex = hex::encode(payload);
        self.tell(now, Upward::Downlink { device: self.name.clone(), port, group, hex })
    }

    fn tell(&mut self, now: GpsInstant, what: Upward) -> Result<(), Failure> {
        let told = Told { at: now.as_micros() / MICROS_PER_MILLI, what };
        let turn = lock(&self.process).tell(&told)?;
        // Time passes before it is told again.
        let soonest = told.at + 1;
        self.wakes_at = turn.wake_at.map(|at| from_millis(at.max(soonest)));
        for output in turn.outputs {
            let done = self.perform(now, output);
            if let Err(failure) = &done {
                self.failure = Some(failure.clone());
                return done;
            }
        }
        Ok(())
    }

    fn perform(&mut self, now: GpsInstant, output: Output) -> Result<(), Failure> {
        match output {
            Output::Uplink { port, payload, delay_ms } => {
                let most = self.common.max_uplink.min(MAX_UPLINK);
                let len = payload.len();
                let fits = heapless::Vec::from_slice(&payload).ok().filter(|_| len <= most);
                let payload = fits.filter(|_| (1..=223).contains(&port));
                let payload = payload.ok_or(Failure::Uplink { port, len, most })?;
                let due = now + Duration::from_millis(delay_ms);
                let place = self.outbox.partition_point(|(at, _)| *at <= due);
                self.outbox.insert(place, (due, (port, payload)));
                Ok(())
            }
            Output::Complete { sha256 } if sha256.eq_ignore_ascii_case(&self.common.image_sha256) => {
                self.holds_image = true;
                Ok(())
            }
            Output::Complete { sha256 } => Err(Failure::WrongImage { sha256 }),
        }
    }
}

/// A moment in milliseconds since the GPS epoch; one beyond all time is the last there is.
fn from_millis(millis: u64) -> GpsInstant {
    GpsInstant::from_micros(millis.saturating_mul(MICROS_PER_MILLI))
}
