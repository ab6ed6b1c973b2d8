//! A campaign and just enough around it.

use std::time::Duration;

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{CampaignStatus, Event, Outcome};
use fuota_engine::campaign::io::{
    DeriveOrder, Derived, GroupOrder, GroupReport, Input, Order, Output, Refusal, Report, Resource,
};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Record, Restore};
use fuota_engine::ids::{DevEui, GroupId, TxId};
use fuota_engine::time::GpsInstant;
use fuota_proto::{EncryptedMcKey, Mic};

use super::{DEVICES, Fate, Happening, Made, Port, START};

/// Outputs that one input can bring about at most: several for each device, and the fragments of a round.
const MOST_OUTPUTS: usize = 1000;
/// Longer than any campaign and its clean-up.
const LONG: Duration = Duration::from_secs(400_000);

/// A campaign and just enough around it.
pub(super) struct Server {
    plan: Plan,
    campaign: Campaign,
    now: GpsInstant,
    records: Vec<Record>,
    /// A state that was kept, and how many records it covers.
    snapshot: Option<(usize, Vec<u8>)>,
    sent: Vec<TxId>,
    orders: Vec<DeriveOrder>,
    wake: Option<GpsInstant>,
    outcome: Option<Outcome>,
    decided: Option<Outcome>,
}

impl Server {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            campaign: Campaign::new(plan.clone(), START),
            plan,
            now: START,
            records: Vec::new(),
            snapshot: None,
            sent: Vec::new(),
            orders: Vec::new(),
            wake: None,
            outcome: None,
            decided: None,
        }
    }

    pub(super) fn drain(&mut self) {
        for _ in 0..MOST_OUTPUTS {
            match self.campaign.poll_output() {
                Output::Wait(until) => {
                    self.wake = until;
                    self.rest();
                    return;
                }
                Output::Persist(record) => self.records.push(record),
                Output::Transmit(tx) => {
                    assert!(!self.campaign.is_paused(), "nothing is sent in a pause");
                    assert!(tx.not_before <= tx.expires_at || self.decided.is_some());
                    assert!(!tx.payload.is_empty() && tx.payload.len() <= 242);
                    self.sent.push(tx.id);
                }
                Output::Derive(order) => self.orders.push(order),
                Output::Finished(outcome) => {
                    assert_eq!(self.decided, Some(outcome), "the end is what was decided");
                    assert!(self.outcome.is_none_or(|before| before == outcome), "it ends once");
                    assert_eq!(u64::from(outcome.complete + outcome.failed), DEVICES);
                    self.outcome = Some(outcome);
                }
                Output::Event(Event::Decided(outcome)) => self.decided = Some(outcome),
                Output::Group(GroupOrder::Provision(_) | _) | Output::Cancel(_) | Output::Event(_) => {}
            }
        }
        panic!("more than {MOST_OUTPUTS} outputs for one input");
    }

    /// Written down and read again at every rest, it goes on as it would have. Some of the snapshots are kept.
    fn rest(&mut self) {
        let snapshot = self.campaign.snapshot().expect("it waits");
        self.campaign = Campaign::from_snapshot(self.plan.clone(), &snapshot).expect("its own snapshot");
        if self.snapshot.is_none() || self.records.len() % 5 == 0 {
            self.snapshot = Some((self.records.len(), snapshot));
        }
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        let input = match happening {
            Happening::Uplink { device, port, payload } => {
                let port = match port {
                    Port::Multicast => 200,
                    Port::Fragmentation => 201,
                    Port::Clock => 202,
                    Port::Firmware => 203,
                    Port::Any(port) => port,
                };
                let from = DevEui(u64::from(device % 5));
                let input = Input::Uplink { from, port, payload: &payload, received: self.now };
                self.campaign.handle(self.now, input);
                return;
            }
            Happening::Own { back, report } => {
                let Some(&id) = self.sent.iter().rev().nth(usize::from(back)) else { return };
                Input::Downlink { id, report: self.report(&report) }
            }
            Happening::Foreign { id, report } => {
                Input::Downlink { id: TxId(id), report: self.report(&report) }
            }
            Happening::Group { id, next_fcnt } => {
                let report = next_fcnt
                    .map_or(GroupReport::Refused, |next_fcnt| GroupReport::Provisioned { next_fcnt });
                Input::Group { id: GroupId(id % 3), report }
            }
            Happening::Derived { device, value } => {
                Input::Derived { device: DevEui(u64::from(device % 5)), value: derived(&value) }
            }
            Happening::Derive => match self.orders.pop() {
                Some(DeriveOrder::McKey { device, .. }) => {
                    Input::Derived { device, value: derived(&Made::McKey) }
                }
                Some(DeriveOrder::BlockMic { device, .. }) => {
                    Input::Derived { device, value: derived(&Made::Mic) }
                }
                _ => return,
            },
            Happening::Taken { device, group, id } => {
                let what = if group { Resource::McGroupId(id % 4) } else { Resource::FragIndex(id % 4) };
                Input::Taken { device: DevEui(u64::from(device % 5)), what }
            }
            Happening::Order(wish) => Input::Operator(wish.order(self.now)),
            Happening::Wait { seconds } => {
                self.now += Duration::from_secs(u64::from(seconds));
                Input::Timeout
            }
            Happening::Wake => {
                self.now = self.wake.map_or(self.now, |at| at.max(self.now));
                Input::Timeout
            }
            Happening::Crash => {
                self.restart();
                return;
            }
        };
        self.campaign.handle(self.now, input);
    }

    fn report(&self, fate: &Fate) -> Report {
        match fate {
            Fate::Sent => Report::Sent { at: self.now },
            Fate::Busy => Report::Refused(Refusal::Busy),
            Fate::Unknown => Report::Refused(Refusal::Unknown),
            Fate::Dropped => Report::Dropped,
        }
    }

    fn restart(&mut self) {
        let mut restore = Restore::new(self.plan.clone());
        for record in self.records.clone() {
            restore.apply(record).expect("its own records");
        }
        let restored = restore.finish(self.now).expect("it had started");
        let stand = |campaign: &Campaign| campaign.devices().collect::<Vec<_>>();
        assert_eq!(
            stand(&restored),
            stand(&self.campaign),
            "the devices stand as they stood: {:#?}",
            self.records
        );
        assert_eq!(restored.stages(), self.campaign.stages());
        self.campaign = restored;
        if let Some((covered, snapshot)) = &self.snapshot {
            let covers = *covered as u64;
            let mut restore = Restore::from_snapshot(self.plan.clone(), snapshot, covers).expect("its own");
            for record in &self.records[*covered..] {
                restore.apply(record.clone()).expect("its own records");
            }
            let from_snapshot = restore.finish(self.now).expect("it had started");
            assert_eq!(at_rest(from_snapshot), at_rest(self.campaign.clone()), "both lead to the same");
        }
    }

    /// Nothing happens any more but time.
    pub(super) fn wait_for_the_end(&mut self) {
        // Before it has begun nothing has to end: it may be paused, and it may wait for the order to start.
        for order in [Order::Resume, Order::Start { at: None }] {
            if self.campaign.status() == CampaignStatus::Configured && self.wake.is_none() {
                self.campaign.handle(self.now, Input::Operator(order));
                self.drain();
            }
        }
        let give_up = self.now + LONG;
        while self.outcome.is_none() {
            let wake = self.wake.expect("a campaign that is not over waits for its deadline");
            assert!(wake <= give_up, "it ends when its time is up");
            self.now = self.now.max(wake);
            self.campaign.handle(self.now, Input::Timeout);
            self.drain();
        }
        self.restart();
        // The restart itself becomes durable first.
        assert!(matches!(self.campaign.poll_output(), Output::Persist(_)));
        let output = self.campaign.poll_output();
        let finished = matches!(output, Output::Finished(outcome) if Some(outcome) == self.outcome);
        assert!(finished, "{output:?} where the end was {:?}", self.outcome);
    }
}

/// The state of a campaign once it has done what there is to do.
fn at_rest(mut campaign: Campaign) -> Vec<u8> {
    while !matches!(campaign.poll_output(), Output::Wait(_)) {}
    campaign.snapshot().expect("it waits")
}

fn derived(made: &Made) -> Derived {
    match made {
        Made::McKey => Derived::McKey(EncryptedMcKey([0; 16])),
        Made::Mic => Derived::BlockMic(Mic([0; 4])),
        Made::Nothing => Derived::Unavailable,
    }
}
