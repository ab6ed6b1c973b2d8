//! What a radio takes from the battery.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Currents of a radio, by what it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Supply voltage in V.
    pub voltage: f64,
    /// While it listens or receives, in mA.
    pub rx_ma: f64,
    /// While it transmits, in mA.
    pub tx_ma: f64,
    /// While it waits for a window to open, in mA.
    pub standby_ma: f64,
    /// Otherwise, in mA.
    pub sleep_ma: f64,
}

/// The profiles that have a name; currents from the data sheets, at 3.3 V.
pub const PROFILES: &[(&str, Profile)] = &[
    // 14 dBm for the first, 22 dBm with the high-power amplifier for the others.
    ("sx1276", Profile { voltage: 3.3, rx_ma: 10.8, tx_ma: 44.0, standby_ma: 1.6, sleep_ma: 0.0002 }),
    ("sx1262", Profile { voltage: 3.3, rx_ma: 4.6, tx_ma: 118.0, standby_ma: 1.6, sleep_ma: 0.0012 }),
    ("stm32wle5", Profile { voltage: 3.3, rx_ma: 4.82, tx_ma: 118.0, standby_ma: 1.6, sleep_ma: 0.001_07 }),
    // What a much-used simulator assumes.
    ("generic", Profile { voltage: 3.3, rx_ma: 11.2, tx_ma: 28.0, standby_ma: 1.4, sleep_ma: 0.0015 }),
];

/// Preamble symbols after which an empty receive window closes.
pub(crate) const EMPTY_WINDOW_SYMBOLS: u32 = 5;

/// How long a radio was in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RadioTime {
    /// Listening or receiving.
    pub rx: Duration,
    /// Transmitting.
    pub tx: Duration,
    /// Waiting for a window to open.
    pub standby: Duration,
    /// Asleep.
    pub sleep: Duration,
}

impl Profile {
    /// The profile of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        PROFILES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, profile)| *profile)
    }

    /// Energy in joules.
    #[must_use]
    pub fn joules(&self, time: &RadioTime) -> f64 {
        let states = [
            (time.rx, self.rx_ma),
            (time.tx, self.tx_ma),
            (time.standby, self.standby_ma),
            (time.sleep, self.sleep_ma),
        ];
        let milliampere_seconds: f64 = states.iter().map(|(time, ma)| time.as_secs_f64() * ma).sum();
        milliampere_seconds * self.voltage / 1000.0
    }
}

impl Default for Profile {
    /// An SX1262, the usual radio of new devices.
    fn default() -> Self {
        Self { voltage: 3.3, rx_ma: 4.6, tx_ma: 118.0, standby_ma: 1.6, sleep_ma: 0.0012 }
    }
}

impl std::ops::AddAssign for RadioTime {
    fn add_assign(&mut self, other: Self) {
        self.rx += other.rx;
        self.tx += other.tx;
        self.standby += other.standby;
        self.sleep += other.sleep;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_listening_costs_its_current() {
        let hour = RadioTime { rx: Duration::from_secs(3600), ..RadioTime::default() };
        let joules = Profile::find("SX1276").unwrap().joules(&hour);
        // 10.8 mAh at 3.3 V.
        assert!((joules - 0.0108 * 3.3 * 3600.0).abs() < 1e-9, "{joules}");
        assert_eq!(Profile::find("sx1262"), Some(Profile::default()));
        assert_eq!(Profile::find("sx1"), None);
    }
}
