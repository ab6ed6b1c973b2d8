//! Values that flags of several verbs share.

use std::time::Duration;

use clap::ValueEnum;
use fuota_engine::percent::Percent;
use fuota_engine::region::{DutyCycle, DwellTime, Region};
use fuota_proto::{DataRate, PingSlotPeriodicity};

/// Most devices in one fleet.
pub(super) const DEVICES_MAX: u32 = 1_000_000;
/// Largest redundancy, in percent.
const REDUNDANCY_MAX: u32 = 1_000;
/// Longest duration that a flag accepts.
const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// How devices listen to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClassArg {
    /// In ping slots
    #[value(name = "B")]
    B,
    /// Without pause
    #[value(name = "C")]
    C,
}

pub(super) fn periodicity(text: &str) -> Result<PingSlotPeriodicity, &'static str> {
    let periodicity = text.parse().ok().and_then(|exponent| PingSlotPeriodicity::new(exponent).ok());
    periodicity.ok_or("a number from 0 to 7 is expected")
}

pub(super) fn probability(text: &str) -> Result<f64, &'static str> {
    match text.parse() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("a probability is a number from 0 to 1"),
    }
}

pub(super) fn redundancy(text: &str) -> Result<Percent, String> {
    percent_up_to(text, REDUNDANCY_MAX)
}

pub(super) fn percent_up_to(text: &str, most: u32) -> Result<Percent, String> {
    match text.parse::<Percent>() {
        Ok(percent) if percent <= Percent::whole(most) => Ok(percent),
        Ok(_) => Err(format!("a percentage from 0 to {most} is expected")),
        Err(error) => Err(format!("{error}; a percentage from 0 to {most} is expected")),
    }
}

/// A duration with its unit.
pub(super) fn time_span(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration < Duration::from_secs(1) || duration > DURATION_MAX {
        return Err("a duration from 1 s to 10 years is expected".into());
    }
    Ok(duration)
}

/// A duration with its unit, or whole seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { time_span(&format!("{text}s")) } else { time_span(text) }
}

/// A duty cycle as a fraction or, with a percent sign, as a percentage.
pub(super) fn duty(text: &str) -> Result<DutyCycle, &'static str> {
    const EXPECTED: &str = "a duty cycle is more than 0 and at most 1 (or 100%)";
    let percent = match text.strip_suffix('%') {
        Some(percent) => percent.trim_end().to_owned(),
        // The nearest decimal of the six that a percentage has.
        None => format!("{:.6}", text.parse::<f64>().map_err(|_| EXPECTED)? * 100.0),
    };
    percent.parse().ok().and_then(DutyCycle::share).ok_or(EXPECTED)
}

pub(super) fn data_rate(text: &str) -> Result<DataRate, &'static str> {
    text.parse()
        .ok()
        .and_then(|index| DataRate::new(index).ok())
        .ok_or("a data rate is a number from 0 to 15")
}

pub(super) fn region(text: &str) -> Result<Region, &'static str> {
    Region::find(text).ok_or("EU868, US915 or AS923 is expected")
}

pub(super) fn dwell_time(text: &str) -> Result<DwellTime, &'static str> {
    match text {
        "0" => Ok(DwellTime::Unlimited),
        "1" => Ok(DwellTime::Limited),
        _ => Err("0 (no limit) or 1 (400 ms) is expected"),
    }
}

/// The region under the dwell time that was asked for.
///
/// # Errors
/// [`NoDwellTime`] where the region leaves no choice.
pub(super) fn with_dwell_time(region: Region, dwell_time: Option<DwellTime>) -> Result<Region, NoDwellTime> {
    match dwell_time {
        None => Ok(region),
        Some(dwell_time) => region.with_dwell_time(dwell_time).ok_or(NoDwellTime { region }),
    }
}

/// The region's dwell time is no choice.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("--dwell-time is for AS923; {region} leaves no choice")]
pub(super) struct NoDwellTime {
    /// The region.
    region: Region,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duty_cycles_are_fractions_or_percentages() {
        for text in ["0.1", "10%", "10 %", ".1"] {
            assert_eq!(duty(text), Ok(DutyCycle::one_in(10)), "{text}");
        }
        assert_eq!(duty("1"), Ok(DutyCycle::UNLIMITED));
        for text in ["0", "1.1", "101%", "-0.1", "nan", "ten", ""] {
            assert!(duty(text).is_err(), "{text}");
        }
    }

    #[test]
    fn plain_numbers_are_seconds() {
        assert_eq!(duration("600"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("10min"), Ok(Duration::from_secs(600)));
        assert!(duration("0").is_err() && duration("").is_err() && duration("-5").is_err());
        assert!(time_span("600").is_err(), "where the unit is asked for");
    }
}
