//! The multicast flow: a round of fragments, in order, paced by the duty cycle, every one of them accounted for.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use fuota_fec::{Encoder, FragmentNumber};
use fuota_proto::FragN;
use fuota_proto::fragmentation::v1::DataFragment;

use super::event::{CampaignStatus, Cause, StageKind, StageStatus, Warning};
use super::io::{Dest, Output, Report};
use super::setup::{FRAG_INDEX, encode};
use super::tx::{Cargo, tx_id};
use super::{Campaign, Phase};
use crate::time::GpsInstant;

/// Pause after the network server took nothing.
pub(super) const REST: Duration = Duration::from_secs(1);

/// One round of fragments under way.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    /// Number of the next fragment that was never sent in this round.
    next: u16,
    /// Number of the round's last fragment.
    last: u16,
    /// Fragments that did not go on air and have to be sent again.
    again: VecDeque<u16>,
    /// The fragment whose report is waited for, and until when.
    in_flight: Option<InFlight>,
    /// Transmissions whose report did not come in time; it may still come.
    unreported: Vec<(u32, u16)>,
}

/// A multicast transmission whose report is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlight {
    pub(super) serial: u32,
    pub(super) cargo: Cargo,
    /// `None`: for ever.
    pub(super) gives_up_at: Option<GpsInstant>,
}

impl InFlight {
    pub(super) fn has_expired(&self, now: GpsInstant) -> bool {
        self.gives_up_at.is_some_and(|at| now >= at)
    }
}

impl Transfer {
    fn new(last: u16) -> Self {
        Self { next: 1, last, again: VecDeque::new(), in_flight: None, unreported: Vec::new() }
    }

    /// Fragments sent, of how many.
    pub(super) fn progress(&self) -> (u32, u32) {
        (u32::from(self.next - 1), u32::from(self.last))
    }

    /// The next fragment to send.
    fn upcoming(&self) -> Option<u16> {
        self.again.front().copied().or((self.next <= self.last).then_some(self.next))
    }

    /// Takes the fragment that [`upcoming`](Self::upcoming) named.
    fn take(&mut self) {
        if self.again.pop_front().is_none() {
            self.next += 1;
        }
    }

    /// Forgets a transmission that was reported; tells whether it was known.
    fn reported(&mut self, serial: u32) -> bool {
        if self.in_flight.is_some_and(|tx| tx.serial == serial) {
            self.in_flight = None;
            return true;
        }
        let known = self.unreported.iter().position(|&(other, _)| other == serial);
        known.map(|at| self.unreported.swap_remove(at)).is_some()
    }

    /// Every transmission that the network server may still hold.
    pub(super) fn held(&self) -> impl Iterator<Item = crate::ids::TxId> + '_ {
        let in_flight = self.in_flight.iter().map(|tx| tx_id(tx.serial, tx.cargo));
        in_flight.chain(self.unreported.iter().map(|&(serial, n)| tx_id(serial, Cargo::Fragment(n))))
    }
}

impl Campaign {
    /// Starts the first round, after every device has had time to open its window.
    pub(super) fn begin_transfer(&mut self) {
        let Some(session) = self.session else { return };
        self.next_multicast = self.next_multicast.max(session.start + self.plan.first_fragment_offset());
        let participants = self.roster.counts().done;
        self.begin_stage(StageKind::DataFragment, participants);
        self.phase = Phase::Transfer(Transfer::new(self.plan.round_frames()));
    }

    /// Starts a further round of all uncoded fragments: devices report a count, not what they are missing.
    pub(super) fn begin_round(&mut self) {
        self.round += 1;
        self.phase = Phase::Transfer(Transfer::new(self.plan.round_frames()));
    }

    /// Whether a whole further round and its poll fit into what is left of the session and of the campaign.
    pub(super) fn has_time_for_round(&self) -> bool {
        let start = self.now.max(self.next_multicast);
        let end = start + self.plan.fragments_duration() + self.plan.poll_window();
        end <= self.deadline && self.session.is_some_and(|session| end <= session.end)
    }

    /// The next fragment, if one is due.
    pub(super) fn next_fragment(&mut self) -> Option<Output> {
        let Phase::Transfer(transfer) = &self.phase else { return None };
        let n = transfer.upcoming()?;
        if transfer.in_flight.is_some() || self.now < self.next_multicast || self.frames_left == 0 {
            return None;
        }
        let payload = self.encode_fragment(n)?;
        let (output, in_flight) = self.multicast(Cargo::Fragment(n), payload);
        let waits = !self.plan.config().summary_reports_disabled;
        let (_, gap) = self.plan.fragment_timing();
        self.next_multicast = self.now + gap;
        if let Phase::Transfer(transfer) = &mut self.phase {
            transfer.take();
            if waits {
                transfer.in_flight = Some(in_flight);
            } else {
                transfer.unreported.push((in_flight.serial, n));
            }
        }
        Some(output)
    }

    fn encode_fragment(&self, n: u16) -> Option<Vec<u8>> {
        let geometry = *self.plan.geometry();
        let mut data = alloc::vec![0; usize::from(geometry.frag_size())];
        let encoder = Encoder::new(geometry, self.plan.rule(), &self.plan.spec.image).ok()?;
        encoder.fragment(FragmentNumber::new(n)?, &mut data).ok()?;
        Some(encode(&DataFragment { frag_index: FRAG_INDEX, n: FragN::from_wire(n), data: &data }))
    }

    /// A multicast transmission, and what is needed to wait for its report.
    pub(super) fn multicast(&mut self, cargo: Cargo, payload: Vec<u8>) -> (Output, InFlight) {
        let config = self.plan.config();
        let (port, timeout) = (config.fmcport, config.summary_report_timeout);
        let expires_at = self.session.map_or(self.deadline, |session| session.end);
        let dest = Dest::Multicast(self.plan.group().id);
        let (serial, transmit) = self.transmit(cargo, dest, port, payload, expires_at);
        self.frames_left = self.frames_left.saturating_sub(1);
        let gives_up_at = (!timeout.is_zero()).then(|| self.now + timeout);
        (Output::Transmit(transmit), InFlight { serial, cargo, gives_up_at })
    }

    /// What became of a fragment.
    pub(super) fn on_fragment_report(&mut self, serial: u32, n: u16, report: Report) {
        if let Report::Sent { at } = report {
            self.ledger.note(|stage| stage.fragments += 1);
            let (airtime, gap) = self.plan.fragment_timing();
            self.next_multicast = self.next_multicast.max((at - airtime) + gap);
        }
        let Phase::Transfer(transfer) = &mut self.phase else { return };
        // A report that comes twice must not send the fragment twice.
        if !transfer.reported(serial) {
            return;
        }
        if matches!(report, Report::Refused(_) | Report::Dropped) {
            transfer.again.push_back(n);
            self.frames_left = self.frames_left.saturating_add(1);
            self.next_multicast = self.next_multicast.max(self.now + REST);
        }
    }

    /// Moves on once every fragment is accounted for.
    pub(super) fn settle_transfer(&mut self) -> bool {
        let over = self.session.is_none_or(|session| self.now >= session.end);
        let Phase::Transfer(transfer) = &mut self.phase else { return false };
        let mut missed = false;
        if let Some(tx) = transfer.in_flight.take_if(|tx| tx.has_expired(self.now)) {
            if let Cargo::Fragment(n) = tx.cargo {
                transfer.unreported.push((tx.serial, n));
            }
            missed = true;
        }
        let sent = transfer.upcoming().is_none() && transfer.in_flight.is_none();
        if missed {
            self.warn(Warning::ReportMissing);
        }
        if sent {
            if self.round == 1 {
                self.end_stage(StageStatus::Completed, self.roster.counts().done);
            }
            self.begin_poll();
        } else if over {
            self.close(CampaignStatus::Failed, Some(Cause::NoTimeLeft { stage: self.stage() }));
        } else if self.frames_left == 0 {
            self.close(CampaignStatus::Failed, Some(Cause::CountersExhausted { stage: self.stage() }));
        } else {
            return false;
        }
        true
    }

    /// When the round needs attention.
    pub(super) fn transfer_wakes_at(&self, transfer: &Transfer) -> Option<GpsInstant> {
        let ends = self.session.map(|session| session.end);
        let next = match &transfer.in_flight {
            Some(tx) => tx.gives_up_at,
            None => Some(self.next_multicast),
        };
        next.into_iter().chain(ends).min()
    }
}
