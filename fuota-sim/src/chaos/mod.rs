//! Chaos: random campaigns in random trouble, and what must hold whatever happens.
//!
//! A [`Case`] follows from a seed: a campaign of any kind, policy, class and version, one to forty devices, an operator
//! who pauses, resumes, excludes and stops, and faults. The campaign is the engine's own, kept in a journal of octets; the
//! devices are the engine's own sessions in the simulator's world; time is virtual.
//!
//! ```text
//!   Campaign ◀─▶ Conductor ──▶ Journal      crashes, restarts, a clock that jumps, a store that fails
//!                   │  ▲
//!                   ▼  │
//!                 Courier ◀── Enemy         letters lost, doubled, late; octets in the name of devices
//!                   │  ▲
//!                   ▼  │
//!                 World                     frames lost, collisions, reboots, clocks that drift and jump
//! ```
//!
//! After every step the invariants of ARCHITECTURE.md are checked:
//!
//! | Invariant | Checked | Where |
//! |---|---|---|
//! | 1. Layers | not here: `fuota-sim/tests/layers.rs` | |
//! | 2. No clock, randomness, I/O in the core | as far as it shows: the campaign's twin, a moment later, does the same | `conductor` |
//! | 3. No panic, no growth without bound | panics; outputs per turn; octets of the state; fragments on air | `run.rs`, `check/course.rs`, `check/transmissions.rs` |
//! | 4. Durable before it is done | records before every hand-over | `conductor` |
//! | 4. Repeated as it was | what repeats: after a crash, without a durable outcome, the same octets, told | `check/transmissions.rs` |
//! | 4. Nothing skipped | every fragment of the first round was handed over | `check/transmissions.rs` |
//! | 4. Nothing forgotten | the restored campaign stands as it stood; records and snapshot lead to the same | `journal.rs` |
//! | 5. Same inputs, same outputs | a twin that is written down and read again; the same seed, the same records | `conductor`, `fuota-sim/tests/chaos.rs` |
//! | 6. Secrets | keys in records, snapshots and `Debug` | `check/secrets.rs` |
//! | 7. Features only add | not here: the feature powerset of `.ci/run` | |
//! | 8. Complete on its own word | what was heard; what an honest device really holds; what is inferred apart | `check/devices.rs`, `check/course.rs` |
//! | The end | when its time is up, once, with an account that adds up; nothing sent in a pause | `check/course.rs` |
//! | The image | what devices put together in whose name nobody else spoke, compared by the world | `run.rs` |
//!
//! What does not hold is [shrunk](shrink) to a short case, which is written as TOML and can be run again.

mod case;
mod check;
mod conductor;
mod draw;
mod hostile;
mod journal;
mod letters;
mod run;
mod sabotage;
mod setting;
mod shrink;

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

pub use self::case::{
    CampaignCase, Case, Crash, DeviceCase, Fault, Hostile, KindCase, NetworkCase, NodeCase, OrderCase,
    PolicyCase, StartCase, Switch, Timed,
};
pub use self::check::{Invariant, Violation};
pub use self::run::{Tale, Verdict, run, run_with};
pub use self::sabotage::Sabotage;
pub use self::shrink::{Shrunk, shrink};

/// Runs a case for each of these seeds, on all cores, and hands over every verdict in the order of the seeds. Returns
/// early once `stop` is set.
pub fn swarm(
    first: u64,
    runs: u64,
    sabotage: Option<Sabotage>,
    stop: &AtomicBool,
    verdict: &mut dyn FnMut(u64, &Case, &Verdict),
) {
    /// Verdicts that wait for their turn.
    const PORTION: u16 = 256;
    let last = first.saturating_add(runs);
    for begin in (first..last).step_by(usize::from(PORTION)) {
        let portion = begin..last.min(begin + u64::from(PORTION));
        let verdicts: Vec<_> = portion
            .into_par_iter()
            .map(|seed| {
                if stop.load(Ordering::Relaxed) {
                    return None;
                }
                let case = Case::draw(seed);
                let found = run_with(&case, sabotage);
                Some((seed, case, found))
            })
            .collect();
        for (seed, case, found) in verdicts.iter().flatten() {
            verdict(*seed, case, found);
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}
