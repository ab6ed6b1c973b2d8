//! A chaotic scenario drawn from a seed.

use fuota_engine::campaign::quirk::Quirk;

use super::case::{
    CampaignCase, Case, Crash, DeviceCase, Fault, Hostile, KindCase, NetworkCase, NodeCase, OrderCase,
    PolicyCase, StartCase, Switch, Timed,
};
use crate::rng::{Draws, Stream};
use crate::scenario::ErrorBit;

/// Most devices of a fleet.
const MOST_DEVICES: u32 = 40;
/// Within so many seconds orders are given and faults befall: longer than most campaigns last.
const EVENTFUL: u32 = 9_000;

/// Numbers drawn for a case.
struct Dice(Draws);

impl Dice {
    /// A number of this range, both ends included.
    fn from(&mut self, first: u32, last: u32) -> u32 {
        first + self.0.below(last - first + 1)
    }

    /// Whether something happens that does in so many of a hundred cases.
    fn happens(&mut self, percent: u32) -> bool {
        self.0.below(100) < percent
    }

    /// One of these.
    fn one<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let at = self.0.below(u32::try_from(others.len()).unwrap_or_default() + 1);
        (at as usize).checked_sub(1).and_then(|at| others.get(at)).copied().unwrap_or(first)
    }

    /// Up to this much, in so many of a hundred cases; otherwise nothing.
    fn some(&mut self, percent: u32, most: u32) -> u32 {
        if self.happens(percent) { self.from(1, most) } else { 0 }
    }
}

impl Case {
    /// The case of this seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let dice = &mut Dice(Draws::new(seed, 0, Stream::Chaos));
        // Small fleets are quick, and most of what can go wrong goes wrong in them.
        let devices = if dice.happens(70) { dice.from(1, 8) } else { dice.from(9, MOST_DEVICES) };
        let campaign = campaign(dice);
        let kind = campaign.kind;
        let mut case = Self {
            seed,
            node: NodeCase {
                commits_turns: dice.happens(60),
                inputs: dice.one(1, &[1, 2, 5, 40]),
                snapshot_every: dice.some(70, 60),
            },
            network: network(dice),
            devices: Vec::new(),
            orders: Vec::new(),
            faults: Vec::new(),
            crashes: Vec::new(),
            campaign,
        };
        let bad = dice.happens(30);
        case.devices = (0..devices).map(|_| device(dice, kind, bad)).collect();
        orders(dice, &mut case);
        faults(dice, &mut case);
        let last = dice.one(40, &[200, 1_000, 4_000]);
        for _ in 0..dice.some(80, 6) {
            let action = u64::from(dice.from(0, last));
            let down = if dice.happens(70) { dice.some(50, 60) } else { dice.from(60, 3_600) };
            case.crashes.push(Crash { action, down, torn: dice.happens(40), kept: dice.happens(30) });
        }
        case.crashes.sort_by_key(|crash| crash.action);
        case
    }
}

fn campaign(dice: &mut Dice) -> CampaignCase {
    let kinds = [KindCase::Binary, KindCase::Binary, KindCase::Firmware, KindCase::FirmwareAtTime];
    let policies = [PolicyCase::Rounds, PolicyCase::Adaptive, PolicyCase::Fec { percent: dice.from(0, 120) }];
    let starts =
        [StartCase::AtOnce, StartCase::AtOnce, StartCase::OnOrder, StartCase::After(dice.from(1, 900))];
    let frag_size = u8::try_from(dice.from(8, 60)).unwrap_or(u8::MAX);
    // From one fragment to a few dozens: what can happen does not depend on how many there are.
    let most = if dice.happens(80) { 20 } else { 70 };
    let image = dice.from(1, u32::from(frag_size) * most);
    let mut switches = Vec::new();
    for switch in Switch::ALL {
        if dice.happens(15) {
            switches.push(switch);
        }
    }
    CampaignCase {
        kind: dice.one(KindCase::MulticastSetup, &kinds),
        policy: dice.one(PolicyCase::Fec { percent: 30 }, &policies),
        start: dice.one(StartCase::AtOnce, &starts),
        class_b: dice.happens(25).then(|| u8::try_from(dice.from(0, 4)).unwrap_or_default()),
        image,
        frag_size,
        ack_reception: dice.happens(20),
        threshold: dice.one(95, &[0, 50, 75, 100]),
        msg_retries: dice.one(5, &[0, 1, 3]),
        rounds: dice.one(10, &[1, 2, 3]),
        max_duration: if dice.happens(85) { 86_400 } else { dice.from(3_000, 20_000) },
        switches,
        half_duplex: dice.happens(25),
        beacon_loss: dice.some(25, 40),
    }
}

fn network(dice: &mut Dice) -> NetworkCase {
    if dice.happens(30) {
        return NetworkCase::default();
    }
    NetworkCase {
        uplink_twice: dice.happens(20),
        uplink_delay: dice.some(40, 20),
        stale: dice.some(30, 30),
        report_lost: dice.some(30, 25),
        report_twice: dice.some(30, 50),
        report_delay: dice.some(30, 15),
        downlink_refused: dice.some(30, 25),
        downlink_lost: dice.some(30, 20),
        derive_delay: dice.some(30, 30),
    }
}

/// A device; in a bad fleet most have something the matter.
fn device(dice: &mut Dice, kind: KindCase, bad: bool) -> DeviceCase {
    let odd = |dice: &mut Dice, percent: u32| dice.happens(if bad { 4 * percent } else { percent });
    let is_firmware = matches!(kind, KindCase::Firmware | KindCase::FirmwareAtTime);
    let quirk = odd(dice, 5).then(|| dice.one(Quirk::StatusInV1Order, &Quirk::ALL).name().to_owned());
    DeviceCase {
        downlink_loss: dice.one(0, &[5, 10, 30]),
        bursts: dice.happens(20),
        uplink_loss: dice.one(0, &[5, 10, 30]),
        period: dice.one(60, &[100, 300, 600]),
        v2: dice.happens(50),
        asked: dice.happens(20),
        quirks: quirk.into_iter().collect(),
        only_index: odd(dice, 3).then(|| u8::try_from(dice.from(0, 3)).unwrap_or_default()),
        taken: odd(dice, 10).then(|| u8::try_from(dice.from(0, 3)).unwrap_or_default()),
        drift_ppm: dice.some(20, 60),
        decoder_lost: odd(dice, 3).then(|| u16::try_from(dice.from(0, 5)).unwrap_or_default()),
        refuses: odd(dice, 3).then(|| dice.one(ErrorBit::NAMES[0], &ErrorBit::NAMES).0.to_owned()),
        joins: if odd(dice, 5) { dice.from(1, 4_000) } else { 0 },
        up_to_date: is_firmware && odd(dice, 3),
        other_hardware: is_firmware && odd(dice, 2),
        rolls_back: is_firmware && odd(dice, 2),
        no_key: odd(dice, 2),
    }
}

fn orders(dice: &mut Dice, case: &mut Case) {
    let devices = u32::try_from(case.devices.len()).unwrap_or(u32::MAX);
    let mut order = |after, what| case.orders.push(Timed { after, what });
    if case.campaign.start == StartCase::OnOrder {
        order(dice.from(1, 600), OrderCase::Start);
    }
    if dice.happens(8) {
        order(dice.from(0, EVENTFUL), OrderCase::Stop);
    }
    for _ in 0..dice.some(35, 4) {
        let after = dice.from(0, EVENTFUL);
        match dice.from(0, 4) {
            0 | 1 => {
                order(after, OrderCase::Pause);
                order(after + dice.from(1, 4_000), OrderCase::Resume);
            }
            2 => order(after, OrderCase::Exclude(dice.from(0, devices))),
            3 => order(after, OrderCase::Start),
            _ => order(after, OrderCase::Require(dice.from(0, 105))),
        }
    }
}

fn faults(dice: &mut Dice, case: &mut Case) {
    let devices = u32::try_from(case.devices.len()).unwrap_or(u32::MAX);
    let mut fault = |after, what| case.faults.push(Timed { after, what });
    let jump = |dice: &mut Dice| {
        let by = dice.one(2, &[30, 600, 4_000]);
        if dice.happens(50) { by } else { -by }
    };
    for _ in 0..dice.some(25, 3) {
        fault(dice.from(0, EVENTFUL), Fault::Reboot { device: dice.from(0, devices - 1) });
    }
    for _ in 0..dice.some(15, 3) {
        let device = dice.from(0, devices - 1);
        fault(dice.from(0, EVENTFUL), Fault::DeviceClock { device, by: jump(dice) });
    }
    for _ in 0..dice.some(20, 3) {
        fault(dice.from(0, EVENTFUL), Fault::NodeClock { by: jump(dice) });
    }
    for _ in 0..dice.some(25, 3) {
        let takes = if dice.happens(70) { dice.from(1, 60) } else { dice.from(60, 2_000) };
        fault(dice.from(0, EVENTFUL), Fault::Store { takes, keeps: dice.happens(50) });
    }
    for _ in 0..dice.some(35, 30) {
        let says = dice.one(Hostile::Octets, &Hostile::ALL);
        fault(dice.from(0, EVENTFUL), Fault::Hostile { device: dice.from(0, devices), says });
    }
}
