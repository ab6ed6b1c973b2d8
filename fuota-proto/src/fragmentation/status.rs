//! The status answer of version 2, which has a short form.

use crate::command::Command;
use crate::cursor::{Reader, Writer};
use crate::error::{EncodeError, Truncated};
use crate::field::Field as _;
use crate::ids::{FragCount, FragIndex};

/// Answer to FragSessionStatusReq, delayed at random (TS004-2.0.0 §3.2).
///
/// A device without the session sends the status octet alone. Since some devices send all four octets, the octet
/// alone is taken for the short form only where it ends the message; so nothing can be written after that form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct FragSessionStatusAns {
    /// The memory set aside was too small, and the device has given up.
    pub memory_error: bool,
    /// The block's integrity code is wrong; means something only if no fragment is missing.
    pub mic_error: bool,
    /// What the device knows of the session.
    pub session: SessionReport,
}

/// What a device knows of the session asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum SessionReport {
    /// It exists.
    Exists(FragSessionReport),
    /// It does not exist. The answer does not tell its index: it is that of the request outstanding.
    DoesNotExist,
    /// It does not exist, and the device sent the counts as well.
    DoesNotExistLong(FragSessionReport),
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct FragSessionReport {
    /// Fragments received since the session was set up: coded, uncoded and repeats.
    pub nb_frag_received: FragCount,
    /// The session.
    pub frag_index: FragIndex,
    /// Independent fragments still needed, 255 for 255 or more; 0 once the block is whole.
    pub missing_frag: u8,
}

impl FragSessionStatusAns {
    const MEMORY_ERROR: u8 = 0b0000_0001;
    const MIC_ERROR: u8 = 0b0000_0010;
    const DOES_NOT_EXIST: u8 = 0b0000_0100;
    const SHORT_LEN: usize = 2;
    const REPORT_LEN: usize = 3;

    /// A session that exists, without errors.
    #[must_use]
    pub const fn reporting(report: FragSessionReport) -> Self {
        Self { memory_error: false, mic_error: false, session: SessionReport::Exists(report) }
    }

    /// The short form: no such session.
    #[must_use]
    pub const fn no_session() -> Self {
        Self { memory_error: false, mic_error: false, session: SessionReport::DoesNotExist }
    }

    /// The counts, if the device sent them.
    #[must_use]
    pub const fn report(&self) -> Option<FragSessionReport> {
        match self.session {
            SessionReport::Exists(report) | SessionReport::DoesNotExistLong(report) => Some(report),
            SessionReport::DoesNotExist => None,
        }
    }

    /// Whether the device has no such session.
    #[must_use]
    pub const fn session_does_not_exist(&self) -> bool {
        !matches!(self.session, SessionReport::Exists(_))
    }

    /// Whether the session exists and the device reports no error.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        !(self.memory_error || self.mic_error || self.session_does_not_exist())
    }

    /// The standard's names of the error bits that are set.
    pub fn error_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let bits = [
            (self.memory_error, "MemoryError"),
            (self.mic_error, "MICError"),
            (self.session_does_not_exist(), "SessionDoesNotExist"),
        ];
        bits.into_iter().filter_map(|(is_set, name)| is_set.then_some(name))
    }

    /// Whether the block is whole, without an error.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self.session, SessionReport::Exists(report) if report.missing_frag == 0) && self.is_ok()
    }

    fn status(&self) -> u8 {
        let bit = |set, bit| if set { bit } else { 0 };
        bit(self.memory_error, Self::MEMORY_ERROR)
            | bit(self.mic_error, Self::MIC_ERROR)
            | bit(self.session_does_not_exist(), Self::DOES_NOT_EXIST)
    }
}

impl Command<'_> for FragSessionStatusAns {
    const CID: u8 = 0x01;
    const MAX_LEN: usize = Self::SHORT_LEN + Self::REPORT_LEN;

    #[inline]
    fn encoded_len(&self) -> usize {
        if self.report().is_some() { Self::MAX_LEN } else { Self::SHORT_LEN }
    }

    #[inline]
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        let Some(report) = self.report() else {
            out.push_array(&[Self::CID, self.status()])?;
            out.let_follow(0);
            return Ok(());
        };
        let mut octets = [Self::CID, self.status(), 0, 0, report.missing_frag];
        report.nb_frag_received.store(&mut octets, 16);
        report.frag_index.store(&mut octets, 16 + FragCount::BITS);
        out.push_array(&octets)
    }

    #[inline]
    fn decode(input: &mut Reader<'_>) -> Result<Self, Truncated> {
        let &[status] = input.take::<1>()?;
        let missing = status & Self::DOES_NOT_EXIST != 0;
        let session = if missing && input.remaining() == 0 {
            SessionReport::DoesNotExist
        } else {
            let counts = input.take::<{ Self::REPORT_LEN }>()?;
            let report = FragSessionReport {
                nb_frag_received: FragCount::load(counts, 0),
                frag_index: FragIndex::load(counts, FragCount::BITS),
                missing_frag: counts[2],
            };
            if missing { SessionReport::DoesNotExistLong(report) } else { SessionReport::Exists(report) }
        };
        let (memory_error, mic_error) = (status & Self::MEMORY_ERROR != 0, status & Self::MIC_ERROR != 0);
        Ok(Self { memory_error, mic_error, session })
    }
}

/// Flat, with null for what the short form leaves out.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "FragSessionStatusAns", deny_unknown_fields)]
struct Flat {
    session_does_not_exist: bool,
    memory_error: bool,
    mic_error: bool,
    frag_index: Option<FragIndex>,
    nb_frag_received: Option<FragCount>,
    missing_frag: Option<u8>,
}

#[cfg(feature = "serde")]
impl serde::Serialize for FragSessionStatusAns {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.report();
        Flat {
            session_does_not_exist: self.session_does_not_exist(),
            memory_error: self.memory_error,
            mic_error: self.mic_error,
            frag_index: report.map(|report| report.frag_index),
            nb_frag_received: report.map(|report| report.nb_frag_received),
            missing_frag: report.map(|report| report.missing_frag),
        }
        .serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for FragSessionStatusAns {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;

        let flat = Flat::deserialize(deserializer)?;
        let session = match (flat.frag_index, flat.nb_frag_received, flat.missing_frag) {
            (Some(frag_index), Some(nb_frag_received), Some(missing_frag)) => {
                let report = FragSessionReport { nb_frag_received, frag_index, missing_frag };
                if flat.session_does_not_exist {
                    SessionReport::DoesNotExistLong(report)
                } else {
                    SessionReport::Exists(report)
                }
            }
            (None, None, None) if flat.session_does_not_exist => SessionReport::DoesNotExist,
            (None, None, None) => {
                return Err(D::Error::custom("the counts of a session that exists are missing"));
            }
            _ => {
                return Err(D::Error::custom(
                    "frag_index, nb_frag_received and missing_frag come together or not at all",
                ));
            }
        };
        Ok(Self { memory_error: flat.memory_error, mic_error: flat.mic_error, session })
    }
}
