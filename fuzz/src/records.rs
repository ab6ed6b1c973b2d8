//! What a store may hand back: octets that were records, plans or snapshots once, or never were.

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::format::FormatError;
use fuota_engine::campaign::io::{Input, Output};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Record, Restore};
use fuota_engine::campaign::spec::CampaignSpec;

use crate::campaign::Ordeal;

/// Inputs that a campaign is given after it was read.
const INPUTS: usize = 50;
/// Outputs that one input can bring about at most.
const MOST_OUTPUTS: usize = 5_000;

/// Reads what the first octet says the others are. What can be read is written as the same octets, and mistakes lie
/// within them.
///
/// # Panics
/// When that does not hold, or a campaign does not keep its word.
pub fn read(octets: &[u8]) {
    let Some((kind, octets)) = octets.split_first() else { return };
    match kind % 3 {
        0 => match Record::from_octets(octets) {
            // A number can be written in more octets than it needs, so only what was written again is compared.
            Ok(record) => {
                let again = record.to_octets();
                assert!(again.len() <= octets.len());
                assert_eq!(Record::from_octets(&again), Ok(record));
            }
            Err(error) => within(error, octets),
        },
        1 => {
            let image = vec![7; 50];
            match CampaignSpec::from_octets(octets, image) {
                Ok(spec) => {
                    let _ = Plan::new(spec);
                }
                Err(error) => within(error, octets),
            }
        }
        _ => {
            let plan = Ordeal::plain();
            match Campaign::from_snapshot(plan.clone(), octets) {
                Ok(campaign) => go_on(plan, campaign),
                Err(error) => within(error, octets),
            }
        }
    }
}

/// The place of a mistake lies within the octets.
fn within(error: FormatError, octets: &[u8]) {
    match error {
        FormatError::Truncated { at, .. } | FormatError::Value { at, .. } => assert!(at <= octets.len()),
        FormatError::Trailing { at, left, .. } => assert_eq!(at + left, octets.len()),
        _ => {}
    }
}

/// Time passes for a campaign that was read, and it crashes once.
fn go_on(plan: Plan, mut campaign: Campaign) {
    for step in 0..INPUTS {
        let mut outputs = 0;
        let wake = loop {
            match campaign.poll_output() {
                Output::Wait(wake) => break wake,
                _ => outputs += 1,
            }
            assert!(outputs < MOST_OUTPUTS, "more than {MOST_OUTPUTS} outputs for one input");
        };
        let snapshot = campaign.snapshot().expect("it waits");
        let again = Campaign::from_snapshot(plan.clone(), &snapshot).expect("its own snapshot");
        assert_eq!(again.snapshot().as_ref(), Some(&snapshot));
        let Some(wake) = wake else { return };
        campaign = if step == INPUTS / 2 {
            let restore = Restore::from_snapshot(plan.clone(), &snapshot, 0).expect("its own snapshot");
            restore.finish(wake).expect("it had started")
        } else {
            again
        };
        campaign.handle(wake, Input::Timeout);
    }
}
