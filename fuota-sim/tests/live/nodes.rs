//! Two nodes on one PostgreSQL. They need one (`.ci/run nodes` starts it):
//! `FUOTA_TEST_POSTGRES=postgres://postgres@127.0.0.1:PORT/postgres`.

use std::thread;
use std::time::Duration;

use crate::harness::{Flags, Fleet, Process, Repeats, folder};

/// How many times faster than real time the fleet lives.
const FACTOR: &str = "150";
/// How long a campaign stays with a node that does not answer.
const LEASE: &str = "1s";
/// Longer than a lease and a look at what nobody holds.
const ABSENCE: Duration = Duration::from_millis(2_500);
/// What the network server queues for the group: so much may go out twice if a node is gone.
const QUEUE_DEPTH: u64 = 4;

/// One after the other, because they share the fleet's devices in the database.
#[test]
fn a_node_that_is_gone_or_late_is_replaced_by_another() {
    let Ok(server) = std::env::var("FUOTA_TEST_POSTGRES") else {
        eprintln!("skipped: FUOTA_TEST_POSTGRES is not set");
        return;
    };
    for plain in [false, true] {
        killed(&server, plain);
        frozen(&server, plain);
    }
}

/// A fleet and two nodes, of which the first one has the campaign.
struct Pair {
    flags: Flags,
    fleet: Fleet,
    server: String,
}

impl Pair {
    fn new(name: &str, server: &str, plain: bool) -> Self {
        let folder = folder(&format!("live-{name}-{plain}"));
        let flags = Flags::new(&folder, 1).with("--redundancy 50").few();
        let fleet = Fleet::start(&flags, &folder, FACTOR, plain);
        Self { flags, fleet, server: server.into() }
    }

    fn node(&self, verb: &str, name: &str) -> Process {
        let more = ["--store", &self.server, "--fleet", &self.fleet.socket, "--node", name, "--lease", LEASE];
        let mut node = Process::start(self.flags.call(verb, &more));
        node.says(if verb == "run" { "has started" } else { "goes on" });
        node
    }

    /// The campaign is over and as it should be, and has changed hands that often at least.
    fn check(self, nodes: Vec<Process>, changes: u64, repeats: Repeats) {
        let expected = self.flags.uninterrupted();
        let mut reports = nodes.into_iter().map(|node| {
            let (code, report) = node.end();
            assert_eq!(code, 0, "{report}");
            serde_json::from_str::<serde_json::Value>(&report).unwrap()
        });
        let report = reports.next().unwrap();
        for other in reports {
            assert_eq!(other["complete"], report["complete"], "both nodes say the same");
        }
        for field in ["status", "complete", "failed", "bytes_checked"] {
            assert_eq!(report[field], expected[field], "{field}");
        }
        let account = self.fleet.account();
        account.holds(&report, repeats);
        assert!(account.token() > changes, "{} against {changes} changes", account.token());
    }
}

/// Nodes are killed in turn; each time the other one has the campaign within the lease.
fn killed(server: &str, plain: bool) {
    let pair = Pair::new("killed", server, plain);
    let (mut holder, mut other) = (pair.node("run", "a"), pair.node("resume", "b"));
    let mut incidents = 0;
    while other.ends_within(Duration::from_millis(1_100 + 170 * (incidents % 4))).is_none() {
        holder.kill();
        incidents += 1;
        holder = other;
        other = pair.node("resume", &format!("c{incidents}"));
    }
    assert!(incidents > 1);
    let repeats = Repeats { of_group: incidents * QUEUE_DEPTH, of_device: incidents };
    // Of two that wait, either may have taken it up; so it is not the holder that dies each time.
    pair.check(vec![holder, other], incidents / 2, if plain { repeats } else { Repeats::NONE });
}

/// Nodes are frozen in turn until their lease has passed, and go on as if nothing had happened.
fn frozen(server: &str, plain: bool) {
    let pair = Pair::new("frozen", server, plain);
    let (first, mut second) = (pair.node("run", "a"), pair.node("resume", "b"));
    let mut incidents = 0;
    while second.ends_within(Duration::from_millis(400 + 70 * (incidents % 4))).is_none() {
        let late = if incidents % 2 == 0 { &first } else { &second };
        late.signal("-STOP");
        thread::sleep(ABSENCE);
        late.signal("-CONT");
        incidents += 1;
    }
    assert!(incidents > 1);
    let repeats = Repeats { of_group: incidents * QUEUE_DEPTH, of_device: incidents };
    // One that takes long to wake up may be frozen again before it has anything.
    pair.check(vec![first, second], incidents / 2, if plain { repeats } else { Repeats::NONE });
}
