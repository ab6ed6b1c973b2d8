//! What is left when all is over.

use fuota_engine::campaign::event::DeviceStatus;
use fuota_engine::campaign::spec::Kind;

use super::{START, SimError, World};
use crate::external::Failure;
use crate::node::{Block, Node};
use crate::record::{DeviceRecord, ExternalRecord, RunRecord};

impl World {
    /// The record of a run that is over.
    ///
    /// # Errors
    /// [`SimError::Stalled`] if it is not over, [`SimError::NotComplete`] if a device counts as complete and is not.
    pub(super) fn record(&self) -> Result<RunRecord, SimError> {
        let outcome = self.outcome.ok_or(SimError::Stalled { at: self.now })?;
        let devices = self.campaign.devices().map(|report| {
            let device = report.dev_eui;
            let node = self.fleet.find(device).and_then(|index| self.nodes.get(index as usize));
            let (block, fragments_received) =
                node.map_or((Block::Partial, 0), |node| (node.block, node.fragments_received()));
            let has_what_it_is_for = match self.scenario.kind {
                Kind::Firmware(firmware) => node.is_some_and(|node| node.firmware() == firmware.target),
                Kind::MulticastSetup => true,
                _ => block != Block::Partial,
            };
            let complete = report.status == DeviceStatus::Complete;
            // A device outside is taken at its word; what that is worth is told apart.
            let is_external = node.is_some_and(|node| node.external.is_some());
            if complete && !has_what_it_is_for && !is_external {
                return Err(SimError::NotComplete { device });
            }
            Ok(DeviceRecord {
                report,
                fragments_received,
                holds_block: block != Block::Partial,
                bytes_checked: report.counts_as_complete() && block == Block::Same,
                radio: node.map(|node| node.meter.times()).unwrap_or_default(),
            })
        });
        let devices: Vec<_> = devices.collect::<Result<_, _>>()?;
        let checked = devices.iter().filter(|device| device.bytes_checked).count();
        let account = self.server.account();
        Ok(RunRecord {
            outcome,
            started: START,
            duration: self.decided_at.unwrap_or(self.now).since(START),
            stages: self.campaign.stages().to_vec(),
            rounds: self.journal.rounds().to_vec(),
            polls: self.journal.polls().to_vec(),
            bytes_checked: u32::try_from(checked).unwrap_or(u32::MAX),
            external: self.external(&devices),
            devices,
            warnings: self.journal.warnings().to_vec(),
            session_start: self.journal.session_start(),
            nb_frag: self.plan.nb_frag,
            frag_size: self.plan.frag_size,
            padding: self.plan.padding,
            parity: self.plan.parity,
            frames: account.fragments,
            airtime: account.airtime,
            setup_airtime: account.setup_airtime,
            data_phase: account.data_phase,
            timeline: self.journal.timeline().to_vec(),
        })
    }

    /// How the devices fared whose packages ran in processes.
    fn external(&self, devices: &[DeviceRecord]) -> Vec<ExternalRecord> {
        let of = |(node, device): (&Node, &DeviceRecord)| {
            let external = node.external.as_ref()?;
            let needs_proof = self.scenario.kind != Kind::MulticastSetup;
            let unproven =
                needs_proof && device.report.status == DeviceStatus::Complete && !device.holds_block;
            let failure = external.failure().or(unproven.then_some(Failure::Unproven));
            let dev_eui = device.report.dev_eui;
            Some(ExternalRecord { dev_eui, holds_image: device.holds_block, failure })
        };
        self.nodes.iter().zip(devices).filter_map(of).collect()
    }
}
