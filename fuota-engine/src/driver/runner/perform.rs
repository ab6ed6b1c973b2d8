//! Carrying out what the campaign wants, once it is durable.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::Instrument;

use super::super::notice::Notice;
use super::super::store::StoreError;
use super::super::trace;
use super::super::transport::{CounterOwner, Handover, Provision, ProvisionError, SendError};
use super::derive::{Deriver, Ingredients};
use super::{Ended, Found, Runner};
use crate::campaign::io::{
    DeriveOrder, Dest, GroupOrder, GroupParameters, GroupReport, Output, Report, Transmit,
};
use crate::ids::GroupId;

impl Runner {
    /// Carries one output out. Returns once the network server has it, refuses it, or it is too late.
    pub(super) async fn perform(&mut self, output: Output) -> Result<(), Ended> {
        match output {
            Output::Transmit(transmit) => match transmit.dest {
                Dest::Unicast(_) => self.hand_over(&transmit).await,
                Dest::Multicast(group) => self.take_turn(group, transmit).await,
            },
            Output::Cancel(id) if self.give_turn_up(id) => {
                self.found.push_back(Found::Downlink(id, Report::Dropped));
                Ok(())
            }
            Output::Cancel(id) => {
                // A downlink that is not withdrawn is reported like any other.
                if let Err(error) = self.around.transport.cancel(self.id, id).await {
                    tracing::warn!(campaign = %self.id, %error, "a downlink is not withdrawn");
                }
                Ok(())
            }
            Output::Group(GroupOrder::Provision(parameters)) => self.provision(&parameters).await,
            Output::Group(GroupOrder::Release(group)) => {
                if let Err(error) = self.around.transport.release(self.id, group).await {
                    tracing::warn!(campaign = %self.id, %error, "a group is left behind at the network server");
                }
                Ok(())
            }
            Output::Derive(order) => {
                self.derive(order);
                Ok(())
            }
            Output::Event(event) => {
                self.meter.event(&event);
                trace::event(&event);
                self.tell(Notice::Event { at: self.around.clock.now(), event });
                Ok(())
            }
            // They never get here: portions are cut from the stream at these.
            Output::Persist(_) | Output::Finished(_) | Output::Wait(_) => Ok(()),
        }
    }

    /// Hands a downlink to the network server, unless it still has it.
    pub(super) async fn hand_over(&mut self, transmit: &Transmit) -> Result<(), Ended> {
        if self.queued.remove(&transmit.id) {
            return Ok(());
        }
        let mut backoff = self.around.settings.backoff();
        loop {
            let now = self.around.clock.now();
            if now > transmit.expires_at {
                self.found.push_back(Found::Downlink(transmit.id, Report::Dropped));
                return Ok(());
            }
            let Some(remaining) = self.held.remaining() else { return Err(Ended::Lost) };
            let handover = Handover {
                campaign: self.id,
                token: self.held.lease().token,
                deadline: now + remaining,
                fcnt: self.next_counter(transmit.dest).await?,
            };
            match self.around.transport.send(handover, transmit).await {
                Ok(()) => {
                    if let Dest::Multicast(group) = transmit.dest {
                        self.counters.used(group);
                    }
                    self.count(transmit);
                    self.over_it(Notice::TransportBack);
                    return Ok(());
                }
                Err(SendError::Refused(cause)) => {
                    self.meter.refused(cause);
                    self.found.push_back(Found::Downlink(transmit.id, Report::Refused(cause)));
                    self.over_it(Notice::TransportBack);
                    return Ok(());
                }
                Err(SendError::Fenced) => return Err(Ended::Lost),
                Err(SendError::Unavailable(error)) => {
                    tracing::warn!(campaign = %self.id, %error, "a downlink is held back");
                    // It may have been taken: its counter counts as used.
                    if let Dest::Multicast(group) = transmit.dest {
                        self.counters.used(group);
                    }
                    self.trouble(Notice::TransportLost);
                    self.pause(backoff.pause()).await?;
                }
            }
        }
    }

    /// Counts a downlink that was taken.
    fn count(&self, transmit: &Transmit) {
        self.meter.taken(transmit.dest);
        if let Dest::Multicast(group) = transmit.dest {
            let plan = self.campaign.plan();
            if let Some(group) = plan.groups().get(usize::from(group.0)) {
                self.meter.airtime(plan.airtime(group, transmit.payload.len()));
            }
        }
    }

    /// The frame counter of a multicast downlink, if the engine owns it.
    async fn next_counter(&mut self, dest: Dest) -> Result<Option<u32>, Ended> {
        let engine = self.around.transport.capabilities().counters == CounterOwner::Engine;
        match dest {
            Dest::Multicast(group) if engine => self.counter(group).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn counter(&mut self, group: GroupId) -> Result<u32, Ended> {
        let mut backoff = self.around.settings.backoff();
        loop {
            match self.counters.peek(&*self.around.store, self.held.lease(), group).await {
                Ok(counter) => return Ok(counter),
                Err(StoreError::Fenced { .. }) => return Err(Ended::Lost),
                Err(StoreError::Unavailable { cause, .. }) => {
                    self.trouble(Notice::Paused(cause));
                    self.pause(backoff.pause()).await?;
                }
                Err(error) => return Err(Ended::Broken(error)),
            }
        }
    }

    async fn provision(&mut self, parameters: &GroupParameters) -> Result<(), Ended> {
        let mut backoff = self.around.settings.backoff();
        let devices = self.devices_of(parameters.id);
        let report = loop {
            let provisioned = match self.around.keys.group_keys(self.id, parameters).await {
                Ok(keys) => {
                    let provision =
                        Provision { campaign: self.id, parameters, keys: &keys, devices: &devices };
                    self.around.transport.provision(&provision).await
                }
                Err(error) => {
                    tracing::warn!(campaign = %self.id, %error, "a group has no keys yet");
                    self.pause(backoff.pause()).await?;
                    continue;
                }
            };
            match provisioned {
                Ok(next_fcnt) => break GroupReport::Provisioned { next_fcnt },
                Err(ProvisionError::Refused(why)) => {
                    tracing::error!(campaign = %self.id, why, "the network server refuses a group");
                    break GroupReport::Refused;
                }
                Err(ProvisionError::Unavailable(error)) => {
                    tracing::warn!(campaign = %self.id, %error, "a group is not created yet");
                    self.trouble(Notice::TransportLost);
                    self.pause(backoff.pause()).await?;
                }
            }
        };
        let engine = self.around.transport.capabilities().counters == CounterOwner::Engine;
        let report = match report {
            GroupReport::Provisioned { .. } if engine => {
                GroupReport::Provisioned { next_fcnt: self.counter(parameters.id).await? }
            }
            report => report,
        };
        self.over_it(Notice::TransportBack);
        self.found.push_back(Found::Group(parameters.id, report));
        Ok(())
    }

    fn derive(&mut self, order: DeriveOrder) {
        let (device, group) = match order {
            DeriveOrder::McKey { device, group } => {
                let group = self.campaign.plan().groups().get(usize::from(group.0));
                (device, group.map(|group| *group.parameters()))
            }
            DeriveOrder::BlockMic { device, .. } => (device, None),
        };
        let deriver = Deriver {
            campaign: self.id,
            keys: Arc::clone(&self.around.keys),
            backoff: self.around.settings.backoff(),
            limit: Arc::clone(&self.derivations_at_once),
        };
        self.derivations.spawn(
            deriver
                .derive(order, Ingredients { device, group, image: Arc::clone(&self.image) })
                .in_current_span(),
        );
    }

    /// Waits before something is tried again, unless there is no more use in that.
    pub(super) async fn pause(&self, pause: Duration) -> Result<(), Ended> {
        tokio::select! {
            () = self.held.lost() => Err(Ended::Lost),
            () = self.stop.cancelled() => Err(Ended::Stopped),
            () = sleep(pause) => Ok(()),
        }
    }
}
