//! How devices spread their status answers, so that they get through.

use core::time::Duration;

use fuota_proto::BlockAckDelay;

use crate::airtime::Modulation;
use crate::campaign::spec::{CampaignSpec, Redundancy};
use crate::config::AnswerSpread;

/// Octets of a FragSessionStatusAns (TS004-1.0.0 §3.2).
const STATUS_ANS_LEN: usize = 5;

/// The exponent of the window over which a fleet of so many devices spreads its answers.
pub(super) fn block_ack_delay(spec: &CampaignSpec, uplink: Modulation, devices: u32) -> BlockAckDelay {
    let documented = Duration::from_secs(u64::from((devices / 16 + 1).min(128)));
    let spread = spec.config.fsession_status_spread.unwrap_or(documented);
    let delay = BlockAckDelay::covering(u32::try_from(spread.as_secs()).unwrap_or(u32::MAX));
    let adaptive = spec.groups.iter().any(|group| group.redundancy == Redundancy::Adaptive);
    let default = if adaptive { AnswerSpread::Sized } else { AnswerSpread::Documented };
    match spec.config.block_ack_delay.unwrap_or(default) {
        AnswerSpread::Documented => delay,
        AnswerSpread::Sized => {
            let window = |delay: BlockAckDelay| Duration::from_secs(u64::from(delay.window_s()));
            let wider = (delay.get()..=BlockAckDelay::MAX.get()).map(BlockAckDelay::from_wire);
            let fits = |delay: &BlockAckDelay| answers_fit(spec, uplink, devices, window(*delay));
            wider.into_iter().find(fits).unwrap_or(BlockAckDelay::MAX)
        }
    }
}

/// Whether so many answers get through if they are spread over `window`: each is hit by those that begin up to an
/// airtime before or after it in its channel, and that should be less than half of one.
pub(super) fn answers_fit(spec: &CampaignSpec, uplink: Modulation, answers: u32, window: Duration) -> bool {
    let on_air = uplink.uplink(STATUS_ANS_LEN).as_micros() * u128::from(answers) * 2;
    on_air * 2 <= window.as_micros() * u128::from(spec.region.uplink_channels())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::spec::Kind;
    use crate::region::Region;

    fn exponent(devices: u32, spread: AnswerSpread) -> u8 {
        let mut spec = CampaignSpec::new(Kind::Binary, Region::Eu868, alloc::vec![0]);
        spec.config.block_ack_delay = Some(spread);
        let slowest = Modulation { spreading_factor: 12, bandwidth_khz: 125 };
        block_ack_delay(&spec, slowest, devices).get()
    }

    #[test]
    fn the_documented_window_covers_a_second_for_sixteen_devices() {
        let steps =
            [(1, 0), (15, 0), (255, 0), (256, 1), (511, 1), (512, 2), (1_023, 2), (1_024, 3), (2_048, 3)];
        for (devices, expected) in steps {
            assert_eq!(exponent(devices, AnswerSpread::Documented), expected, "{devices}");
        }
        assert_eq!(exponent(1_000_000, AnswerSpread::Documented), 3, "128 s at most");
    }

    #[test]
    fn the_sized_window_lets_answers_through_if_any_does() {
        // An answer takes 1.319 s and there are three channels: 4 · N · 1.319 s ≤ 3 · W.
        for (devices, expected) in [(9, 0), (10, 1), (18, 1), (19, 2), (255, 5), (1_000, 7), (100_000, 7)] {
            assert_eq!(exponent(devices, AnswerSpread::Sized), expected, "{devices}");
        }
    }

    #[test]
    fn the_sized_window_is_never_shorter_than_the_documented_one() {
        for devices in (1..5_000).step_by(7) {
            assert!(exponent(devices, AnswerSpread::Sized) >= exponent(devices, AnswerSpread::Documented));
        }
    }
}
