//! A node that is killed again and again, and started again each time.

use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::harness::{Flags, Fleet, Process, Repeats, folder};

/// How many times faster than real time the fleet lives.
const FACTOR: &str = "300";
/// The longest that a node is let live, in milliseconds.
const LONGEST_LIFE: u32 = 600;

/// What there is to lose: parity, whole rounds, firmware with everything that version 2 of the packages adds.
const KINDS: [&str; 3] = [
    "--redundancy 50",
    "--no-fec --success-threshold 100",
    "--redundancy 50 --type firmware --package-version 2",
];

/// `FUOTA_KILLS` kills, or a few more: every campaign goes on to its end. The network servers of the first campaigns can do
/// no more than they must, so that whatever has no known outcome goes out again; the next ones remember.
#[test]
fn a_node_that_is_killed_at_random_moments_loses_nothing() {
    let wanted: u64 = std::env::var("FUOTA_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let mut moments = ChaCha12Rng::seed_from_u64(6);
    let mut total = 0;
    for (seed, kind) in (1..).zip(KINDS.iter().cycle()) {
        let plain = ((seed - 1) / KINDS.len()).is_multiple_of(2);
        let kills = campaign(seed, kind, plain, &mut moments);
        total += kills;
        eprintln!("campaign {seed}, {kind}, plain {plain}: {kills} kills, {total} in all");
        if total >= wanted {
            break;
        }
    }
}

/// A campaign whose node is killed until one lives to see the end. How many did not.
fn campaign(seed: usize, kind: &str, plain: bool, moments: &mut ChaCha12Rng) -> u64 {
    let folder = folder(&format!("live-kills-{seed}"));
    let flags = Flags::new(&folder, seed).with(kind);
    let fleet = Fleet::start(&flags, &folder, FACTOR, plain);
    let store = format!("sqlite:{}/fuota.db", folder.display());
    let more = ["--store", &store, "--fleet", &fleet.socket];
    let mut node = Process::start(flags.call("run", &more));
    node.says("has started");
    let mut kills = 0;
    loop {
        let life = Duration::from_millis((moments.next_u32() % LONGEST_LIFE).into());
        if node.ends_within(life).is_some() {
            break;
        }
        node.kill();
        kills += 1;
        node = Process::start(flags.call("resume", &more));
    }
    let (code, report) = node.end();
    let account = fleet.account();
    assert_eq!(code, 0, "{report}");

    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let expected = flags.uninterrupted();
    for field in ["status", "complete", "failed", "bytes_checked", "nb_frag", "parity"] {
        assert_eq!(report[field], expected[field], "{field}");
    }
    assert_eq!(account.compared(), report["complete"].as_u64().unwrap());
    // For each crash a multicast frame and a request to each device.
    account.holds(&report, if plain { Repeats { of_group: kills, of_device: kills } } else { Repeats::NONE });
    kills
}
