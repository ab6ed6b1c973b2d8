//! What one turn of the loop makes durable before it carries it out.

use tokio::time::sleep;

use super::super::notice::Notice;
use super::super::store::{Batch, Claim, Resource, Standing, StoreError};
use super::{Ended, PORTION, Runner};
use crate::campaign::event::{DeviceReport, Event, Outcome};
use crate::campaign::io::{Input, Output};
use crate::campaign::spec::Kind;
use crate::ids::DevEui;
use crate::time::GpsInstant;

/// What one pass over the outputs has to make durable and to carry out.
#[derive(Debug, Default)]
pub(super) struct Portion {
    records: Vec<Vec<u8>>,
    devices: Vec<DeviceReport>,
    claims: Vec<Claim>,
    pub(super) outputs: Vec<Output>,
    /// When nothing more comes: until when; otherwise there is more.
    pub(super) until: Option<Option<GpsInstant>>,
    pub(super) finished: Option<Outcome>,
}

impl Runner {
    /// The next outputs, once the records that lead to them are durable.
    pub(super) async fn durable_portion(&mut self) -> Result<Portion, Ended> {
        let mut portion = Portion::default();
        self.fill(&mut portion);
        while let Some((device, what)) = self.commit(&mut portion).await? {
            self.evade(&mut portion, device, what);
        }
        Ok(portion)
    }

    /// Takes outputs until there is none or it is enough. Records come before what they lead to, so a portion can be
    /// carried out once they are durable.
    fn fill(&mut self, portion: &mut Portion) {
        let sends = self.campaign.plan().kind() != Kind::MulticastSetup;
        portion.until = None;
        loop {
            match self.campaign.poll_output() {
                Output::Persist(record) => portion.records.push(record.to_octets()),
                Output::Wait(until) => {
                    portion.until = Some(until);
                    return;
                }
                Output::Finished(outcome) => portion.finished = Some(outcome),
                output => {
                    match &output {
                        Output::Event(Event::Device(report)) => portion.devices.push(*report),
                        Output::Event(Event::Renumbered { device, frag_index, mc_group_id }) => {
                            portion.claims.retain(|claim| claim.dev_eui != *device);
                            portion.claims.push(Claim {
                                dev_eui: *device,
                                frag_index: sends.then(|| frag_index.get()),
                                mc_group_id: mc_group_id.get(),
                            });
                        }
                        _ => {}
                    }
                    portion.outputs.push(output);
                    if portion.outputs.len() >= PORTION {
                        return;
                    }
                }
            }
        }
    }

    /// What a device was to use belongs to another campaign. That becomes part of the same batch, so that no restart
    /// brings it back; the request that was about to be sent to the device stays here.
    fn evade(&mut self, portion: &mut Portion, device: DevEui, what: Resource) {
        tracing::info!(campaign = %self.id, %device, %what, "another campaign has what a device was to use");
        portion.claims.retain(|claim| claim.dev_eui != device);
        portion.outputs.retain(|output| !matches!(output, Output::Transmit(tx) if tx.is_request_to(device)));
        self.campaign.handle(self.around.clock.now(), Input::Taken { device, what });
        self.fill(portion);
    }

    /// Makes a portion durable, however long that takes, and then hands receipts back and answers orders. Tells what the
    /// store refuses it for, if another campaign has it.
    async fn commit(&mut self, portion: &mut Portion) -> Result<Option<(DevEui, Resource)>, Ended> {
        let over = portion.finished.is_some();
        if portion.records.is_empty() && portion.devices.is_empty() && portion.claims.is_empty() && !over {
            return Ok(None);
        }
        let batch = Batch {
            first: self.records,
            records: std::mem::take(&mut portion.records),
            devices: std::mem::take(&mut portion.devices),
            claims: std::mem::take(&mut portion.claims),
            orders: self.orders.iter().map(|given| given.entry.clone()).collect(),
            standing: self.standing(over),
        };
        let mut backoff = self.around.settings.backoff();
        let started = std::time::Instant::now();
        loop {
            match self.around.store.append(self.held.lease(), &batch).await {
                Ok(()) => break,
                Err(StoreError::Unavailable { cause, source }) => {
                    tracing::warn!(campaign = %self.id, %cause, ?source, "the store fails; the campaign stands still");
                    self.trouble(Notice::Paused(cause));
                    tokio::select! {
                        () = self.held.lost() => return Err(Ended::Lost),
                        () = self.stop.cancelled() => return Err(Ended::Stopped),
                        () = sleep(backoff.pause()) => {}
                    }
                }
                Err(StoreError::Fenced { .. }) => return Err(Ended::Lost),
                Err(StoreError::Claimed { device, what, .. })
                    if batch.claims.iter().any(|claim| claim.dev_eui == device) =>
                {
                    let Batch { records, devices, claims, .. } = batch;
                    (portion.records, portion.devices, portion.claims) = (records, devices, claims);
                    return Ok(Some((device, what)));
                }
                Err(error) => return Err(Ended::Broken(error)),
            }
        }
        self.meter.committed(started.elapsed(), batch.records.len());
        self.meter.stands(self.campaign.tally());
        self.over_it(Notice::Resumed);
        self.records += batch.records.len() as u64;
        for order in std::mem::take(&mut self.orders) {
            order.answer(Ok(()));
        }
        for receipt in std::mem::take(&mut self.receipts) {
            let Some(receipt) = receipt.done() else { continue };
            if let Err(error) = self.around.transport.acknowledge(receipt).await {
                tracing::debug!(campaign = %self.id, %error, "a receipt is not taken; it may come again");
            }
        }
        Ok(None)
    }

    fn standing(&self, over: bool) -> Standing {
        let tally = self.campaign.tally();
        Standing {
            status: self.campaign.status(),
            stage: self.campaign.progress().stage,
            complete: tally.complete,
            failed: tally.failed,
            devices: tally.devices,
            over,
        }
    }
}
