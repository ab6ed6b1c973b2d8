//! What is left when all is over: what the campaign knows, and what only its world does.

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{DeviceStatus, Outcome, StageKind};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Record, Restore, RestoreError};
use fuota_engine::campaign::spec::Kind;
use fuota_engine::time::GpsInstant;
use serde::{Deserialize, Serialize};

use super::observe::Journal;
use super::{PlanFacts, START, SimError, World};
use crate::energy::RadioTime;
use crate::external::Failure;
use crate::node::Block;
use crate::record::{DeviceRecord, ExternalRecord, RunRecord, TimelinePoint};
use crate::scenario::Scenario;
use crate::server::Account;

/// What the world knows of a campaign, whatever the campaign believes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Holdings {
    /// The fleet, in the plan's order.
    devices: Vec<Held>,
    account: Account,
    /// From the first fragment on: devices that hold the whole data block.
    timeline: Vec<TimelinePoint>,
}

/// What a device holds, and what it took.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held {
    block: Block,
    /// Whether it has what the campaign is for.
    is_served: bool,
    fragments: u32,
    radio: [RadioTime; 3],
    external: Option<External>,
}

/// A device whose packages run in a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct External {
    failure: Option<Failure>,
}

/// What the campaign knows at its end.
struct Course<'a> {
    campaign: &'a Campaign,
    journal: &'a Journal,
    outcome: Outcome,
    started: GpsInstant,
    /// When the end was decided.
    ended: GpsInstant,
    timeline: Vec<TimelinePoint>,
}

impl Holdings {
    /// Devices that hold the whole data block, and those of them whose octets were compared with the file.
    pub(crate) fn holders(&self) -> (usize, usize) {
        let with = |wanted: fn(Block) -> bool| self.devices.iter().filter(|held| wanted(held.block)).count();
        (with(|block| block != Block::Partial), with(|block| block == Block::Same))
    }
}

impl World {
    /// The record of a run that is over.
    ///
    /// # Errors
    /// [`SimError::Stalled`] if it is not over, [`SimError::NotComplete`] if a device counts as complete and is not.
    pub(super) fn record(&self) -> Result<RunRecord, SimError> {
        let over = self.outcome.zip(self.mind.campaign());
        let (outcome, campaign) = over.ok_or(SimError::Stalled { at: self.now })?;
        let course = Course {
            campaign,
            journal: &self.journal,
            outcome,
            started: START,
            ended: self.journal.decided_at().unwrap_or(self.now),
            timeline: self.journal.timeline().to_vec(),
        };
        record(&self.scenario, self.plan, &self.holdings(), course)
    }

    pub(super) fn holdings(&self) -> Holdings {
        let devices = self.nodes.iter().map(|node| Held {
            block: node.block,
            is_served: match self.scenario.kind {
                Kind::Firmware(firmware) => node.firmware() == firmware.target,
                Kind::MulticastSetup => true,
                _ => node.block != Block::Partial,
            },
            fragments: node.fragments_received(),
            radio: node.meter.times(),
            external: node.external.as_ref().map(|external| External { failure: external.failure() }),
        });
        let timeline = self.journal.timeline().iter();
        Holdings {
            devices: devices.collect(),
            account: *self.server.account(),
            timeline: timeline.filter(|point| point.stage >= StageKind::DataFragment).copied().collect(),
        }
    }
}

/// The record of a campaign that was conducted outside its world, from the records that it left behind.
///
/// # Errors
/// Records that are not the plan's, as [`RestoreError`] has it; of a campaign that is not over, or whose devices are not
/// what they count as, as [`World::record`].
pub(crate) fn recount(
    scenario: &Scenario,
    plan: Plan,
    records: Vec<Record>,
    holdings: &Holdings,
) -> Result<Result<RunRecord, SimError>, RestoreError> {
    let facts = PlanFacts::of(&plan, scenario);
    let (mut restore, mut journal) = (Restore::new(plan), Journal::default());
    let started = records.first().map_or(START, |record| record.at);
    let ended = records.last().map_or(START, |record| record.at);
    for record in records {
        let at = record.at;
        restore.retell(record, &mut |event| journal.event(&event, at, &mut ()))?;
        if let Some(campaign) = restore.campaign() {
            journal.progress(campaign.progress(), at, &mut ());
        }
    }
    let campaign = restore.campaign().ok_or(RestoreError::Empty)?;
    let Some(&outcome) = campaign.outcome() else { return Ok(Err(SimError::Stalled { at: ended })) };
    let set_up = journal.timeline().iter().filter(|point| point.stage < StageKind::DataFragment);
    let course = Course {
        campaign,
        journal: &journal,
        outcome,
        started,
        ended: journal.decided_at().unwrap_or(ended),
        timeline: set_up.chain(&holdings.timeline).copied().collect(),
    };
    Ok(record(scenario, facts, holdings, course))
}

fn record(
    scenario: &Scenario,
    plan: PlanFacts,
    holdings: &Holdings,
    course: Course<'_>,
) -> Result<RunRecord, SimError> {
    let Course { campaign, journal, outcome, started, ended, timeline } = course;
    let devices = campaign.devices().zip(&holdings.devices).map(|(report, held)| {
        let complete = report.status == DeviceStatus::Complete;
        // A device outside is taken at its word; what that is worth is told apart.
        if complete && !held.is_served && held.external.is_none() {
            return Err(SimError::NotComplete { device: report.dev_eui });
        }
        Ok(DeviceRecord {
            report,
            fragments_received: held.fragments,
            holds_block: held.block != Block::Partial,
            bytes_checked: report.counts_as_complete() && held.block == Block::Same,
            radio: held.radio,
        })
    });
    let devices: Vec<_> = devices.collect::<Result<_, _>>()?;
    let checked = devices.iter().filter(|device| device.bytes_checked).count();
    let Account { fragments, airtime, setup_airtime, data_phase, .. } = holdings.account;
    Ok(RunRecord {
        outcome,
        started,
        duration: ended.since(started),
        stages: campaign.stages().to_vec(),
        rounds: journal.rounds().to_vec(),
        polls: journal.polls().to_vec(),
        bytes_checked: u32::try_from(checked).unwrap_or(u32::MAX),
        external: external(scenario, holdings, &devices),
        devices,
        warnings: journal.warnings().to_vec(),
        session_start: journal.session_start(),
        nb_frag: plan.nb_frag,
        frag_size: plan.frag_size,
        padding: plan.padding,
        parity: plan.parity,
        frames: fragments,
        airtime,
        setup_airtime,
        data_phase,
        timeline,
    })
}

/// How the devices fared whose packages ran in processes.
fn external(scenario: &Scenario, holdings: &Holdings, devices: &[DeviceRecord]) -> Vec<ExternalRecord> {
    let of = |(held, device): (&Held, &DeviceRecord)| {
        let external = held.external.as_ref()?;
        let needs_proof = scenario.kind != Kind::MulticastSetup;
        let unproven = needs_proof && device.report.status == DeviceStatus::Complete && !device.holds_block;
        let failure = external.failure.clone().or(unproven.then_some(Failure::Unproven));
        let dev_eui = device.report.dev_eui;
        Some(ExternalRecord { dev_eui, holds_image: device.holds_block, failure })
    };
    holdings.devices.iter().zip(devices).filter_map(of).collect()
}
