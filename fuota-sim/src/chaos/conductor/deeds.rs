//! What the node does when the campaign wants something.

use fuota_engine::campaign::event::{DeviceStatus, Event, Outcome};
use fuota_engine::campaign::io::{
    DeriveOrder, Derived, Dest, GroupOrder, GroupReport, Output, Report, Transmit,
};

use super::{Around, Conductor};
use crate::chaos::check::{Invariant, Violation};
use crate::chaos::letters::Letter;
use crate::chaos::sabotage::Sabotage;

impl Conductor {
    /// Does something that the campaign wants.
    pub(super) fn act(
        &mut self,
        around: &mut Around<'_>,
        needs: usize,
        output: Output,
    ) -> Result<(), Violation> {
        if self.journal.len() < needs && !matches!(output, Output::Event(_)) {
            let what = format!("{output:?} needs {needs} records, and {} are durable", self.journal.len());
            return Err(Violation::new(Invariant::DurableFirst, what));
        }
        match output {
            Output::Transmit(transmit) => self.hand_over(around, transmit)?,
            Output::Cancel(id) => {
                around.checks.withdrawn(id);
                around.world.take_back(id);
            }
            Output::Group(GroupOrder::Provision(parameters)) => {
                let report = GroupReport::Provisioned { next_fcnt: around.world.provision(parameters) };
                around.courier.answer(around.now, Letter::Group { id: parameters.id, report });
            }
            Output::Group(GroupOrder::Release(id)) => around.world.release(id),
            Output::Derive(order) => self.derive(around, &order),
            Output::Event(event) => self.tell(around, event)?,
            Output::Finished(_) if self.sabotage == Some(Sabotage::SwallowEnd) => {}
            Output::Finished(outcome) => self.finished = Some(self.counted(outcome)),
            // Orders to come, and what never gets here.
            Output::Group(_) | Output::Persist(_) | Output::Wait(_) => {}
        }
        Ok(())
    }

    fn derive(&self, around: &mut Around<'_>, order: &DeriveOrder) {
        let Some((device, value)) = around.world.derive(order) else { return };
        let value =
            if self.device(device).is_some_and(|case| case.no_key) { Derived::Unavailable } else { value };
        around.courier.answer(around.now, Letter::Derived { device, value });
    }

    fn hand_over(&mut self, around: &mut Around<'_>, mut transmit: Transmit) -> Result<(), Violation> {
        let id = transmit.id;
        match self.sabotage {
            Some(Sabotage::AlterRepeat) if self.crashed > 0 => {
                if let Some(last) = transmit.payload.last_mut() {
                    *last ^= 1;
                }
            }
            Some(Sabotage::SwallowFragment)
                if matches!(transmit.dest, Dest::Multicast(_)) && transmit.payload.get(1) == Some(&3) =>
            {
                let report = Report::Sent { at: around.now };
                around.courier.report(around.now, id, report);
                return Ok(());
            }
            _ => {}
        }
        self.spare = Some(transmit.clone());
        around.checks.handed_over(&transmit)?;
        if around.courier.loses() {
            return Ok(());
        }
        let refusal = match around.courier.refuses() {
            Some(refusal) => Some(refusal),
            None => around
                .world
                .take_downlink(transmit)
                .map_err(|error| Violation::new(Invariant::World, error.to_string()))?,
        };
        if let Some(refusal) = refusal {
            around.courier.report(around.now, id, Report::Refused(refusal));
        }
        Ok(())
    }

    fn tell(&self, around: &mut Around<'_>, event: Event) -> Result<(), Violation> {
        let mut event = event;
        match (self.sabotage, &mut event) {
            (Some(Sabotage::CountSilence), Event::Device(report)) => report.status = DeviceStatus::Complete,
            (_, Event::Decided(outcome)) => *outcome = self.counted(*outcome),
            _ => {}
        }
        around.checks.told(&event, around.world)
    }

    /// An outcome, with a device more if that is the sabotage.
    fn counted(&self, mut outcome: Outcome) -> Outcome {
        outcome.complete += u32::from(self.sabotage == Some(Sabotage::Miscount));
        outcome
    }
}
