//! What happened, handed to the part of the campaign that it concerns.

use alloc::vec::Vec;

use super::answer::{self, Dialect};
use super::event::{CampaignStatus, Cause, StageKind, Warning};
use super::io::{GroupReport, Input, Report};
use super::member::{Member, Standing};
use super::question::{Package, Question};
use super::quirk::Quirk;
use super::spec::Kind;
use super::tx::{Cargo, parts};
use super::{Campaign, Phase};
use crate::ids::{DevEui, TxId};
use crate::time::GpsInstant;

impl Campaign {
    /// Takes an input of a campaign whose end is not decided, or whose clean-up is under way.
    pub(super) fn take(&mut self, input: Input<'_>) {
        match input {
            Input::Uplink { from, port, payload, received } => self.on_uplink(from, port, payload, received),
            Input::Downlink { id, report } => self.on_report(id, report),
            Input::Group { id, report } => self.on_group(usize::from(id.0), report),
            Input::Derived { device, value } => {
                if let Some(index) = self.find(device) {
                    self.on_derived(index, value);
                }
            }
            Input::Taken { device, what } => {
                if let Some(index) = self.find(device) {
                    self.on_taken(index, what);
                }
            }
            Input::Operator(order) => self.carry_out(order),
            Input::Timeout => {}
        }
    }

    fn on_uplink(&mut self, from: DevEui, port: u8, payload: &[u8], received: GpsInstant) {
        let Some(index) = self.find(from) else { return };
        self.heard(index);
        let Some(dialect) = self.dialect(index) else { return };
        if port == self.plan.config().fmcport && dialect.status_in_v1_order(payload) {
            self.heeds(index, Quirk::StatusInV1Order);
        }
        let mut answers = Vec::new();
        let fault = answer::read(self.plan.config(), dialect, port, payload, |answer| answers.push(answer));
        for answer in answers {
            if !self.on_answer(index, answer, payload.len(), received) {
                self.warn(Warning::UnexpectedAnswer { device: from, port });
            }
        }
        if let Err(error) = fault {
            self.warn(Warning::Malformed { device: from, port, offset: error.offset });
        }
    }

    fn dialect(&self, index: u32) -> Option<Dialect> {
        let member = self.roster.get(index)?;
        let (multicast, fragmentation) = (member.multicast, member.fragmentation);
        Some(Dialect { multicast, fragmentation, quirks: self.quirks(index) })
    }

    fn on_report(&mut self, id: TxId, report: Report) {
        if let Report::Refused(refusal) = report {
            self.warn(Warning::Refused(refusal));
        }
        if let Report::Postponed { until } = report {
            return self.on_postponed(parts(id).0, until);
        }
        match parts(id) {
            (serial, Cargo::Request(index)) => self.on_request_report(index, serial, report),
            (serial, Cargo::Fragment { stream, n }) => self.on_fragment_report(stream, n, serial, report),
            (serial, Cargo::Poll { stream }) => self.on_poll_report(stream, serial, report),
            // Nobody waits for it; but where records are gone through again, it waits to be handed over no more.
            (_, Cargo::Reply) => self.outputs.forget_reply(id),
        }
    }

    fn on_group(&mut self, group: usize, report: GroupReport) {
        let (Phase::Provisioning, Some(plan)) = (self.phase, self.plan.groups().get(group)) else {
            self.warn(Warning::UnknownInput);
            return;
        };
        match report {
            GroupReport::Provisioned { next_fcnt } => {
                // A configured end may lie before the network server's counter: then nothing can be sent at all.
                let frames = self.plan.max_mc_fcnt(plan, next_fcnt).saturating_sub(next_fcnt);
                if let Some(state) = self.groups.get_mut(group) {
                    state.provisioned = true;
                    state.first_fcnt = next_fcnt;
                    state.frames_left = frames;
                }
                if frames == 0 {
                    let stage = StageKind::McGroupSetup;
                    self.close(CampaignStatus::Failed, Some(Cause::CountersExhausted { stage }));
                } else if self.groups.iter().all(|group| group.provisioned) {
                    self.begin();
                }
            }
            GroupReport::Refused => self.close(CampaignStatus::Failed, Some(Cause::GroupRefused)),
        }
    }

    /// Every group exists: the first stage opens.
    fn begin(&mut self) {
        if let Kind::Firmware(firmware) = self.plan.kind() {
            if firmware.reboot.is_some_and(|reboot| reboot < self.now + self.plan.transfer_estimate()) {
                self.close(CampaignStatus::Failed, Some(Cause::RebootTooEarly));
                return;
            }
            for index in self.roster.indices() {
                if self.plan.device(index).is_some_and(|device| device.firmware == Some(firmware.target)) {
                    self.conclude(index, Standing::UpToDate);
                }
            }
        }
        let known = |member: &Member| {
            member.multicast.is_some()
                && (member.fragmentation.is_some() || self.plan.kind() == Kind::MulticastSetup)
        };
        if self.roster.members().iter().all(known) {
            self.ask(Question::McGroupSetup);
        } else {
            self.ask(Question::PackageVersion(Package::Multicast));
        }
    }
}
