//! Values of a scenario file, each with what it accepts.

use std::fmt::Display;
use std::time::Duration;

use fuota_engine::percent::Percent;
use fuota_engine::region::{DutyCycle, DwellTime, Region};
use fuota_proto::{DataRate, PingSlotPeriodicity, Version};
use serde::{Deserialize, Deserializer, de};

/// Longest time that a file may name.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What several kinds of values can be written as.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(i64),
    Decimal(f64),
    Text(String),
}

impl Written {
    fn text(&self) -> String {
        match self {
            Self::Whole(n) => n.to_string(),
            Self::Decimal(n) => n.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Declares a value: what it is made of, how it is read, and what is said if it cannot be.
macro_rules! value {
    ($(#[$doc:meta])* $name:ident($inner:ty), $expected:literal, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(super) struct $name(pub(super) $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let written = Written::deserialize(from).map_err(|_| expected($expected))?;
                let read: fn(&Written) -> Option<$inner> = $read;
                read(&written).map(Self).ok_or_else(|| expected(format!("{}, not {}", $expected, written.text())))
            }
        }
    };
}

value!(
    /// A probability or a share.
    Probability(f64), "a number from 0 to 1 is expected",
    |written| number(written).filter(|p| (0.0..=1.0).contains(p))
);
value!(
    /// A number above 0.
    Positive(f64), "a number above 0 is expected",
    |written| number(written).filter(|n| *n > 0.0 && n.is_finite())
);
value!(
    /// A number that is not negative.
    NotNegative(f64), "a number of at least 0 is expected",
    |written| number(written).filter(|n| *n >= 0.0 && n.is_finite())
);
value!(
    /// Any finite number.
    Number(f64), "a number is expected",
    |written| number(written).filter(|n| n.is_finite())
);
value!(
    /// A clock's drift.
    Drift(f64), "a drift from 0 to 1000 parts per million is expected",
    |written| number(written).filter(|ppm| (0.0..=1000.0).contains(ppm))
);
value!(
    /// A length of time: text with a unit, or seconds.
    Span(Duration), "a time such as \"90s\", \"10min\" or 90 (seconds) is expected",
    |written| {
        let span = match written {
            Written::Text(text) => humantime::parse_duration(text).ok()?,
            Written::Whole(_) | Written::Decimal(_) => Duration::try_from_secs_f64(number(written)?).ok()?,
        };
        (span <= LONGEST).then_some(span)
    }
);
value!(
    /// A percentage.
    Share(Percent), "a percentage from 0 to 1000 is expected",
    |written| {
        let text = written.text();
        let percent: Percent = text.trim_end_matches('%').trim_end().parse().ok()?;
        (percent <= Percent::whole(1000)).then_some(percent)
    }
);
value!(
    /// A duty cycle.
    Duty(DutyCycle), "a duty cycle of more than 0 and at most 1 is expected",
    |written| {
        let percent = format!("{:.6}", number(written)? * 100.0);
        DutyCycle::share(percent.parse().ok()?)
    }
);
value!(
    /// A region.
    RegionName(Region), "\"EU868\", \"US915\" or \"AS923\" is expected",
    |written| Region::find(&written.text())
);
value!(
    /// A dwell time.
    Dwell(DwellTime), "0 (no limit) or 1 (400 ms) is expected",
    |written| match written {
        Written::Whole(0) => Some(DwellTime::Unlimited),
        Written::Whole(1) => Some(DwellTime::Limited),
        _ => None,
    }
);
value!(
    /// A data rate.
    Rate(DataRate), "a data rate from 0 to 15 is expected",
    |written| match written {
        Written::Whole(n) => DataRate::new(u8::try_from(*n).ok()?).ok(),
        Written::Decimal(_) | Written::Text(_) => None,
    }
);
value!(
    /// A ping slot periodicity.
    Periodicity(PingSlotPeriodicity), "a number from 0 to 7 is expected",
    |written| match written {
        Written::Whole(n) => PingSlotPeriodicity::new(u8::try_from(*n).ok()?).ok(),
        Written::Decimal(_) | Written::Text(_) => None,
    }
);
value!(
    /// A firmware version.
    VersionText(Version), "a version such as \"2.0.0.0\" is expected",
    |written| {
        let text = written.text();
        let parts: Result<Vec<u8>, _> = text.split('.').map(str::parse).collect();
        parts.ok().and_then(|parts| <[u8; 4]>::try_from(parts).ok()).map(Version::from_parts)
    }
);

fn number(written: &Written) -> Option<f64> {
    match written {
        // Exact up to 2^53, far beyond anything that makes sense.
        Written::Whole(n) => Some(*n as f64),
        Written::Decimal(n) => Some(*n),
        Written::Text(_) => None,
    }
}

fn expected<E: de::Error>(what: impl Display) -> E {
    E::custom(what)
}
