//! How good the radio link of a kind of device is.

use std::fmt;
use std::sync::Arc;

use fuota_engine::region::Region;
use fuota_proto::DataRate;
use rand_distr::{Beta, Distribution as _, Normal};

use super::trace::Trace;
use crate::channel::Channel;
use crate::rng::Draws;

/// Thermal noise and the usual receiver's noise figure set the sensitivity of SF12 at 125 kHz, in dBm.
const SENSITIVITY_SF12_DBM: f64 = -137.0;

/// How frames get lost between a gateway and a kind of device.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Link {
    /// Each frame on its own, with the same probability.
    Independent {
        /// The probability, 0 to 1.
        loss: f64,
    },
    /// Likewise, with a probability that differs from device to device.
    Beta {
        /// First shape parameter, above 0.
        alpha: f64,
        /// Second shape parameter, above 0.
        beta: f64,
    },
    /// In bursts: a Markov chain with a good state that loses nothing and a bad one that loses everything.
    GilbertElliott {
        /// Probability of turning bad, per frame.
        good_to_bad: f64,
        /// Probability of turning good again, per frame; the mean burst has 1 / this many frames.
        bad_to_good: f64,
    },
    /// By distance, with shadowing and fading.
    PathLoss(PathLoss),
    /// As recorded.
    Trace(Arc<Trace>),
}

/// Log-distance path loss: PL(d) = reference + 10 · exponent · log10(d / 1 m) + shadowing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathLoss {
    /// Devices are spread evenly over a disc of this radius around the gateway, in m.
    pub radius_m: f64,
    /// Path loss exponent.
    pub exponent: f64,
    /// Path loss at 1 m, in dB.
    pub reference_db: f64,
    /// Standard deviation of the shadowing, drawn once for each device, in dB.
    pub shadowing_db: f64,
    /// Standard deviation of the fading, drawn for each frame, in dB; 0: none.
    pub fading_db: f64,
    /// Transmit power and antenna gains, in dBm.
    pub power_dbm: f64,
}

impl Default for PathLoss {
    /// Published urban figures.
    fn default() -> Self {
        Self {
            radius_m: 2_000.0,
            exponent: 3.76,
            reference_db: 7.7,
            shadowing_db: 6.0,
            fading_db: 2.0,
            power_dbm: 14.0,
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Independent { loss } => write!(f, "{loss}"),
            Self::Beta { alpha, beta } => write!(f, "Beta({alpha}, {beta})"),
            Self::GilbertElliott { good_to_bad, bad_to_good } => {
                write!(f, "Gilbert-Elliott({good_to_bad}, {bad_to_good})")
            }
            Self::PathLoss(model) => write!(f, "path loss over {} m", model.radius_m),
            Self::Trace(trace) => write!(f, "trace of {} devices", trace.len()),
        }
    }
}

/// One device's link to one gateway.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    /// How it loses frames.
    pub(crate) channel: Channel,
    /// How strong its frames arrive, in dBm; `None` where the model does not say.
    pub(crate) rssi_dbm: Option<f64>,
}

impl Link {
    /// The link of one device to one gateway. `draws` is its own for this purpose: the same again for the way back,
    /// so that it is as far away in both directions.
    pub(crate) fn place(&self, draws: &mut Draws, device: u32, region: Region, dr: DataRate) -> Placed {
        let certain = |channel| Placed { channel, rssi_dbm: None };
        match self {
            Self::Independent { loss } => certain(Channel::independent(*loss)),
            Self::Beta { alpha, beta } => {
                // Checked where scenarios are read; a shape that is none means no loss at all.
                let loss = Beta::new(*alpha, *beta).map_or(0.0, |beta| beta.sample(draws.rng()));
                certain(Channel::independent(loss))
            }
            Self::GilbertElliott { good_to_bad, bad_to_good } => {
                certain(Channel::gilbert_elliott(*good_to_bad, *bad_to_good, draws))
            }
            Self::PathLoss(model) => {
                let rssi = model.rssi(draws);
                let loss = model.loss(rssi - sensitivity_dbm(region, dr));
                Placed { channel: Channel::independent(loss), rssi_dbm: Some(rssi) }
            }
            Self::Trace(trace) => certain(Channel::replay(trace, device)),
        }
    }
}

impl PathLoss {
    /// Where a device is, and how its frames arrive from there, in dBm.
    fn rssi(&self, draws: &mut Draws) -> f64 {
        // Evenly over the disc: the square root makes up for the small circles' small areas.
        let distance = (self.radius_m * draws.fraction().sqrt()).max(1.0);
        let shadowing = Normal::new(0.0, self.shadowing_db).map_or(0.0, |normal| normal.sample(draws.rng()));
        self.power_dbm - self.reference_db - 10.0 * self.exponent * distance.log10() - shadowing
    }

    /// The probability that fading takes away more than `margin` dB.
    fn loss(&self, margin: f64) -> f64 {
        if self.fading_db <= 0.0 {
            return if margin >= 0.0 { 0.0 } else { 1.0 };
        }
        normal_tail(margin / self.fading_db)
    }
}

/// The weakest signal that is still received, in dBm: 3 dB and a bit more for each step of the spreading factor and for
/// twice the bandwidth.
fn sensitivity_dbm(region: Region, dr: DataRate) -> f64 {
    let Some(rate) = region.data_rate(dr) else { return 0.0 };
    // SF12 to SF7 at 125 kHz: the figures of the usual transceivers' data sheets.
    let by_spreading = match rate.modulation.spreading_factor {
        12 => SENSITIVITY_SF12_DBM,
        11 => -134.0,
        10 => -132.0,
        9 => -129.0,
        8 => -126.0,
        _ => -123.0,
    };
    let doublings = (f64::from(rate.modulation.bandwidth_khz) / 125.0).log2();
    by_spreading + 3.0 * doublings
}

/// Probability that a standard normal number is above `x` (Abramowitz and Stegun 26.2.17, error below 7.5e-8).
fn normal_tail(x: f64) -> f64 {
    let magnitude = x.abs();
    let t = 1.0 / (1.0 + 0.231_641_9 * magnitude);
    let polynomial = t
        * (0.319_381_530
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let density = (-magnitude * magnitude / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let above = density * polynomial;
    if x < 0.0 { 1.0 - above } else { above }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    const DR5: DataRate = DataRate::from_wire(5);

    fn place(link: &Link, device: u32) -> Placed {
        link.place(&mut Draws::new(1, device, Stream::Place), device, Region::Eu868, DR5)
    }

    /// Share of frames that a fleet's links lose.
    fn lost(link: &Link, devices: u32, frames: u32) -> f64 {
        let mut lost = 0;
        for device in 0..devices {
            let mut placed = place(link, device);
            let mut draws = Draws::new(1, device, Stream::Multicast);
            lost += (0..frames).filter(|_| placed.channel.loses(&mut draws)).count();
        }
        lost as f64 / f64::from(devices * frames)
    }

    #[test]
    fn every_model_loses_what_it_says() {
        for (link, share, tolerance) in [
            (Link::Independent { loss: 0.2 }, 0.2, 0.005),
            // Mean α / (α + β).
            (Link::Beta { alpha: 2.0, beta: 18.0 }, 0.1, 0.01),
            // p / (p + r): the four published fits.
            (Link::GilbertElliott { good_to_bad: 0.0008, bad_to_good: 0.294 }, 0.002_714, 0.001),
            (Link::GilbertElliott { good_to_bad: 0.0437, bad_to_good: 0.467 }, 0.085_57, 0.005),
            (Link::GilbertElliott { good_to_bad: 0.0138, bad_to_good: 0.195 }, 0.066_09, 0.005),
            (Link::GilbertElliott { good_to_bad: 0.324, bad_to_good: 0.562 }, 0.365_69, 0.005),
        ] {
            let got = lost(&link, 400, 500);
            assert!((got - share).abs() < tolerance, "{link:?}: {got}");
        }
    }

    #[test]
    fn bursts_have_their_mean_length() {
        let link = Link::GilbertElliott { good_to_bad: 0.0138, bad_to_good: 0.195 };
        let (mut bursts, mut lost) = (0, 0);
        for device in 0..200 {
            let mut channel = place(&link, device).channel;
            let mut draws = Draws::new(1, device, Stream::Multicast);
            let mut before = false;
            for _ in 0..2000 {
                let loses = channel.loses(&mut draws);
                bursts += u32::from(loses && !before);
                lost += u32::from(loses);
                before = loses;
            }
        }
        let mean = f64::from(lost) / f64::from(bursts);
        assert!((mean - 1.0 / 0.195).abs() < 0.2, "{mean}");
    }

    #[test]
    fn far_devices_hear_less_and_slow_frames_carry_farther() {
        let at = |radius_m, dr| {
            let link = Link::PathLoss(PathLoss { radius_m, ..PathLoss::default() });
            let lossless = (0..500).filter(|&device| {
                let mut draws = Draws::new(1, device, Stream::Place);
                let mut placed = link.place(&mut draws, device, Region::Eu868, DataRate::from_wire(dr));
                let mut draws = Draws::new(1, device, Stream::Multicast);
                (0..20).all(|_| !placed.channel.loses(&mut draws))
            });
            lossless.count()
        };
        let (near, far, far_and_slow) = (at(200.0, 5), at(4_000.0, 5), at(4_000.0, 0));
        assert!(near > 490 && far < 300 && far_and_slow > far + 50, "{near} {far} {far_and_slow}");
    }

    #[test]
    fn the_normal_tail_is_the_tabled_one() {
        for (x, tail) in [(0.0, 0.5), (1.0, 0.158_655_3), (-1.959_964, 0.975), (3.0, 0.001_349_9)] {
            assert!((normal_tail(x) - tail).abs() < 1e-6, "{x}");
        }
    }
}
