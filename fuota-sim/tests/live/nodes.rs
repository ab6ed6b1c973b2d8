//! Two nodes on one PostgreSQL. They need one (`.ci/run services` starts it):
//! `FUOTA_TEST_POSTGRES=postgres://postgres@127.0.0.1:PORT/postgres`.

use std::thread;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor};

use crate::harness::{Flags, Fleet, Process, Repeats, folder};

/// How many times faster than real time the fleet lives.
const FACTOR: &str = "100";
/// How long a campaign stays with a node that does not answer. A busy machine may keep a node waiting for a second.
const LEASE: &str = "2s";
/// Longer than a lease and a look at what nobody holds.
const ABSENCE: Duration = Duration::from_millis(3_800);
/// What is asked while nodes come and go is asked again so often.
const PATIENT: &str = "--redundancy 50 --msg-retries 15";
/// A campaign ends before so many nodes are gone.
const MOST_INCIDENTS: u64 = 60;
/// What the network server queues for the group: so much may go out twice if a node is gone.
const QUEUE_DEPTH: u64 = 4;

#[test]
fn a_node_that_is_killed_is_replaced_and_nothing_goes_out_twice() {
    killed("killed", false);
}

#[test]
fn a_node_that_is_killed_is_replaced_and_little_goes_out_twice_where_no_tokens_are_checked() {
    killed("killed_plain", true);
}

#[test]
fn a_node_that_is_frozen_is_replaced_and_nothing_goes_out_twice() {
    frozen("frozen", false);
}

#[test]
fn a_node_that_is_frozen_is_replaced_and_little_goes_out_twice_where_no_tokens_are_checked() {
    frozen("frozen_plain", true);
}

/// A database of its own for each test, if there is a server.
fn database(name: &str) -> Option<String> {
    let Ok(server) = std::env::var("FUOTA_TEST_POSTGRES") else {
        eprintln!("skipped: FUOTA_TEST_POSTGRES is not set");
        return None;
    };
    let name = format!("fuota_nodes_{}_{name}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        sqlx::any::install_default_drivers();
        let admin = sqlx::AnyPool::connect(&server).await.unwrap();
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        admin.close().await;
    });
    let (host, _) = server.rsplit_once('/').unwrap();
    Some(format!("{host}/{name}"))
}

/// A fleet and two nodes, of which the first one has the campaign.
struct Pair {
    flags: Flags,
    fleet: Fleet,
    server: String,
}

impl Pair {
    fn new(name: &str, server: String, plain: bool) -> Self {
        let folder = folder(&format!("live-{name}"));
        let flags = Flags::new(&folder, 1).with(PATIENT).few();
        let fleet = Fleet::start(&flags, &folder, FACTOR, plain);
        Self { flags, fleet, server }
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
            assert_eq!(report[field], expected[field], "{field}: {report}");
        }
        let account = self.fleet.account();
        account.holds(&report, repeats);
        assert!(account.token() > changes, "{} against {changes} changes", account.token());
    }
}

/// Nodes are killed in turn; each time the other one has the campaign within the lease.
fn killed(name: &str, plain: bool) {
    let Some(server) = database(name) else { return };
    let pair = Pair::new(name, server, plain);
    let (mut holder, mut other) = (pair.node("run", "a"), pair.node("resume", "b"));
    let mut incidents = 0_u64;
    while other.ends_within(Duration::from_millis(2_400 + 370 * (incidents % 4))).is_none() {
        assert!(incidents < MOST_INCIDENTS, "the campaign does not end");
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
fn frozen(name: &str, plain: bool) {
    let Some(server) = database(name) else { return };
    let pair = Pair::new(name, server, plain);
    let (first, mut second) = (pair.node("run", "a"), pair.node("resume", "b"));
    let mut incidents = 0_u64;
    while second.ends_within(Duration::from_millis(700 + 170 * (incidents % 4))).is_none() {
        assert!(incidents < MOST_INCIDENTS, "the campaign does not end");
        let late = if incidents.is_multiple_of(2) { &first } else { &second };
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
