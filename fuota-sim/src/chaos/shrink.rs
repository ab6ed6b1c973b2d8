//! From a case in which something does not hold to a short one in which it still does not.

use super::case::{
    CampaignCase, Case, DeviceCase, Fault, NetworkCase, OrderCase, PolicyCase, StartCase, Timed,
};
use super::check::{Invariant, Violation};
use super::run::{Verdict, run_with};
use super::sabotage::Sabotage;

/// A case that was made shorter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shrunk {
    /// What is left of it.
    pub case: Case,
    /// What does not hold in it.
    pub violation: Violation,
    /// Cases that were tried.
    pub runs: u32,
}

/// Leaves out of a case what it can without, in at most so many runs, as long as the same does not hold.
#[must_use]
pub fn shrink(case: &Case, violation: &Violation, sabotage: Option<Sabotage>, most_runs: u32) -> Shrunk {
    let mut shrunk = Shrunk { case: case.clone(), violation: violation.clone(), runs: 0 };
    while let Some(smaller) = smaller(&mut shrunk, violation.invariant, sabotage, most_runs) {
        (shrunk.case, shrunk.violation) = smaller;
    }
    shrunk
}

/// The first case with less in it in which the same does not hold.
fn smaller(
    shrunk: &mut Shrunk,
    invariant: Invariant,
    sabotage: Option<Sabotage>,
    most_runs: u32,
) -> Option<(Case, Violation)> {
    for candidate in candidates(&shrunk.case) {
        if shrunk.runs >= most_runs {
            return None;
        }
        shrunk.runs += 1;
        if let Verdict::Violated(violation) = run_with(&candidate, sabotage)
            && violation.invariant == invariant
        {
            return Some((candidate, violation));
        }
    }
    None
}

/// Cases with less in them: what leaves out most comes first.
fn candidates(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Case)| {
        let mut candidate = case.clone();
        change(&mut candidate);
        if candidate != *case {
            all.push(candidate);
        }
    };
    for range in portions(case.devices.len()) {
        if range.len() < case.devices.len() {
            with(&|case| leave_out_devices(case, range.clone()));
        }
    }
    for range in portions(case.faults.len()) {
        with(&|case| drop(case.faults.drain(range.clone())));
    }
    for range in portions(case.orders.len()) {
        with(&|case| drop(case.orders.drain(range.clone())));
    }
    for range in portions(case.crashes.len()) {
        with(&|case| drop(case.crashes.drain(range.clone())));
    }
    with(&|case| case.network = NetworkCase::default());
    for calm in CALMER {
        with(&|case| calm(&mut case.network));
    }
    for plain in PLAINER {
        with(&|case| plain(&mut case.campaign));
    }
    for at in 0..case.campaign.switches.len() {
        with(&|case| drop(case.campaign.switches.drain(at..=at)));
    }
    with(&|case| (case.node.inputs, case.node.snapshot_every) = (1, 0));
    with(&|case| case.node.commits_turns = true);
    with(&|case| case.devices.iter_mut().for_each(|device| *device = usual(device.v2)));
    for at in 0..case.devices.len() {
        with(&|case| case.devices.iter_mut().skip(at).take(1).for_each(|device| *device = usual(device.v2)));
    }
    for at in 0..case.crashes.len() {
        with(&|case| {
            for crash in case.crashes.iter_mut().skip(at).take(1) {
                (crash.down, crash.torn, crash.kept) = (0, false, false);
            }
        });
    }
    all
}

/// What happens less between network and node.
const CALMER: [fn(&mut NetworkCase); 9] = [
    |network| network.uplink_twice = false,
    |network| network.uplink_delay = 0,
    |network| network.stale = 0,
    |network| network.report_lost = 0,
    |network| network.report_twice = 0,
    |network| network.report_delay = 0,
    |network| network.downlink_refused = 0,
    |network| network.downlink_lost = 0,
    |network| network.derive_delay = 0,
];

/// What can be less about a campaign.
const PLAINER: [fn(&mut CampaignCase); 9] = [
    |campaign| campaign.switches.clear(),
    |campaign| campaign.start = StartCase::AtOnce,
    |campaign| campaign.class_b = None,
    |campaign| campaign.image = (campaign.image / 2).max(1),
    |campaign| campaign.ack_reception = false,
    |campaign| campaign.half_duplex = false,
    |campaign| campaign.beacon_loss = 0,
    |campaign| campaign.rounds = campaign.rounds.min(2),
    |campaign| campaign.policy = PolicyCase::Fec { percent: 30 },
];

/// A device with nothing the matter.
fn usual(v2: bool) -> DeviceCase {
    DeviceCase { v2, ..DeviceCase::default() }
}

/// All of so many, its halves, its quarters and so on, and each single one.
fn portions(count: usize) -> Vec<std::ops::Range<usize>> {
    let mut portions = Vec::new();
    let mut size = count;
    while size > 0 {
        portions.extend((0..count).step_by(size).map(|from| from..(from + size).min(count)));
        size /= 2;
    }
    portions
}

/// Leaves out these devices, and what was about them.
fn leave_out_devices(case: &mut Case, range: std::ops::Range<usize>) {
    let left = |device: u32| {
        let at = device as usize;
        if range.contains(&at) {
            return None;
        }
        let before = if at >= range.end { range.len() } else { 0 };
        Some(device - u32::try_from(before).unwrap_or_default())
    };
    case.devices.drain(range.clone());
    case.faults = case.faults.iter().filter_map(|fault| moved(fault, |what| fault_of(what, &left))).collect();
    case.orders = case.orders.iter().filter_map(|order| moved(order, |what| order_of(what, &left))).collect();
}

fn moved<T: Copy>(timed: &Timed<T>, of: impl Fn(T) -> Option<T>) -> Option<Timed<T>> {
    Some(Timed { after: timed.after, what: of(timed.what)? })
}

fn fault_of(fault: Fault, left: &impl Fn(u32) -> Option<u32>) -> Option<Fault> {
    Some(match fault {
        Fault::Reboot { device } => Fault::Reboot { device: left(device)? },
        Fault::DeviceClock { device, by } => Fault::DeviceClock { device: left(device)?, by },
        Fault::Hostile { device, says } => Fault::Hostile { device: left(device)?, says },
        other @ (Fault::NodeClock { .. } | Fault::Store { .. }) => other,
    })
}

fn order_of(order: OrderCase, left: &impl Fn(u32) -> Option<u32>) -> Option<OrderCase> {
    match order {
        OrderCase::Exclude(device) => left(device).map(OrderCase::Exclude),
        other => Some(other),
    }
}
