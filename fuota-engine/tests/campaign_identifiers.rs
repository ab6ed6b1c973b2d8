//! Identifiers that a device is given while something is under way for those that it had.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{START, spec};
use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::io::{DeriveOrder, Derived, GroupReport, Input, Output, Resource};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::spec::PackageVersion;
use fuota_engine::ids::{DevEui, GroupId};
use fuota_proto::{EncryptedMcKey, Mic};

/// Another campaign takes the index while the integrity code for it is computed: the code that comes is not the code of
/// the next index.
#[test]
fn an_integrity_code_that_is_outdated_when_it_comes_is_not_sent() {
    let mut spec = spec(1);
    (spec.devices[0].multicast, spec.devices[0].fragmentation) =
        (Some(PackageVersion::V2), Some(PackageVersion::V2));
    let mut campaign = Campaign::new(Plan::new(spec).unwrap(), START);
    let (device, mut now) = (DevEui(1), START);
    let mut after = |input: Input<'_>| {
        now += Duration::from_secs(1);
        campaign.handle(now, input);
        let mut outputs = Vec::new();
        loop {
            match campaign.poll_output() {
                Output::Wait(_) => return outputs,
                output => outputs.push(output),
            }
        }
    };
    let index = |outputs: &[Output]| {
        outputs.iter().find_map(|output| match output {
            Output::Derive(DeriveOrder::BlockMic { frag_index, .. }) => Some(frag_index.get()),
            _ => None,
        })
    };
    let sent = |outputs: &[Output]| {
        outputs.iter().find_map(|output| match output {
            Output::Transmit(tx) => Some(tx.payload.clone()),
            _ => None,
        })
    };
    let said = |port, payload| Input::Uplink { from: device, port, payload, received: START };

    after(Input::Group { id: GroupId(0), report: GroupReport::Provisioned { next_fcnt: 0 } });
    after(said(10, &[]));
    after(Input::Derived { device, value: Derived::McKey(EncryptedMcKey([0; 16])) });
    assert_eq!(index(&after(said(200, &[0x02, 0x00]))), Some(0), "McGroupSetupAns: the next stage begins");
    let taken = Resource::FragIndex(0);
    assert_eq!(index(&after(Input::Taken { device, what: taken })), None, "one at a time");
    // A key that was asked for twice, once before a restart, is not what is waited for here.
    let late = after(Input::Derived { device, value: Derived::McKey(EncryptedMcKey([0; 16])) });
    assert_eq!((index(&late), sent(&late)), (None, None));
    let outdated = after(Input::Derived { device, value: Derived::BlockMic(Mic([0xA0; 4])) });
    assert_eq!((index(&outdated), sent(&outdated)), (Some(1), None));
    let request = sent(&after(Input::Derived { device, value: Derived::BlockMic(Mic([0xB1; 4])) })).unwrap();
    assert_eq!((request[0], &request[request.len() - 4..]), (0x02, &[0xB1; 4][..]));
}
