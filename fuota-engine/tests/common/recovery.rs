//! What a crash leaves behind, and how a campaign comes back from it.

use std::collections::BTreeSet;

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::format::FormatError;
use fuota_engine::campaign::io::Output;
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Record, Restore};
use fuota_engine::time::GpsInstant;

/// When the server crashes, and what it has kept until then.
#[derive(Default)]
pub(super) struct Recovery {
    /// The outputs over which it crashes.
    pub(super) crashes: BTreeSet<usize>,
    pub(super) crashed: usize,
    pub(super) torn: bool,
    pub(super) snapshot_every: Option<usize>,
    pub(super) handed_over: bool,
    /// The latest snapshot, and how many records it covers.
    snapshot: Option<(usize, Vec<u8>)>,
}

impl Recovery {
    pub(super) fn crashes_over(&mut self, output: usize) -> bool {
        let crashes = self.crashes.remove(&output);
        self.crashed += usize::from(crashes);
        crashes
    }

    /// The campaign waits, after so many records.
    pub(super) fn at_rest(&mut self, plan: &Plan, campaign: &mut Campaign, records: usize) {
        if self.handed_over {
            let snapshot = campaign.snapshot().expect("it waits");
            *campaign = Campaign::from_snapshot(plan.clone(), &snapshot).unwrap();
        }
        let covered = self.snapshot.as_ref().map_or(0, |(covered, _)| *covered);
        if self.snapshot_every.is_some_and(|every| records >= covered + every) {
            self.snapshot = Some((records, campaign.snapshot().expect("it waits")));
        }
    }

    /// The campaign after a crash that lost an output.
    pub(super) fn recover(
        &self,
        plan: &Plan,
        records: &[Record],
        lost: &Output,
        now: GpsInstant,
    ) -> Campaign {
        let mut written: Vec<_> = records.iter().map(Record::to_octets).collect();
        if let (true, Output::Persist(record)) = (self.torn, lost) {
            let octets = record.to_octets();
            written.push(octets[..octets.len() / 2].to_vec());
        }
        let durable = journal(&written);
        assert_eq!(durable, records, "what was acknowledged is there, and nothing else");
        let mut restore = Restore::new(plan.clone());
        for record in durable {
            restore.apply(record).unwrap();
        }
        // Nothing at all is durable if the very first record was lost: the campaign starts anew.
        let Ok(from_records) = restore.finish(now) else { return Campaign::new(plan.clone(), now) };
        let Some((covered, snapshot)) = &self.snapshot else { return from_records };
        let mut restore = Restore::from_snapshot(plan.clone(), snapshot, *covered as u64).unwrap();
        for record in &records[*covered..] {
            restore.apply(record.clone()).unwrap();
        }
        let from_snapshot = restore.finish(now).unwrap();
        assert_same_future(&from_records, &from_snapshot);
        from_snapshot
    }
}

/// The records of a journal whose last one may be torn.
fn journal(written: &[Vec<u8>]) -> Vec<Record> {
    let mut records = Vec::new();
    for (place, octets) in written.iter().enumerate() {
        match Record::from_octets(octets) {
            Ok(record) => records.push(record),
            Err(FormatError::Truncated { .. } | FormatError::Empty { .. }) if place + 1 == written.len() => {}
            Err(error) => panic!("record {place}: {error}"),
        }
    }
    records
}

/// Both have the same to do now, and are in the same state then: as they are deterministic, whatever happens they do the
/// same for ever. Records lead to events and replies once more that a snapshot leaves behind; those come first.
fn assert_same_future(from_records: &Campaign, from_snapshot: &Campaign) {
    let (mut from_records, mut from_snapshot) = (from_records.clone(), from_snapshot.clone());
    let (long, short) = (drained(&mut from_records), drained(&mut from_snapshot));
    assert_eq!(long[0], short[0], "both are restarted");
    assert!(long[1..].ends_with(&short[1..]), "{short:#?} is not the end of {long:#?}");
    assert_eq!(from_records.snapshot(), from_snapshot.snapshot());
}

fn drained(campaign: &mut Campaign) -> Vec<Output> {
    let mut outputs = Vec::new();
    loop {
        match campaign.poll_output() {
            Output::Wait(until) => {
                outputs.push(Output::Wait(until));
                return outputs;
            }
            output => outputs.push(output),
        }
    }
}
