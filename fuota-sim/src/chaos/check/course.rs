//! How a campaign goes: pauses, the end, and the account that it leaves.

use std::time::Duration;

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, Event, Outcome};
use fuota_engine::campaign::io::{Order, Output};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::time::GpsInstant;

use super::{Invariant, Violation};
use crate::chaos::case::Case;
use crate::world::START;

/// Outputs that one turn brings about at most, beside those for each device and fragment.
const OUTPUTS: usize = 200;
/// Octets of a campaign's state, beside those for each device, fragment and stage.
const STATE: usize = 4_000;
/// Longer than any winding-up: four questions, each asked six times of devices that speak every ten minutes.
const WINDING_UP: Duration = Duration::from_secs(40_000);

/// What has been told of how it goes.
#[derive(Debug)]
pub(super) struct Course {
    devices: usize,
    fragments: usize,
    max_duration: Duration,
    paused: bool,
    decided: Option<Outcome>,
    /// When the campaign began, and when its end was decided, by the node's clock.
    began: Option<GpsInstant>,
    decided_at: Option<GpsInstant>,
    /// The latest moment that the campaign knows of.
    latest: GpsInstant,
}

impl Course {
    pub(super) fn new(case: &Case, plan: &Plan) -> Self {
        let block = plan.groups().first().and_then(|group| group.block());
        Self {
            devices: plan.devices().len(),
            fragments: block.map_or(0, |block| block.frames().into()),
            max_duration: Duration::from_secs(case.campaign.max_duration.into()),
            paused: false,
            decided: None,
            began: None,
            decided_at: None,
            latest: START,
        }
    }

    /// The campaign was rebuilt. What it knew of the time and did not write down is forgotten.
    pub(super) const fn restarted(&mut self, campaign: &Campaign) {
        self.paused = campaign.is_paused();
        self.latest = START;
    }

    /// When its time is up, by its own clock, once it has begun.
    pub(super) fn ends_at(&self) -> Option<GpsInstant> {
        Some(self.began? + self.max_duration)
    }

    /// What one turn brought about, in order.
    pub(super) fn brought_about(&mut self, output: &Output) -> Result<(), Violation> {
        match output {
            // A restart writes down the latest moment of all records: the node's clock may have gone back since.
            Output::Persist(record) => self.latest = record.at,
            Output::Event(Event::Ordered(Order::Pause)) => self.paused = true,
            Output::Event(Event::Ordered(Order::Resume | Order::Stop) | Event::Decided(_)) => {
                self.paused = false;
            }
            Output::Transmit(transmit) if self.paused => {
                let what = format!("transmission {:#x} is handed over in a pause", transmit.id.0);
                return Err(Violation::new(Invariant::PauseKept, what));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn told(&mut self, event: &Event) -> Result<(), Violation> {
        if let Event::Decided(outcome) = event {
            if self.decided.is_some_and(|before| before != *outcome) {
                let what = format!("the end is {outcome:?} after it was {:?}", self.decided);
                return Err(Violation::new(Invariant::Ends, what));
            }
            self.decided = Some(*outcome);
        }
        Ok(())
    }

    pub(super) fn drained(&self, outputs: usize, inputs: usize) -> Result<(), Violation> {
        let most = OUTPUTS + 8 * (self.devices + inputs) + 4 * self.fragments;
        if outputs > most {
            let what = format!("more than {most} outputs for {inputs} inputs");
            return Err(Violation::new(Invariant::Bounded, what));
        }
        Ok(())
    }

    pub(super) fn at_rest(&mut self, campaign: &Campaign, now: GpsInstant) -> Result<(), Violation> {
        // To the campaign time does not run backwards, whatever the node's clock does.
        self.latest = self.latest.max(now);
        let now = self.latest;
        if campaign.status() == CampaignStatus::Configured && campaign.outcome().is_none() {
            return Ok(());
        }
        let began = *self.began.get_or_insert(now);
        if campaign.outcome().is_none() {
            if now > began + self.max_duration {
                let what = format!("it goes on {} s after it began", now.since(began).as_secs());
                return Err(Violation::new(Invariant::Ends, what));
            }
            return Ok(());
        }
        let decided = *self.decided_at.get_or_insert(now);
        if now > decided + WINDING_UP {
            let what = format!("it is wound up for {} s", now.since(decided).as_secs());
            return Err(Violation::new(Invariant::Ends, what));
        }
        Ok(())
    }

    /// What the state takes, written down.
    pub(super) fn written(&self, campaign: &Campaign, octets: usize) -> Result<(), Violation> {
        let most = STATE + 100 * (self.devices + campaign.stages().len()) + 20 * self.fragments;
        if octets > most {
            let what = format!("the state takes {octets} octets, {most} are the most");
            return Err(Violation::new(Invariant::Bounded, what));
        }
        Ok(())
    }

    pub(super) fn over(
        &self,
        campaign: &Campaign,
        outcome: &Outcome,
        retold: &[Outcome],
    ) -> Result<(), Violation> {
        // Where a crash cut it off it is told by the records.
        if self.decided.is_some_and(|decided| decided != *outcome) || retold != [*outcome] {
            let what =
                format!("it ends as {outcome:?}, after {:?} was told and {retold:?} is retold", self.decided);
            return Err(Violation::new(Invariant::Ends, what));
        }
        let count = |wanted: fn(DeviceStatus) -> bool| {
            let found = campaign.devices().filter(|device| wanted(device.status)).count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        let inferred = count(|status| status == DeviceStatus::Inferred);
        let before = count(|status| status == DeviceStatus::AlreadyUpToDate);
        let complete = count(|status| status == DeviceStatus::Complete) + inferred + before;
        let failed = count(|status| matches!(status, DeviceStatus::Failed { .. }));
        let all = complete + failed == u32::try_from(self.devices).unwrap_or(u32::MAX);
        let counted = [complete, inferred, before, failed];
        let told = [outcome.complete, outcome.inferred, outcome.already_up_to_date, outcome.failed];
        let enough = outcome.status != CampaignStatus::Succeeded || complete >= campaign.required();
        if !all || counted != told || !enough {
            let what = format!(
                "complete, inferred, up to date, failed: {counted:?}; told are {told:?}, {} required",
                campaign.required()
            );
            return Err(Violation::new(Invariant::CountsAgree, what));
        }
        Ok(())
    }
}
