//! What is handed over to the network server: what repeats, what is skipped, how much it is.

use std::collections::{BTreeMap, BTreeSet};

use fuota_engine::campaign::event::{Event, StageKind, StageReport, StageStatus, Warning};
use fuota_engine::campaign::io::{Dest, Report, Transmit};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::ids::TxId;
use fuota_engine::time::GpsInstant;
use fuota_proto::fragmentation::v1::Downlink;

use super::{Invariant, Violation};
use crate::chaos::case::{Case, PolicyCase};

/// Everything that was ever handed over.
#[derive(Debug)]
pub(super) struct Transmissions {
    known: BTreeMap<TxId, Known>,
    /// Numbers of the fragments that were handed over, by index.
    fragments: BTreeMap<u8, BTreeSet<u16>>,
    /// How many fragments may have been on air, by index.
    on_air: BTreeMap<u8, u32>,
    /// Transmissions that are told to be repeated. A word that a crash cuts off is in the records, and so in the account.
    warned: BTreeSet<TxId>,
    crashes: u32,
    port: u8,
    /// Whether the session ended under a transfer that goes on in another.
    interrupted: bool,
    /// Uncoded fragments, and the most fragments of a stream.
    bounds: Option<(u16, u32)>,
}

#[derive(Debug)]
struct Known {
    transmit: Transmit,
    /// After so many crashes it was last handed over.
    crashes: u32,
    /// Whether what became of it is durable.
    settled: bool,
    /// Whether it was not when the node crashed since.
    open_at_crash: bool,
}

impl Transmissions {
    pub(super) fn new(case: &Case, plan: &Plan) -> Self {
        let bounds = plan.groups().first().and_then(|group| {
            let block = group.block()?;
            let (nb_frag, frames) = (block.geometry.nb_frag(), u32::from(block.frames()));
            let config = plan.config();
            let most = match case.campaign.policy {
                PolicyCase::Fec { .. } => frames,
                PolicyCase::Rounds => frames * u32::from(config.datafrag_loops_max),
                // Over the uncoded fragments and the first batch.
                PolicyCase::Adaptive => {
                    frames + (frames * u32::from(config.adaptive_excess_max)).div_ceil(100)
                }
            };
            Some((nb_frag, most))
        });
        Self {
            known: BTreeMap::new(),
            fragments: BTreeMap::new(),
            on_air: BTreeMap::new(),
            warned: BTreeSet::new(),
            crashes: 0,
            port: plan.config().fmcport,
            interrupted: false,
            bounds,
        }
    }

    pub(super) fn crashed(&mut self) {
        self.crashes += 1;
        for known in self.known.values_mut() {
            known.open_at_crash |= !known.settled;
        }
    }

    pub(super) fn reported(&mut self, id: TxId, report: Report) {
        let fragment = self.known.get(&id).and_then(|known| self.fragment(&known.transmit));
        if let Some(known) = self.known.get_mut(&id) {
            let is_first = !std::mem::replace(&mut known.settled, true);
            if is_first && !matches!(report, Report::Sent { .. }) {
                self.was_not_on_air(fragment);
            }
        }
    }

    pub(super) fn withdrawn(&mut self, id: TxId) {
        // It may be on its way to the air, or not: it is sent again if need be.
        let fragment = self.known.get(&id).and_then(|known| self.fragment(&known.transmit));
        if self.known.get(&id).is_some_and(|known| !known.settled) {
            self.was_not_on_air(fragment);
        }
    }

    pub(super) fn handed_over(&mut self, transmit: &Transmit) -> Result<(), Violation> {
        let (id, fragment) = (transmit.id, self.fragment(transmit));
        let Some(before) = self.known.get_mut(&id) else {
            let crashes = self.crashes;
            let known = Known { transmit: transmit.clone(), crashes, settled: false, open_at_crash: false };
            self.known.insert(id, known);
            return self.count(fragment);
        };
        let fault = if before.crashes == self.crashes {
            Some("though the node did not crash")
        } else if !before.open_at_crash {
            Some("though what became of it was durable when the node crashed")
        } else if !self.warned.contains(&id) {
            Some("without a word")
        } else {
            let same =
                |a: &Transmit, b: &Transmit| (a.dest, a.port) == (b.dest, b.port) && a.payload == b.payload;
            (!same(&before.transmit, transmit)).then_some("otherwise than before")
        };
        // What became of it this time is not known yet.
        (before.crashes, before.open_at_crash, before.settled) = (self.crashes, false, false);
        match fault {
            None => Ok(()),
            Some(fault) => {
                let what = format!("{transmit:?} is handed over again {fault}: {:?}", before.transmit);
                Err(Violation::new(Invariant::RepeatedAsItWas, what))
            }
        }
    }

    /// The campaign brought about that something is told.
    pub(super) fn brought_about(&mut self, event: &Event) {
        if let Event::Warning(Warning::PossiblyRepeated { id }) = *event {
            self.warned.insert(id);
        }
    }

    /// What the campaign says, and when its time is up: that cuts a round off, though enough devices may have all by then.
    pub(super) fn told(&mut self, event: &Event, ends_at: Option<GpsInstant>) -> Result<(), Violation> {
        match *event {
            Event::Warning(Warning::SessionTooShort { .. }) => self.interrupted = true,
            Event::StageStarted { stage: StageKind::DataFragment, .. } => self.interrupted = false,
            Event::StageEnded(StageReport { stage, status, ended, .. })
                if stage == StageKind::DataFragment
                    && status == StageStatus::Completed
                    && !self.interrupted
                    && ends_at.is_none_or(|at| ended < at) =>
            {
                return self.check_first_round();
            }
            _ => {}
        }
        Ok(())
    }

    /// The first round is over: all of it was handed over, from the first fragment to the last.
    fn check_first_round(&self) -> Result<(), Violation> {
        let Some((nb_frag, _)) = self.bounds else { return Ok(()) };
        for (index, numbers) in &self.fragments {
            let last = numbers.last().copied().unwrap_or_default().max(nb_frag);
            if let Some(n) = (1..=last).find(|n| !numbers.contains(n)) {
                let what = format!("fragment {n} of session {index} was never handed over");
                return Err(Violation::new(Invariant::NothingSkipped, what));
            }
        }
        Ok(())
    }

    fn count(&mut self, fragment: Option<(u8, u16)>) -> Result<(), Violation> {
        let (Some((index, n)), Some((_, most))) = (fragment, self.bounds) else { return Ok(()) };
        self.fragments.entry(index).or_default().insert(n);
        let count = self.on_air.entry(index).or_default();
        *count += 1;
        // Those withdrawn or refused are counted off again.
        if *count > most {
            let what =
                format!("{count} fragments of session {index}, and {most} are the most that it may take");
            return Err(Violation::new(Invariant::Bounded, what));
        }
        Ok(())
    }

    fn was_not_on_air(&mut self, fragment: Option<(u8, u16)>) {
        if let Some(count) = fragment.and_then(|(index, _)| self.on_air.get_mut(&index)) {
            *count = count.saturating_sub(1);
        }
    }

    /// Index and number of the fragment that a downlink carries.
    fn fragment(&self, transmit: &Transmit) -> Option<(u8, u16)> {
        if transmit.port != self.port || !matches!(transmit.dest, Dest::Multicast(_)) {
            return None;
        }
        match Downlink::commands(&transmit.payload).next()? {
            Ok(Downlink::DataFragment(fragment)) => Some((fragment.frag_index.get(), fragment.n.get())),
            _ => None,
        }
    }
}
