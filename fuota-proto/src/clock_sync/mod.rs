//! Application layer clock synchronisation (TS003), FPort 202 by default.
//!
//! The device asks: it sends its clock in an [`AppTimeReq`] and adds the correction that comes back. On the wire the two
//! versions are alike; version 2 gives one command another name and defines how corrections saturate.

mod edition;
#[cfg(feature = "ts003-v1")]
pub mod v1;
#[cfg(feature = "ts003-v2")]
pub mod v2;

use crate::command::{command, error_bits};
use crate::ids::{NbTransmissions, TimeToken};
use crate::units::{AppTimePeriod, GpsSeconds};

/// FPort that devices listen on unless configured otherwise.
pub const DEFAULT_PORT: u8 = 202;
/// Identifier of the package.
pub const PACKAGE_IDENTIFIER: u8 = 1;

command! {
    /// The device asks for the time: an uplink (TS003-1.0.0 §2.2).
    pub struct AppTimeReq = 0x01 {
        /// The device's clock just before transmission.
        device_time: GpsSeconds,
        /// Counts the answers that the device has taken, modulo 16.
        token_req: TimeToken,
        /// Whether the device wants an answer even if its clock is right.
        ans_required: bool [3 rfu],
    }
}

command! {
    /// Answer to [`AppTimeReq`]: a downlink (TS003-1.0.0 §2.3).
    pub struct AppTimeAns = 0x01 {
        /// Seconds that the device is to add to its clock. Both extremes mean that the difference is larger still.
        time_correction: i32,
        /// The request's token; the device ignores answers with any other.
        token_ans: TimeToken [4 rfu],
    }
}

impl AppTimeAns {
    /// Corrects a clock that read `device_time` at `true_time` seconds of GPS time, which may be beyond 32 bits.
    ///
    /// The correction saturates (TS003-2.0.0 §2.3): the device applies it and asks again.
    #[must_use]
    pub fn correcting(device_time: GpsSeconds, true_time: u64, token: TimeToken) -> Self {
        let difference = i128::from(true_time) - i128::from(device_time.get());
        let saturated = if difference.is_negative() { i32::MIN } else { i32::MAX };
        Self { time_correction: i32::try_from(difference).unwrap_or(saturated), token_ans: token }
    }

    /// Whether the difference did not fit, so that a device of version 2 is to ask once more.
    #[must_use]
    pub const fn is_saturated(&self) -> bool {
        matches!(self.time_correction, i32::MIN | i32::MAX)
    }
}

command! {
    /// Tells the device how often to ask for the time (TS003-1.0.0 §2.4).
    pub struct DeviceAppTimePeriodicityReq = 0x02 {
        /// Period: 128 × 2^Period seconds.
        period: AppTimePeriod [4 rfu],
    }
}

command! {
    /// Answer to [`DeviceAppTimePeriodicityReq`] (TS003-1.0.0 §2.4).
    pub struct DeviceAppTimePeriodicityAns = 0x02 {
        /// The device chooses its period itself.
        not_supported: bool [7 rfu],
        /// The device's clock.
        time: GpsSeconds,
    }
}

error_bits! {
    /// Whether the device will keep the period.
    DeviceAppTimePeriodicityAns { not_supported = "NotSupported" }
}

command! {
    /// Has the device ask for the time now; there is no answer but that (TS003-1.0.0 §2.5). Version 2 calls it
    /// ForceDeviceResyncCmd.
    pub struct ForceDeviceResyncReq = 0x03 {
        /// How often the device asks at most; it stops at the first answer.
        nb_transmissions: NbTransmissions [5 rfu],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_saturate_as_in_the_standards_example() {
        // A device at 0 in 2050 needs two answers (TS003-2.0.0 §2.3).
        let answer = AppTimeAns::correcting(GpsSeconds(0), 2_208_643_200, TimeToken::MIN);
        assert_eq!((answer.time_correction, answer.is_saturated()), (0x7FFF_FFFF, true));
        let answer = AppTimeAns::correcting(GpsSeconds(0x7FFF_FFFF), 2_208_643_200, TimeToken::MAX);
        assert_eq!((answer.time_correction, answer.is_saturated()), (0x03A5_3881, false));
        assert_eq!(AppTimeAns::correcting(GpsSeconds(u32::MAX), 0, TimeToken::MIN).time_correction, i32::MIN);
        assert_eq!(AppTimeAns::correcting(GpsSeconds(5), 0, TimeToken::MIN).time_correction, -5);
    }
}
