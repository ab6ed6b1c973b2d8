//! Randomness that depends on nothing but the seed, the device and what it is for.
//!
//! Every device has its own ChaCha streams, one per purpose. However events interleave, whatever other devices do
//! and on whatever thread a run is made, the same device draws the same numbers for the same purpose.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// What numbers are drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Stream {
    /// Keys: the fleet's and the group's.
    Keys,
    /// When a device speaks.
    Schedule,
    /// Whether the gateway hears it.
    Uplink,
    /// Whether it hears a unicast downlink.
    Unicast,
    /// Whether it hears a multicast frame: one number per frame on air, so that two runs with the same seed lose
    /// the same frames of the same device.
    Multicast,
    /// What the device itself draws: its random answer delays.
    Device,
    /// Where it is: how good its links are.
    Place,
    /// What befalls it: when it joins, reboots, which answers it refuses, how fast its clock runs.
    Fate,
    /// Which beacons it misses.
    Beacon,
    /// Which channels its uplinks take.
    Hop,
    /// What happens to its uplinks behind the gateway.
    Backhaul,
    /// When a gateway fails; drawn by the gateway's number.
    Gateway,
    /// What a code that is random itself makes of the parity fragments that reach the device.
    Code,
    /// Whether it hears a request to its group, where fragments must be lost alike however many requests there are.
    Request,
    /// What a chaotic scenario consists of, and what happens in it; drawn by purpose instead of device.
    Chaos,
}

/// Numbers for one purpose of one device.
#[derive(Clone, Debug)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The stream of `device` for one purpose under `seed`.
    #[must_use]
    pub fn new(seed: u64, device: u32, stream: Stream) -> Self {
        Self::towards(seed, device, stream, 0)
    }

    /// The stream of `device` towards one gateway; that of the first is the stream itself.
    #[must_use]
    pub fn towards(seed: u64, device: u32, stream: Stream, gateway: u16) -> Self {
        Resting::towards(seed, device, stream, gateway).awake()
    }

    /// The generator itself, for distributions.
    pub(crate) const fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }

    /// A number from 0 up to but without 1, uniformly.
    pub fn fraction(&mut self) -> f64 {
        // 53 bits: every step of a double in that range.
        (self.0.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// A number below `count`, uniformly to within 2^-32.
    pub fn below(&mut self, count: u32) -> u32 {
        ((u64::from(self.word()) * u64::from(count)) >> 32) as u32
    }

    /// A number of 32 bits.
    pub fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Sixteen octets.
    pub fn octets(&mut self) -> [u8; 16] {
        let mut octets = [0; 16];
        self.0.fill_bytes(&mut octets);
        octets
    }

    /// A moment within `span`, uniformly, in whole microseconds.
    pub fn within(&mut self, span: Duration) -> Duration {
        let micros = (span.as_micros() * u128::from(self.0.next_u64())) >> 64;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Whether something of this probability happens, 64 times over: a bit each.
    ///
    /// Each bit compares a number of its own with the probability, from the highest digit down, all 64 at a time.
    /// Half of them are decided with every digit, so that few digits are drawn.
    pub fn happens_64(&mut self, chance: Chance) -> u64 {
        if chance.0 > u64::from(u32::MAX) {
            return u64::MAX;
        }
        let (mut undecided, mut happens) = (u64::MAX, 0);
        for digit in (0..32).rev() {
            let drawn = self.0.next_u64();
            if chance.0 >> digit & 1 == 1 {
                happens |= undecided & !drawn;
                undecided &= drawn;
            } else {
                undecided &= !drawn;
            }
            if undecided == 0 {
                break;
            }
        }
        happens
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, chance: Chance) -> bool {
        u64::from(self.word()) < chance.0
    }
}

/// A stream between two draws: what it takes to go on.
///
/// A generator with numbers in stock takes 300 octets, and a device has seven streams, from most of which it draws once in
/// minutes. At rest a stream takes 24; to go on costs as much as some dozens of numbers.
#[derive(Clone, Debug)]
pub struct Resting {
    seed: u64,
    stream: u64,
    /// Numbers of 32 bits drawn so far.
    drawn: u64,
}

impl Resting {
    /// The stream of `device` for one purpose under `seed`, of which nothing is drawn yet.
    #[must_use]
    pub const fn new(seed: u64, device: u32, stream: Stream) -> Self {
        Self::towards(seed, device, stream, 0)
    }

    /// The stream of `device` towards one gateway, of which nothing is drawn yet.
    #[must_use]
    pub const fn towards(seed: u64, device: u32, stream: Stream, gateway: u16) -> Self {
        let number = ((gateway as u64) << 40) | ((device as u64) << 8) | stream as u64;
        Self { seed, stream: number, drawn: 0 }
    }

    /// Draws what is drawn next.
    pub fn draw<T>(&mut self, draw: impl FnOnce(&mut Draws) -> T) -> T {
        let mut draws = self.awake();
        let drawn = draw(&mut draws);
        // No stream is drawn from 2^64 times.
        self.drawn = u64::try_from(draws.0.get_word_pos()).unwrap_or(u64::MAX);
        drawn
    }

    fn awake(&self) -> Draws {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(self.stream);
        // To set the place makes numbers at once, which a new stream does when it is drawn from.
        if self.drawn > 0 {
            rng.set_word_pos(self.drawn.into());
        }
        Draws(rng)
    }
}

/// A probability in steps of 2^-32, compared as integers: the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// The nearest step to `probability`; what lies outside 0 to 1 counts as the nearer end, and no number as 0.
    #[must_use]
    pub fn new(probability: f64) -> Self {
        // The cast truncates to within 0 to 2^32.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Self((probability.clamp(0.0, 1.0) * 4_294_967_296.0).round() as u64)
    }

    /// Whether it always happens, or never; `None` where that is to be drawn.
    #[must_use]
    pub const fn certain(self) -> Option<bool> {
        match self.0 {
            0 => Some(false),
            1..=0xFFFF_FFFF => None,
            _ => Some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_draws_the_same_whatever_others_draw() {
        let mut alone = Draws::new(7, 3, Stream::Multicast);
        let mut other = Draws::new(7, 4, Stream::Multicast);
        let mut beside = Draws::new(7, 3, Stream::Multicast);
        for _ in 0..1000 {
            other.word();
            assert_eq!(alone.word(), beside.word());
        }
    }

    #[test]
    fn seeds_devices_and_purposes_are_apart() {
        let first = |seed, device, stream| Draws::new(seed, device, stream).octets();
        let base = first(1, 1, Stream::Uplink);
        assert_ne!(base, first(2, 1, Stream::Uplink));
        assert_ne!(base, first(1, 2, Stream::Uplink));
        assert_ne!(base, first(1, 1, Stream::Unicast));
    }

    /// Pins the numbers: another value here means that every published run changes.
    #[test]
    fn numbers_do_not_change_between_versions() {
        let mut draws = Draws::new(1, 0, Stream::Multicast);
        assert_eq!([draws.word(), draws.word(), draws.word()], [3_864_305_752, 1_483_756_384, 1_905_034_354]);
    }

    #[test]
    fn a_stream_that_rests_goes_on_where_it_was() {
        let mut awake = Draws::towards(3, 5, Stream::Uplink, 2);
        let mut resting = Resting::towards(3, 5, Stream::Uplink, 2);
        // Of both widths, over the borders of all blocks.
        for round in 0..1_000_u32 {
            match round % 3 {
                0 => assert_eq!(resting.draw(Draws::word), awake.word()),
                1 => assert_eq!(resting.draw(Draws::fraction).to_bits(), awake.fraction().to_bits()),
                _ => assert_eq!(
                    resting.draw(|draws| (draws.word(), draws.octets())),
                    (awake.word(), awake.octets())
                ),
            }
        }
    }

    #[test]
    fn chances_are_what_they_say() {
        let mut draws = Draws::new(1, 1, Stream::Uplink);
        assert!((0..1000).all(|_| draws.happens(Chance::new(1.0))));
        assert!((0..1000).all(|_| !draws.happens(Chance::new(0.0))));
        let tenth = (0..100_000).filter(|_| draws.happens(Chance::new(0.1))).count();
        // Four standard deviations of a binomial distribution.
        assert!((9_620..=10_380).contains(&tenth), "{tenth}");
    }

    #[test]
    fn sixty_four_at_a_time_happen_as_often_as_one() {
        for probability in [0.0, 1e-9, 0.01, 0.1, 0.5, 0.875, 0.999, 1.0] {
            let mut draws = Draws::new(1, 1, Stream::Multicast);
            let chance = Chance::new(probability);
            let counts: Vec<_> =
                (0..20_000).map(|_| f64::from(draws.happens_64(chance).count_ones())).collect();
            let share = counts.iter().sum::<f64>() / (64.0 * 20_000.0);
            let variance = counts.iter().map(|n| (n - 64.0 * probability).powi(2)).sum::<f64>() / 20_000.0;
            // Were the 64 not independent, their number would vary otherwise.
            assert!((variance - 64.0 * probability * (1.0 - probability)).abs() < 0.7, "{variance}");
            let deviation = (probability * (1.0 - probability) / (64.0 * 20_000.0)).sqrt();
            assert!((share - probability).abs() <= 4.0 * deviation + 1e-8, "{probability}: {share}");
        }
    }

    /// Pins these numbers too.
    #[test]
    fn blocks_do_not_change_between_versions() {
        let mut draws = Draws::new(1, 0, Stream::Multicast);
        let tenth = Chance::new(0.1);
        assert_eq!(
            [draws.happens_64(tenth), draws.happens_64(tenth)],
            [2_485_987_127_454_814_597, 4_503_599_660_924_936]
        );
    }

    #[test]
    fn moments_lie_within_their_span() {
        let mut draws = Draws::new(1, 1, Stream::Schedule);
        let span = Duration::from_secs(600);
        let drawn: Vec<_> = (0..1000).map(|_| draws.within(span)).collect();
        assert!(drawn.iter().all(|&at| at < span));
        assert!(drawn.iter().any(|&at| at < span / 20) && drawn.iter().any(|&at| at > span * 19 / 20));
        assert_eq!(draws.within(Duration::ZERO), Duration::ZERO);
    }
}
