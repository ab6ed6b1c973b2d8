//! What a device's radio did, by phase of the campaign.

use std::time::Duration;

use fuota_engine::airtime::Modulation;
use fuota_engine::device::{self, WindowClass};
use fuota_engine::time::GpsInstant;
use fuota_proto::GpsSeconds;

use crate::energy::{EMPTY_WINDOW_SYMBOLS, RadioTime};
use crate::scenario::Scenario;
use crate::server::{RX1_DELAY, RX2_DELAY};
use crate::world::START;

/// What part of a campaign time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The stages before the fragments.
    SetUp,
    /// Fragments on air.
    Transfer,
    /// Polls, verification, clean-up.
    Closing,
}

/// How long a radio was in each state, in each phase.
#[derive(Debug)]
pub(crate) struct Meter {
    phase: Phase,
    since: GpsInstant,
    times: [RadioTime; 3],
    /// The group's window that is open, and since when it is not yet accounted for.
    open: Option<(device::Window, GpsInstant)>,
    rates: Rates,
}

/// What an empty window and a beacon take.
#[derive(Clone, Copy, Debug)]
struct Rates {
    /// RX1 and RX2 after an uplink that nobody answers.
    windows: Duration,
    /// A ping slot in which nothing comes.
    slot: Duration,
    beacon: Duration,
}

impl Meter {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let region = scenario.region;
        let of = |dr| region.downlink(dr).map(|rate| rate.modulation);
        let empty = |rate: Option<Modulation>| {
            rate.map_or(Duration::ZERO, |rate| rate.symbol() * EMPTY_WINDOW_SYMBOLS)
        };
        let (rx1, rx2) = (region.rx1_data_rate(scenario.uplink_data_rate), region.rx2_data_rate());
        let beacon = region.beacon();
        let beacon = of(beacon.data_rate).map_or(Duration::ZERO, |rate| rate.beacon(beacon.octets.into()));
        let rates =
            Rates { windows: empty(of(rx1)) + empty(of(rx2)), slot: empty(of(scenario.data_rate)), beacon };
        Self { phase: Phase::SetUp, since: START, times: Default::default(), open: None, rates }
    }

    /// It sent a frame of `airtime`, and listens in the windows that follow.
    pub(crate) fn sent(&mut self, airtime: Duration) {
        let windows = self.rates.windows;
        let time = self.time();
        time.tx += airtime;
        time.rx += windows;
        time.standby += RX2_DELAY.max(RX1_DELAY);
    }

    /// It received a frame of `airtime`, in a window that opened for it.
    pub(crate) fn received(&mut self, airtime: Duration) {
        self.time().rx += airtime;
    }

    /// The group's window opens.
    pub(super) const fn opened(&mut self, now: GpsInstant, window: &device::Window) {
        self.open = Some((*window, now));
    }

    /// It closes.
    pub(super) fn closed(&mut self, now: GpsInstant) {
        self.settle(now);
        self.open = None;
    }

    /// Another phase begins.
    pub(crate) fn turn(&mut self, now: GpsInstant, phase: Phase) {
        self.settle(now);
        let slept = now.since(self.since);
        let time = self.time();
        let awake = time.rx + time.tx + time.standby;
        time.sleep = slept.saturating_sub(awake);
        self.phase = phase;
        self.since = now;
    }

    /// What it did: set-up, transfer, closing.
    pub(crate) const fn times(&self) -> [RadioTime; 3] {
        self.times
    }

    /// Accounts for the open window up to now.
    fn settle(&mut self, now: GpsInstant) {
        let Some((window, since)) = self.open else { return };
        let open = now.since(since);
        let rx = match window.class {
            WindowClass::C => open,
            WindowClass::B { periodicity } => {
                let slots = open.as_millis() / u128::from(960_u64 << periodicity.get());
                let beacons = open.as_secs() / u64::from(GpsSeconds::BEACON_PERIOD_S);
                let count = |count: u128| u32::try_from(count).unwrap_or(u32::MAX);
                self.rates.slot * count(slots) + self.rates.beacon * count(beacons.into())
            }
        };
        self.time().rx += rx;
        self.open = Some((window, now));
    }

    const fn time(&mut self) -> &mut RadioTime {
        let [set_up, transfer, closing] = &mut self.times;
        match self.phase {
            Phase::SetUp => set_up,
            Phase::Transfer => transfer,
            Phase::Closing => closing,
        }
    }
}

#[cfg(test)]
mod tests {
    use fuota_proto::{DataRate, Frequency, McGroupId, PingSlotPeriodicity};

    use super::*;

    fn window(class: WindowClass) -> device::Window {
        let frequency = Frequency::from_hz(869_525_000).unwrap();
        device::Window { mc_group_id: McGroupId::MIN, frequency, data_rate: DataRate::from_wire(5), class }
    }

    fn after(secs: u64) -> GpsInstant {
        START + Duration::from_secs(secs)
    }

    #[test]
    fn an_open_window_is_split_between_the_phases() {
        let mut meter = Meter::new(&Scenario::default());
        meter.opened(after(60), &window(WindowClass::C));
        meter.turn(after(100), Phase::Transfer);
        meter.closed(after(300));
        meter.turn(after(500), Phase::Closing);
        let [set_up, transfer, closing] = meter.times();
        assert_eq!((set_up.rx, set_up.sleep), (Duration::from_secs(40), Duration::from_secs(60)));
        assert_eq!((transfer.rx, transfer.sleep), (Duration::from_secs(200), Duration::from_secs(200)));
        assert_eq!(closing, RadioTime::default());
    }

    #[test]
    fn ping_slots_cost_a_fraction_of_listening_without_pause() {
        let mut meter = Meter::new(&Scenario::default());
        let periodicity = PingSlotPeriodicity::new(0).unwrap();
        meter.opened(START, &window(WindowClass::B { periodicity }));
        meter.closed(after(1280));
        // 1,333 slots of five symbols of 1.024 ms, ten beacons of 152.576 ms.
        let expected = Duration::from_micros(5_120) * 1333 + Duration::from_micros(152_576) * 10;
        assert_eq!(meter.times()[0].rx, expected);
    }
}
