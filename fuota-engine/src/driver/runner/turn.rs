//! Multicast downlinks wait for their turn on air.

use super::super::notice::Notice;
use super::super::share::channels;
use super::super::store::{Booking, StoreError};
use super::{Ended, Found, Runner};
use crate::campaign::io::{Refusal, Report, Transmit};
use crate::ids::{GroupId, TxId};
use crate::time::GpsInstant;

impl Runner {
    /// Hands a multicast downlink over when its turn comes; the campaign learns if that is not now. It is refused if no
    /// turn comes before it expires.
    pub(super) async fn take_turn(&mut self, group: GroupId, mut transmit: Transmit) -> Result<(), Ended> {
        let now = self.around.clock.now();
        if self.queued.contains(&transmit.id) || now > transmit.expires_at {
            return self.hand_over(&transmit).await;
        }
        let from = now.max(transmit.not_before);
        let Some(turn) = self.book(group, &transmit, from).await? else {
            self.meter.refused(Refusal::DutyCycle);
            self.found.push_back(Found::Downlink(transmit.id, Report::Refused(Refusal::DutyCycle)));
            return Ok(());
        };
        if turn <= now {
            return self.hand_over(&transmit).await;
        }
        if turn > from {
            self.meter.reported(&Report::Postponed { until: turn });
            self.found.push_back(Found::Downlink(transmit.id, Report::Postponed { until: turn }));
        }
        transmit.not_before = turn;
        self.turns.insert((turn, transmit.id), transmit);
        Ok(())
    }

    /// Hands over what has its turn.
    pub(super) async fn hand_over_what_is_due(&mut self) -> Result<(), Ended> {
        while let Some(next) = self.turns.first_entry() {
            if next.key().0 > self.around.clock.now() {
                break;
            }
            let transmit = next.remove();
            self.hand_over(&transmit).await?;
        }
        Ok(())
    }

    /// When the next one has its turn.
    pub(super) fn next_turn(&self) -> Option<GpsInstant> {
        self.turns.first_key_value().map(|(&(turn, _), _)| turn)
    }

    /// Takes back a downlink that still waits for its turn; tells whether it does.
    pub(super) fn give_turn_up(&mut self, id: TxId) -> bool {
        let before = self.turns.len();
        self.turns.retain(|&(_, waiting), _| waiting != id);
        self.turns.len() < before
    }

    /// The next moment that is free on all the group's channels; `None` if that is too late.
    async fn book(
        &mut self,
        group: GroupId,
        transmit: &Transmit,
        from: GpsInstant,
    ) -> Result<Option<GpsInstant>, Ended> {
        let plan = self.campaign.plan();
        let Some(of) = plan.groups().get(usize::from(group.0)) else { return Ok(Some(from)) };
        let (band, taken) = (plan.sub_band(of), plan.airtime_taken(of, transmit.payload.len()));
        let mut backoff = self.around.settings.backoff();
        loop {
            let channels = match self.channels.get(&group) {
                Some(channels) => channels.clone(),
                None => match channels(&*self.around.transport, &self.devices_of(group), band).await {
                    Ok(channels) => self.channels.entry(group).or_insert(channels).clone(),
                    Err(error) => {
                        tracing::warn!(campaign = %self.id, %error, "a group's gateways are not known yet");
                        self.trouble(Notice::TransportLost);
                        self.pause(backoff.pause()).await?;
                        continue;
                    }
                },
            };
            let booking = Booking { channels, taken, from, latest: transmit.expires_at };
            match self.around.store.book_airtime(self.held.lease(), &booking).await {
                Ok(turn) => return Ok(Some(turn)),
                Err(StoreError::NoAirtime { .. }) => return Ok(None),
                Err(StoreError::Fenced { .. }) => return Err(Ended::Lost),
                Err(StoreError::Unavailable { cause, .. }) => {
                    self.trouble(Notice::Paused(cause));
                    self.pause(backoff.pause()).await?;
                }
                Err(error) => return Err(Ended::Broken(error)),
            }
        }
    }
}
