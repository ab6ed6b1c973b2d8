//! What a parameter accepts, and how an accepted value reaches its field.

use core::fmt;
use core::time::Duration;
use std::string::{String, ToString};

use super::{AnswerSpread, CleanUp, SessionDuration, StageEnd, StatusRounds, StatusThreshold};
use crate::percent::Percent;

/// The values that a parameter accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Domain {
    /// A whole number.
    Whole {
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// A number of seconds, decimals allowed (kept to the microsecond).
    Seconds {
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// A whole number of milliseconds.
    Millis {
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// A percentage from 0 to 100, decimals allowed.
    Share,
    /// A whole number of devices, or a share of them in quotes with a percent sign.
    CountOrShare {
        /// The largest number.
        most: u32,
    },
    /// On or off.
    Flag,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { least, most } => write!(f, "a whole number from {least} to {most}"),
            Self::Seconds { least, most } => write!(f, "a number of seconds from {least} to {most}"),
            Self::Millis { least, most } => {
                write!(f, "a whole number of milliseconds from {least} to {most}")
            }
            Self::Share => f.write_str("a percentage from 0 to 100"),
            Self::CountOrShare { most } => {
                write!(f, "a number of devices from 0 to {most} or a share such as \"5%\"")
            }
            Self::Flag => f.write_str("true or false (or 1 or 0)"),
            Self::Choice(names) => {
                for (i, name) in names.iter().enumerate() {
                    write!(f, "{}\"{name}\"", if i == 0 { "" } else { " or " })?;
                }
                Ok(())
            }
            Self::Text => f.write_str("a text"),
        }
    }
}

/// A value as a file writes it, before anyone knows what it is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw<'a> {
    /// A whole number; `None` if it is negative or beyond any range.
    Whole(Option<u64>),
    /// A number with decimals or an exponent, as written.
    Decimal(&'a str),
    Flag(bool),
    Text(&'a str),
    /// A word without quotes in a form that knows no types: what it is depends on who asks.
    Word(&'a str),
    /// Something that no parameter accepts: a date, a list, a group.
    Other,
}

impl<'a> Raw<'a> {
    /// The same, with the type of a word chosen for `domain`.
    fn typed(self, domain: &Domain) -> Self {
        let Self::Word(word) = self else { return self };
        match (domain, word) {
            (Domain::Text | Domain::Choice(_), _) => Self::Text(word),
            (Domain::CountOrShare { .. }, share) if share.ends_with('%') => Self::Text(share),
            (Domain::Share, share) => Self::number(share.strip_suffix('%').unwrap_or(share).trim_end()),
            (Domain::Flag, "true") => Self::Flag(true),
            (Domain::Flag, "false") => Self::Flag(false),
            (_, number) => Self::number(number),
        }
    }

    fn number(word: &'a str) -> Self {
        if word.bytes().all(|digit| digit.is_ascii_digit()) {
            Self::Whole(word.parse().ok())
        } else {
            Self::Decimal(word)
        }
    }
}

/// A value that its domain has accepted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Setting<'a> {
    Whole(u32),
    Duration(Duration),
    Percent(Percent),
    Flag(bool),
    Text(&'a str),
}

impl Domain {
    /// What `raw` means here; `None` if it is not in the domain.
    pub(super) fn accept<'a>(&self, raw: Raw<'a>) -> Option<Setting<'a>> {
        let raw = raw.typed(self);
        let whole = match raw {
            Raw::Whole(n) => n.and_then(|n| u32::try_from(n).ok()),
            _ => None,
        };
        match *self {
            Self::Whole { least, most } => whole.filter(|n| (least..=most).contains(n)).map(Setting::Whole),
            Self::Millis { least, most } => whole
                .filter(|n| (least..=most).contains(n))
                .map(|n| Setting::Duration(Duration::from_millis(n.into()))),
            Self::Seconds { least, most } => {
                let time = match raw {
                    Raw::Decimal(text) => seconds(text)?,
                    _ => Duration::from_secs(whole?.into()),
                };
                let range = Duration::from_secs(least.into())..=Duration::from_secs(most.into());
                range.contains(&time).then_some(Setting::Duration(time))
            }
            Self::Share => {
                let share = match raw {
                    Raw::Decimal(text) => text.parse().ok()?,
                    _ => Percent::whole(whole?),
                };
                up_to_hundred(share)
            }
            Self::CountOrShare { most } => match raw {
                Raw::Text(text) => up_to_hundred(text.strip_suffix('%')?.trim_end().parse().ok()?),
                _ => whole.filter(|&n| n <= most).map(Setting::Whole),
            },
            Self::Flag => match (raw, whole) {
                (Raw::Flag(on), _) => Some(Setting::Flag(on)),
                (_, Some(n @ (0 | 1))) => Some(Setting::Flag(n == 1)),
                _ => None,
            },
            Self::Choice(names) => match raw {
                Raw::Text(text) if names.contains(&text) => Some(Setting::Text(text)),
                _ => None,
            },
            Self::Text => match raw {
                Raw::Text(text) => Some(Setting::Text(text)),
                _ => None,
            },
        }
    }
}

fn up_to_hundred(share: Percent) -> Option<Setting<'static>> {
    (share <= Percent::whole(100)).then_some(Setting::Percent(share))
}

/// Decimal seconds to the nearest microsecond.
fn seconds(text: &str) -> Option<Duration> {
    let exact = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    let micros = (exact.as_nanos() + 500) / 1000;
    u64::try_from(micros).ok().map(Duration::from_micros)
}

/// A field's type: made from a setting of its parameter's domain, and written the way a file would.
pub(super) trait FieldValue: Sized {
    /// `None` if the setting is not of this type.
    fn from_setting(setting: Setting<'_>) -> Option<Self>;
    /// The text that a file would set it with; `None` if it is unset.
    fn show(&self, domain: Domain) -> Option<String>;
}

macro_rules! whole_field {
    ($($int:ty),*) => {$(
        impl FieldValue for $int {
            fn from_setting(setting: Setting<'_>) -> Option<Self> {
                match setting {
                    Setting::Whole(n) => n.try_into().ok(),
                    _ => None,
                }
            }

            fn show(&self, _: Domain) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}
whole_field!(u8, u16, u32);

impl FieldValue for Duration {
    fn from_setting(setting: Setting<'_>) -> Option<Self> {
        match setting {
            Setting::Duration(time) => Some(time),
            _ => None,
        }
    }

    fn show(&self, domain: Domain) -> Option<String> {
        Some(match domain {
            Domain::Millis { .. } => self.as_millis().to_string(),
            _ => self.as_secs_f64().to_string(),
        })
    }
}

impl FieldValue for Percent {
    fn from_setting(setting: Setting<'_>) -> Option<Self> {
        match setting {
            Setting::Percent(share) => Some(share),
            _ => None,
        }
    }

    fn show(&self, _: Domain) -> Option<String> {
        Some(self.to_string())
    }
}

impl FieldValue for bool {
    fn from_setting(setting: Setting<'_>) -> Option<Self> {
        match setting {
            Setting::Flag(on) => Some(on),
            _ => None,
        }
    }

    fn show(&self, _: Domain) -> Option<String> {
        Some(self.to_string())
    }
}

impl FieldValue for StatusThreshold {
    fn from_setting(setting: Setting<'_>) -> Option<Self> {
        match setting {
            Setting::Whole(count) => Some(Self::Count(count)),
            Setting::Percent(share) => Some(Self::Percent(share)),
            _ => None,
        }
    }

    fn show(&self, _: Domain) -> Option<String> {
        Some(match self {
            Self::Count(count) => count.to_string(),
            Self::Percent(share) => std::format!("\"{share}%\""),
        })
    }
}

/// An enum that a file writes by name; the names are its parameter's [`Domain::Choice`].
macro_rules! named_field {
    ($($enum:ty { $($name:literal => $variant:ident),* })*) => {$(
        impl $enum {
            /// The names a file knows, in the order of the variants.
            pub(super) const NAMES: &'static [&'static str] = &[$($name),*];
        }

        impl FieldValue for $enum {
            fn from_setting(setting: Setting<'_>) -> Option<Self> {
                match setting {
                    $(Setting::Text($name) => Some(Self::$variant),)*
                    _ => None,
                }
            }

            fn show(&self, _: Domain) -> Option<String> {
                Some(match self {
                    $(Self::$variant => concat!("\"", $name, "\"").to_string(),)*
                })
            }
        }
    )*};
}
named_field! {
    StageEnd { "settled" => Settled, "threshold" => Threshold }
    StatusRounds { "multicast" => Multicast, "unicast" => Unicast }
    CleanUp { "full" => Full, "documented" => Documented }
    AnswerSpread { "documented" => Documented, "sized" => Sized }
    SessionDuration { "documented" => Documented, "tight" => Tight }
}

impl<T: FieldValue> FieldValue for Option<T> {
    fn from_setting(setting: Setting<'_>) -> Option<Self> {
        T::from_setting(setting).map(Some)
    }

    fn show(&self, domain: Domain) -> Option<String> {
        self.as_ref().and_then(|value| value.show(domain))
    }
}
