//! What has to be durable, and how a campaign is rebuilt from it.
//!
//! The state machine is deterministic, so its inputs are its history: a record is an input with its moment, freed
//! from what does not matter, or the note that on-demand outputs were generated. Applied to the same plan they
//! lead to the same state, and so to the same future.

use alloc::vec::Vec;
use core::time::Duration;

use super::event::{Event, Warning};
#[cfg(feature = "records")]
use super::format::FormatError;
use super::io::{Derived, GroupOrder, GroupReport, Input, Order, Output, Report, Resource};
use super::member::Errand;
use super::outputs::Outputs;
use super::plan::Plan;
use super::question::Ingredient;
use super::stream::GroupState;
use super::tx::{Cargo, tx_id};
use super::{Campaign, Phase};
use crate::ids::{GroupId, TxId};
use crate::time::GpsInstant;

/// Something that happened to a campaign, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Record {
    /// When.
    pub at: GpsInstant,
    /// What.
    pub entry: Entry,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Entry {
    /// The campaign began. The first record, and only that.
    Started,
    /// A device was heard. The payload is empty if its port is none of the packages'.
    Uplink {
        /// Index of the device in the plan.
        device: u32,
        /// FPort.
        port: u8,
        /// FRMPayload.
        payload: Vec<u8>,
        /// When the network received it.
        received: GpsInstant,
    },
    /// The fate of a transmission.
    Downlink {
        /// Which one.
        id: TxId,
        /// What became of it.
        report: Report,
    },
    /// The fate of an order about a group.
    Group {
        /// Which group.
        id: GroupId,
        /// What became of it.
        report: GroupReport,
    },
    /// Something was computed with a device's keys.
    Derived {
        /// Index of the device in the plan.
        device: u32,
        /// What it is. A wrapped key is as public as the downlink that carries it.
        value: Derived,
    },
    /// The operator ordered something.
    Operator(Order),
    /// Time passed.
    Timeout,
    /// Outputs were generated that no input caused directly.
    Drained,
    /// The campaign was rebuilt; what was under way was handed over again.
    Restarted,
    /// What a device was to use belongs to another campaign.
    Taken {
        /// Index of the device in the plan.
        device: u32,
        /// Its fragmentation index or group identifier.
        what: Resource,
    },
}

/// Why records don't make a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The first record is not [`Entry::Started`], or another one is.
    #[error("record {at} is out of place: a campaign starts once, with its first record")]
    Start {
        /// Place of the record, counted from 0.
        at: u64,
    },
    /// A record is about a device that the plan does not have.
    #[error("record {at} is about device {device}, but the plan has {devices}")]
    Device {
        /// Place of the record, counted from 0.
        at: u64,
        /// Index of the device.
        device: u32,
        /// Devices in the plan.
        devices: u32,
    },
    /// There are no records.
    #[error("there are no records")]
    Empty,
}

/// Rebuilds a campaign after a restart, record by record.
///
/// ```
/// # use fuota_engine::campaign::plan::Plan;
/// # use fuota_engine::campaign::record::{Record, Restore, RestoreError};
/// # use fuota_engine::{campaign::Campaign, time::GpsInstant};
/// fn restore(plan: Plan, records: Vec<Record>, now: GpsInstant) -> Result<Campaign, RestoreError> {
///     let mut restore = Restore::new(plan);
///     for record in records {
///         restore.apply(record)?;
///     }
///     restore.finish(now)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Restore {
    plan: Option<Plan>,
    campaign: Option<Campaign>,
    applied: u64,
}

impl Restore {
    /// The plan that the campaign was started with.
    #[must_use]
    pub const fn new(plan: Plan) -> Self {
        Self { plan: Some(plan), campaign: None, applied: 0 }
    }

    /// The plan that the campaign was started with, and its [`snapshot`](Campaign::snapshot) after so many records:
    /// only those that follow need be applied.
    ///
    /// # Errors
    /// [`FormatError`] if it is no snapshot of this plan's campaign, or of another version. Its records still lead to
    /// the same state.
    #[cfg(feature = "records")]
    pub fn from_snapshot(plan: Plan, snapshot: &[u8], records: u64) -> Result<Self, FormatError> {
        let campaign = Campaign::from_snapshot(plan, snapshot)?;
        Ok(Self { plan: None, campaign: Some(campaign), applied: records })
    }

    /// Applies the next record.
    ///
    /// # Errors
    /// [`RestoreError`] if the record cannot be this campaign's next one.
    pub fn apply(&mut self, record: Record) -> Result<(), RestoreError> {
        self.replay(record, &mut |_| {})
    }

    /// Applies the next record and tells what the campaign said over it, for accounts of what is past. Told again is
    /// all that was ever told, once, also what nobody had heard when the campaign was interrupted.
    ///
    /// # Errors
    /// [`RestoreError`] if the record cannot be this campaign's next one.
    pub fn retell(&mut self, record: Record, tell: &mut dyn FnMut(Event)) -> Result<(), RestoreError> {
        self.replay(record, tell)?;
        if let Some(campaign) = &mut self.campaign {
            let mut others = Outputs::default();
            while let Some(output) = campaign.next_waiting() {
                match output {
                    Output::Event(event) => tell(event),
                    other => others.push_back(other),
                }
            }
            campaign.outputs = others;
        }
        Ok(())
    }

    /// The campaign as the records so far leave it; `None` before the first.
    #[must_use]
    pub const fn campaign(&self) -> Option<&Campaign> {
        self.campaign.as_ref()
    }

    fn replay(&mut self, record: Record, tell: &mut dyn FnMut(Event)) -> Result<(), RestoreError> {
        let at = self.applied;
        self.applied += 1;
        match (record.entry, &mut self.campaign, self.plan.take()) {
            (Entry::Started, None, Some(plan)) => self.campaign = Some(Campaign::new(plan, record.at)),
            (Entry::Started, ..) | (_, None, _) => return Err(RestoreError::Start { at }),
            (entry, Some(campaign), _) => campaign.replay(at, record.at, entry, tell)?,
        }
        Ok(())
    }

    /// The campaign as it was, at `now`. What was under way without a known outcome is handed over again, under the
    /// same identifiers and with the same octets.
    ///
    /// # Errors
    /// [`RestoreError::Empty`] if there was no record.
    pub fn finish(self, now: GpsInstant) -> Result<Campaign, RestoreError> {
        let mut campaign = self.campaign.ok_or(RestoreError::Empty)?;
        campaign.restart(now);
        Ok(campaign)
    }
}

impl Campaign {
    /// An input as it is kept; `None` if it is about a device that the campaign does not have.
    pub(super) fn entry(&self, input: &Input<'_>) -> Option<Entry> {
        Some(match *input {
            Input::Uplink { from, port, payload, received } => {
                let payload = if self.is_package_port(port) { payload.to_vec() } else { Vec::new() };
                Entry::Uplink { device: self.find(from)?, port, payload, received }
            }
            Input::Downlink { id, report } => Entry::Downlink { id, report },
            Input::Group { id, report } => Entry::Group { id, report },
            Input::Derived { device, value } => Entry::Derived { device: self.find(device)?, value },
            Input::Operator(order) => Entry::Operator(order),
            Input::Timeout => Entry::Timeout,
            Input::Taken { device, what } => Entry::Taken { device: self.find(device)?, what },
        })
    }

    fn is_package_port(&self, port: u8) -> bool {
        let config = self.plan.config();
        [config.fucport, config.fmcport, config.aclksynport, config.fdmport].contains(&port)
    }

    fn replay(
        &mut self,
        place: u64,
        at: GpsInstant,
        entry: Entry,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), RestoreError> {
        let devices = self.roster.indices().end;
        let name = |campaign: &Self, device: u32| {
            let named = campaign.plan.device(device).map(|device| device.dev_eui);
            named.ok_or(RestoreError::Device { at: place, device, devices })
        };
        match entry {
            Entry::Started => return Err(RestoreError::Start { at: place }),
            Entry::Uplink { device, port, payload, received } => {
                let from = name(self, device)?;
                self.handle(at, Input::Uplink { from, port, payload: &payload, received });
            }
            Entry::Downlink { id, report } => self.handle(at, Input::Downlink { id, report }),
            Entry::Group { id, report } => self.handle(at, Input::Group { id, report }),
            Entry::Derived { device, value } => {
                let device = name(self, device)?;
                self.handle(at, Input::Derived { device, value });
            }
            Entry::Operator(order) => self.handle(at, Input::Operator(order)),
            Entry::Taken { device, what } => {
                let device = name(self, device)?;
                self.handle(at, Input::Taken { device, what });
            }
            Entry::Timeout => self.handle(at, Input::Timeout),
            Entry::Restarted => self.restart(at),
            // The same outputs as then; they have had their effect, or will be handed over again at the end.
            Entry::Drained => {
                self.now = self.now.max(at);
                loop {
                    match self.poll_output() {
                        Output::Wait(_) => break,
                        Output::Event(event) => tell(event),
                        _ => {}
                    }
                }
            }
        }
        self.journal.clear();
        Ok(())
    }

    /// Goes on after a restart. That moves the campaign too, so it is part of its history.
    fn restart(&mut self, now: GpsInstant) {
        let away = now.since(self.now);
        self.now = self.now.max(now);
        self.forgive_absence(away);
        self.drained = false;
        self.journal = [Record { at: self.now, entry: Entry::Restarted }].into();
        self.repeat_what_is_open();
    }

    /// Nobody listened for so long: devices are not to blame for not having been heard.
    fn forgive_absence(&mut self, away: Duration) {
        for index in self.roster.indices() {
            self.roster.update(index, |member| {
                let waits = matches!(
                    member.errand,
                    Errand::AwaitFirstUplink | Errand::AwaitReport(_) | Errand::AwaitAnswer
                );
                member.last_heard = member.last_heard.get().map(|heard| heard + away).into();
                if waits {
                    member.deadline = member.deadline.get().map(|deadline| deadline + away).into();
                }
            });
        }
    }

    /// Hands over again what was under way and whose outcome is not known.
    fn repeat_what_is_open(&mut self) {
        // What waits here is handed over anew below, and told to be; other news is not.
        let replies = self.outputs.take_replies();
        self.outputs.retain(|output| {
            !matches!(
                output,
                Output::Transmit(_)
                    | Output::Group(GroupOrder::Provision(_))
                    | Output::Derive(_)
                    | Output::Event(Event::Warning(Warning::PossiblyRepeated { .. }))
            )
        });
        // Whoever was to hear one that has run out asks again.
        let now = self.now;
        for mut reply in replies.into_iter().filter(|reply| now <= reply.expires_at) {
            reply.not_before = reply.not_before.max(self.now);
            self.warn(Warning::PossiblyRepeated { id: reply.id });
            self.outputs.push_back(Output::Transmit(reply));
        }
        for (group, state) in self.plan.groups().iter().zip(&self.groups) {
            if !state.provisioned && self.phase == Phase::Provisioning {
                self.outputs.push_back(Output::Group(GroupOrder::Provision(*group.parameters())));
            }
        }
        for index in self.roster.indices() {
            self.repeat_request(index);
        }
        for group in 0..self.groups.len() {
            self.repeat_multicast(group);
        }
        if let (Phase::Over, Some(outcome)) = (&self.phase, self.outcome) {
            self.outputs.clear();
            self.outputs.push_back(Output::Finished(outcome));
        }
    }

    fn repeat_request(&mut self, index: u32) {
        let (Some(&member), Phase::Asking(question)) = (self.roster.get(index), self.phase) else { return };
        if member.errand == Errand::AwaitOutdated {
            // Whoever computed it is gone.
            return self.roster.set(index, Errand::Queued, None);
        }
        let asked = self.asked_now(index, question, &member);
        let order = asked.derivation(&self.plan, index, &member);
        let output = match (member.errand, order) {
            (Errand::AwaitDerived(_), Some(order)) => Some(Output::Derive(order)),
            (Errand::AwaitReport(serial), Some(order)) => {
                // Its octets contain something derived, which gives the same again.
                self.roster.set(index, Errand::AwaitDerived(Some(serial)), None);
                self.warn(Warning::PossiblyRepeated { id: tx_id(serial, Cargo::Request(index)) });
                Some(Output::Derive(order))
            }
            (Errand::AwaitReport(serial), None) => {
                self.warn(Warning::PossiblyRepeated { id: tx_id(serial, Cargo::Request(index)) });
                self.send_request(index, asked, Ingredient::None, Some(serial))
            }
            _ => None,
        };
        self.outputs.extend(output);
    }

    fn repeat_multicast(&mut self, group: usize) {
        let Some((serial, cargo, end)) = self.groups.get(group).and_then(|state| {
            let (serial, cargo) = self.in_doubt(state)?;
            Some((serial, cargo, state.session?.end))
        }) else {
            return;
        };
        let (Cargo::Fragment { stream, .. } | Cargo::Poll { stream }) = cargo else { return };
        let Some(stream) = self.streams.get(usize::from(stream)) else { return };
        let (key, poll) = (stream.key, stream.poll);
        let payload = match (cargo, poll) {
            (Cargo::Fragment { n, .. }, _) => self.encode_fragment(key, n),
            (_, super::PollStep::InFlight { participants, .. }) => Some(Self::encode_poll(key, participants)),
            _ => None,
        };
        let Some((payload, plan)) = payload.zip(self.plan.group(key.group)) else { return };
        let (dest, port) = (super::Dest::Multicast(plan.parameters().id), self.plan.config().fmcport);
        // What comes next keeps its distance, as from any other. Going out at once, it would also be the only one in doubt if
        // the server crashed over both.
        let next = self.now + self.plan.multicast_gap(plan, payload.len());
        if let Some(state) = self.groups.get_mut(group) {
            state.next_multicast = state.next_multicast.max(next);
        }
        let (_, transmit) = self.transmit(cargo, dest, port, payload, end, Some(serial));
        self.warn(Warning::PossiblyRepeated { id: transmit.id });
        self.outputs.push_back(Output::Transmit(transmit));
    }

    /// The multicast transmission that may not have been handed over, or that nothing is known of.
    fn in_doubt(&self, state: &GroupState) -> Option<(u32, Cargo)> {
        if let Some(tx) = state.in_flight {
            return Some((tx.serial, tx.cargo));
        }
        // Where reports are not waited for, those before the last were handed over before the last was brought about.
        let sends = matches!(self.phase, Phase::Transfer | Phase::Probing { .. } | Phase::Polling);
        let counts = sends && !self.paused && self.plan.config().summary_reports_disabled;
        state.unreported.iter().copied().max_by_key(|&(serial, _)| serial).filter(|_| counts)
    }
}
