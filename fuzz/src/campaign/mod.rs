//! Any inputs in any order, and what a campaign owes even then: it does not panic, it answers every question with
//! finitely many outputs, it ends when its time is up, and its records lead to the same end.

mod server;
mod spec;

use std::time::Duration;

use arbitrary::Arbitrary;
use fuota_engine::campaign::io::Order;
use fuota_engine::campaign::plan::Plan;
use fuota_engine::ids::DevEui;
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;

use self::server::Server;

/// Devices of every campaign.
const DEVICES: u64 = 4;
const START: GpsInstant = GpsInstant::from_secs(1_400_000_000);

/// A campaign, and what happens to it.
#[derive(Debug, Arbitrary)]
pub struct Ordeal {
    kind: u8,
    versions: u8,
    class_b: bool,
    without_fec: bool,
    two_groups: bool,
    threshold: u8,
    /// One bit for each option that changes what the campaign does.
    options: u8,
    /// Quirks and unsupported indices, eight bits for each device.
    models: u32,
    happenings: Vec<Happening>,
}

#[derive(Debug, Arbitrary)]
enum Happening {
    /// A device speaks, on any port.
    Uplink {
        device: u8,
        port: Port,
        payload: Vec<u8>,
    },
    /// A transmission of the campaign's own is reported, the `back`-th from the last.
    Own {
        back: u8,
        report: Fate,
    },
    /// A transmission that may never have been.
    Foreign {
        id: u64,
        report: Fate,
    },
    Group {
        id: u8,
        next_fcnt: Option<u32>,
    },
    Derived {
        device: u8,
        value: Made,
    },
    /// What the campaign asked for is derived.
    Derive,
    /// Another campaign has a device's group identifier, or else its fragmentation index.
    Taken {
        device: u8,
        group: bool,
        id: u8,
    },
    /// The operator orders something.
    Order(Wish),
    Wait {
        seconds: u16,
    },
    /// Time passes until the campaign wants to be called.
    Wake,
    /// The server crashes and is restarted.
    Crash,
}

#[derive(Debug, Arbitrary)]
enum Port {
    Multicast,
    Fragmentation,
    Clock,
    Firmware,
    Any(u8),
}

#[derive(Debug, Arbitrary)]
enum Fate {
    Sent,
    Busy,
    Unknown,
    Dropped,
}

#[derive(Debug, Arbitrary)]
enum Made {
    McKey,
    Mic,
    Nothing,
}

/// What an operator wants.
#[derive(Debug, Arbitrary)]
enum Wish {
    Stop,
    /// At once, or so many seconds from now.
    Start {
        after: Option<u16>,
    },
    Pause,
    Resume,
    Exclude {
        device: u8,
    },
    /// So much percent of the devices has to succeed.
    Require {
        percent: u8,
    },
}

impl Wish {
    /// The order, given now.
    fn order(&self, now: GpsInstant) -> Order {
        match *self {
            Self::Stop => Order::Stop,
            Self::Start { after } => {
                Order::Start { at: after.map(|seconds| now + Duration::from_secs(seconds.into())) }
            }
            Self::Pause => Order::Pause,
            Self::Resume => Order::Resume,
            Self::Exclude { device } => Order::Exclude { device: DevEui(u64::from(device % 5)) },
            // A threshold beyond 100 % can be ordered, and is refused.
            Self::Require { percent } => Order::Require { share: Percent::whole(u32::from(percent % 110)) },
        }
    }
}

impl Ordeal {
    /// The plan of the plainest campaign.
    ///
    /// # Panics
    /// When it cannot be planned.
    pub fn plain() -> Plan {
        let plain = Self {
            kind: 1,
            versions: 0,
            class_b: false,
            without_fec: true,
            two_groups: false,
            threshold: 100,
            options: 0,
            models: 0,
            happenings: Vec::new(),
        };
        Plan::new(plain.spec()).expect("every combination can be planned")
    }

    /// Lets it all happen.
    ///
    /// # Panics
    /// When the campaign does not keep its word.
    pub fn endure(self) {
        let plan = Plan::new(self.spec()).expect("every combination can be planned");
        let mut server = Server::new(plan);
        server.drain();
        for happening in self.happenings {
            server.happen(happening);
            server.drain();
        }
        server.wait_for_the_end();
    }
}
