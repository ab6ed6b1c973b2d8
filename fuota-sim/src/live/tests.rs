//! The fleet's network server as nodes meet it, without sockets.

use std::sync::mpsc::{self, Receiver};

use fuota_engine::campaign::io::{Dest, GroupParameters, Refusal, Report, Transmit};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::ids::{DevEui, GroupId, TxId};
use fuota_engine::time::GpsInstant;

use super::host::Host;
use super::listener::{Command, SaidLine};
use super::wire::{Answer, Call, Line, Said};
use crate::fleet::Fleet;
use crate::scenario::{DeviceGroup, Scenario};
use crate::world::{Told, spec};

/// A node, and the fleet that it speaks to.
struct Node {
    host: Host,
    heard: Receiver<String>,
    group: GroupParameters,
}

impl Node {
    fn new(is_plain: bool) -> Self {
        let fleet = vec![DeviceGroup { devices: 2, ..DeviceGroup::default() }];
        let scenario = Scenario { image: vec![7; 1_000], fleet, ..Scenario::default() };
        let plan = Plan::new(spec(&scenario)).unwrap();
        let group = *plan.groups()[0].parameters();
        let mut host = Host::new(&scenario, 1.0, is_plain).unwrap();
        let (say, heard) = mpsc::channel();
        host.hear(Command::Connected(0, say)).unwrap();
        let mut node = Self { host, heard, group };
        assert!(matches!(node.call(Call::Hello { node: "a".into() }), (Answer::Hello(_), _)));
        assert!(matches!(node.provision(1), Answer::Counter(0)));
        node
    }

    /// The answer to a call, and what is told besides.
    fn call(&mut self, call: Call) -> (Answer, Vec<Told>) {
        self.host.hear(Command::Said(0, Box::new(SaidLine(Said { n: 7, call })))).unwrap();
        let (mut answers, mut all) = (Vec::new(), Vec::new());
        for line in self.heard.try_iter() {
            match serde_json::from_str(&line).unwrap() {
                Line::Answer { n, answer } => {
                    assert_eq!(n, 7);
                    answers.push(answer);
                }
                Line::Told { campaign, told, .. } => {
                    assert_eq!(campaign, 1);
                    all.push(told);
                }
            }
        }
        assert_eq!(answers.len(), 1);
        (answers.remove(0), all)
    }

    fn provision(&mut self, campaign: u64) -> Answer {
        let parameters = self.group;
        let call = Call::Provision { campaign, parameters, mc_app_s_key: [1; 16], mc_nwk_s_key: [2; 16] };
        self.call(call).0
    }

    fn send(&mut self, token: u64, id: u64, dest: Dest) -> (Answer, Vec<Told>) {
        let (not_before, expires_at) = (GpsInstant::MAX, GpsInstant::MAX);
        let transmit = Transmit { id: TxId(id), dest, port: 200, payload: vec![0], not_before, expires_at };
        self.call(Call::Send { campaign: 1, token, downlink: (&transmit).into() })
    }

    fn queued(&mut self) -> Vec<TxId> {
        match self.call(Call::Queued).0 {
            Answer::Queued(queued) => queued,
            answer => panic!("{answer:?}"),
        }
    }
}

fn device() -> Dest {
    Dest::Unicast(Fleet::dev_eui(1))
}

#[test]
fn whoever_comes_with_an_outdated_token_is_refused() {
    let mut node = Node::new(false);
    assert!(matches!(node.send(2, 10, device()).0, Answer::Done));
    assert!(matches!(node.send(1, 11, device()).0, Answer::Fenced));
    assert!(matches!(node.send(3, 12, device()).0, Answer::Done));
    assert!(matches!(node.send(2, 13, device()).0, Answer::Fenced));
    assert_eq!(node.queued(), [TxId(10), TxId(12)]);

    let mut plain = Node::new(true);
    assert!(matches!(plain.send(2, 10, device()).0, Answer::Done));
    assert!(matches!(plain.send(1, 11, device()).0, Answer::Done));
}

#[test]
fn what_was_taken_before_goes_out_once_and_its_fate_is_told_again() {
    let dropped = [Told::Downlink { id: TxId(10), report: Report::Dropped }];
    let mut node = Node::new(false);
    node.send(1, 10, device());
    assert!(matches!(node.send(2, 10, device()), (Answer::Done, told) if told.is_empty()));
    assert_eq!(node.queued(), [TxId(10)]);
    assert_eq!(node.call(Call::Cancel { id: TxId(10) }).1, dropped);
    assert!(matches!(node.send(2, 10, device()), (Answer::Done, told) if told == dropped));
    assert_eq!(node.queued(), []);

    let mut plain = Node::new(true);
    plain.send(1, 10, device());
    plain.send(1, 10, device());
    assert_eq!(plain.queued(), [TxId(10), TxId(10)]);
}

#[test]
fn what_cannot_be_served_is_refused_with_the_reason() {
    let mut node = Node::new(false);
    let group = Dest::Multicast(GroupId(0));
    for id in 0..4 {
        assert!(matches!(node.send(1, id, group).0, Answer::Done), "{id}");
    }
    assert!(matches!(node.send(1, 4, group).0, Answer::Refused(Refusal::Busy)));
    assert!(matches!(node.send(1, 5, Dest::Unicast(DevEui(5))).0, Answer::Refused(Refusal::Unknown)));
    assert!(matches!(node.provision(2), Answer::Refused(Refusal::Unknown)), "it serves one campaign");
    assert!(matches!(node.provision(1), Answer::Counter(0)), "and that one again");
}

#[test]
fn what_happened_while_a_node_was_gone_is_told_when_it_comes_back() {
    let mut node = Node::new(false);
    node.send(1, 10, device());
    node.host.hear(Command::Gone(0)).unwrap();
    let (say, heard) = mpsc::channel();
    node.host.hear(Command::Connected(1, say)).unwrap();
    let cancel = Said { n: 1, call: Call::Cancel { id: TxId(10) } };
    node.host.hear(Command::Said(1, Box::new(SaidLine(cancel)))).unwrap();
    let hello = Said { n: 2, call: Call::Hello { node: "a".into() } };
    node.host.hear(Command::Said(1, Box::new(SaidLine(hello)))).unwrap();
    let lines: Vec<Line> = heard.try_iter().map(|line| serde_json::from_str(&line).unwrap()).collect();
    assert!(
        matches!(
            lines[..],
            [
                Line::Answer { n: 1, answer: Answer::Done },
                Line::Answer { n: 2, answer: Answer::Hello(_) },
                Line::Told { told: Told::Downlink { id: TxId(10), report: Report::Dropped }, .. },
            ]
        ),
        "{lines:?}"
    );
}
