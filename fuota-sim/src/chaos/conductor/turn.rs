//! One turn: what the node tells the campaign, and what the campaign wants then.

use std::collections::BTreeMap;

use fuota_engine::campaign::event::{Event, Warning};
use fuota_engine::campaign::io::{Input, Order, Output, Resource};
use fuota_engine::ids::DevEui;
use fuota_engine::time::GpsInstant;

use super::{Action, Around, Conductor, SABOTAGE_AFTER};
use crate::chaos::check::{Invariant, Violation};
use crate::chaos::letters::Letter;
use crate::chaos::sabotage::Sabotage;
use crate::world::START;

/// So often a campaign may be woken without letting time pass: after a restart it may have overslept.
const MOST_NEEDLESS_WAKES: u32 = 3;

impl Conductor {
    /// Tells the campaign what there is to tell, and takes what comes of it. Whether there was anything.
    pub(super) fn take_turn(&mut self, around: &mut Around<'_>) -> Result<bool, Violation> {
        let now = match self.sabotage {
            Some(Sabotage::StopClock) => START,
            _ => self.own_clock(around.now),
        };
        let letters: Vec<_> = {
            let count = self.inbox.len().min(self.rules.inputs.max(1).into());
            self.inbox.drain(..count).collect()
        };
        if letters.is_empty() {
            if self.next_at(around.now).is_none_or(|at| at > around.now) {
                return Ok(false);
            }
            self.needless += 1;
            if self.needless > MOST_NEEDLESS_WAKES {
                let what = format!("it wakes again and again at {now}");
                return Err(Violation::new(Invariant::Ends, what));
            }
            self.campaign.handle(now, Input::Timeout);
            self.twin.handle(now, Input::Timeout);
        }
        for (at, letter) in letters.iter().enumerate() {
            if let Letter::Uplink { from, payload, honest, .. } = letter {
                around.checks.heard(*from, payload, *honest);
            }
            self.campaign.handle(now, letter.input());
            if self.sabotage != Some(Sabotage::MissInput) || !(self.turns + at as u64).is_multiple_of(10) {
                self.twin.handle(now, letter.input());
            }
        }
        let inputs = letters.len();
        self.unacknowledged.extend(letters);
        self.drain(around, inputs)?;
        Ok(true)
    }

    /// Takes everything that the campaign wants. What another campaign has of a device comes back as an input of the same
    /// turn, as from the driver's store, and the request that was about to be sent to the device stays here.
    pub(super) fn drain(&mut self, around: &mut Around<'_>, inputs: usize) -> Result<(), Violation> {
        let (mut outputs, mut claims, mut inputs) = (Vec::new(), BTreeMap::new(), inputs);
        let wakes_at = loop {
            let wakes_at = self.take_outputs(around, &mut outputs, &mut claims, inputs)?;
            let Some((device, what)) = self.refused(&claims) else { break wakes_at };
            claims.remove(&device);
            outputs.retain(|output| !matches!(output, Output::Transmit(tx) if tx.is_request_to(device)));
            let (now, input) = (self.own_clock(around.now), Input::Taken { device, what });
            self.campaign.handle(now, input);
            self.twin.handle(now, input);
            inputs += 1;
        };
        if wakes_at.is_none_or(|at| at > self.own_clock(around.now)) {
            self.needless = 0;
        }
        self.wakes_at = wakes_at;
        self.plan_actions(outputs);
        Ok(())
    }

    /// Takes outputs until the campaign waits, and checks that its twin wants the same. What devices use is claimed by
    /// fragmentation index and group identifier.
    fn take_outputs(
        &mut self,
        around: &mut Around<'_>,
        outputs: &mut Vec<Output>,
        claims: &mut BTreeMap<DevEui, (u8, u8)>,
        inputs: usize,
    ) -> Result<Option<GpsInstant>, Violation> {
        loop {
            let (output, twins) = (self.campaign.poll_output(), self.twin.poll_output());
            if output != twins {
                let what = format!("{output:?} where its twin wants {twins:?}");
                return Err(Violation::new(Invariant::SameAgain, what));
            }
            match output {
                Output::Wait(until) => return Ok(until),
                Output::Event(Event::Renumbered { device, frag_index, mc_group_id }) => {
                    claims.insert(device, (frag_index.get(), mc_group_id.get()));
                }
                _ => {}
            }
            // Looked at as they come: what never ends would never be noticed.
            self.notice(around, &output, outputs.len(), inputs)?;
            outputs.push(output);
        }
    }

    /// Something claimed that another campaign has. A node that does not commit turns claims nothing: a crash could come
    /// between the claim and the refusal.
    fn refused(&self, claims: &BTreeMap<DevEui, (u8, u8)>) -> Option<(DevEui, Resource)> {
        let mut claims = claims.iter().filter(|_| self.rules.commits_turns);
        claims.find_map(|(name, (frag_index, mc_group_id))| {
            let taken = self.device(*name)?.taken?;
            let what = if *frag_index == taken {
                Resource::FragIndex(taken)
            } else if *mc_group_id == taken {
                Resource::McGroupId(taken)
            } else {
                return None;
            };
            Some((*name, what))
        })
    }

    /// Has the checks look at an output, or at what the sabotage makes of it.
    fn notice(
        &mut self,
        around: &mut Around<'_>,
        output: &Output,
        outputs: usize,
        inputs: usize,
    ) -> Result<(), Violation> {
        let mut outputs = outputs + 1;
        match (self.sabotage, output) {
            (Some(Sabotage::Flood), _) if self.acted > SABOTAGE_AFTER => outputs *= 1_000,
            (Some(Sabotage::HideRepeat), Output::Event(Event::Warning(Warning::PossiblyRepeated { .. }))) => {
                return Ok(());
            }
            _ => {}
        }
        around.checks.brought_about(output, outputs, inputs)?;
        let is_pause = matches!(output, Output::Event(Event::Ordered(Order::Pause)));
        if self.sabotage == Some(Sabotage::BreakPause)
            && is_pause
            && let Some(transmit) = self.spare.take()
        {
            return around.checks.brought_about(&Output::Transmit(transmit), outputs, inputs);
        }
        Ok(())
    }

    fn plan_actions(&mut self, outputs: Vec<Output>) {
        let first = self.records;
        let (mut records, mut others) = (Vec::new(), Vec::new());
        for output in outputs {
            match output {
                Output::Persist(record) => {
                    self.records += 1;
                    if self.rules.commits_turns {
                        records.push(record);
                    } else {
                        others.push(Action::Append(self.records - 1, vec![record]));
                    }
                }
                output => others.push(Action::Do(self.records, output)),
            }
        }
        if !records.is_empty() {
            self.actions.push_back(Action::Append(first, records));
        }
        self.actions.extend(others);
        if self.sabotage == Some(Sabotage::HandOverFirst) && self.acted > SABOTAGE_AFTER {
            self.actions.make_contiguous().reverse();
        }
    }
}
