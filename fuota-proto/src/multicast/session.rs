//! Sessions: when a group listens, and the answers, which differ between the versions in one bit.

use core::ops::BitOr;

use thiserror::Error;

use crate::command::{Command, command};
use crate::cursor::{Reader, Writer};
use crate::error::{EncodeError, Truncated};
use crate::field::Field as _;
use crate::frequency::Frequency;
use crate::ids::McGroupId;
use crate::units::{DataRate, GpsSeconds, PingSlotPeriodicity, TimeOut, TimeToStart};

command! {
    /// Has a group listen in class C (TS005-1.0.0 §3.5). A later request for the same group replaces it.
    pub struct McClassCSessionReq = 0x04 {
        /// The group.
        mc_group_id: McGroupId [6 rfu],
        /// When the session starts.
        session_time: GpsSeconds,
        /// How long it lasts at most: 2^TimeOut seconds.
        time_out: TimeOut [4 rfu],
        /// Frequency of the downlinks in Hz.
        dl_frequency_hz: Frequency,
        /// Data rate of the downlinks.
        dr: DataRate,
    }
}

impl McClassCSessionReq {
    /// Checks that a session can be like this. What a region or a device allows is its own matter.
    ///
    /// # Errors
    /// All error bits that apply: FreqError for a frequency below 100 MHz, DRError for a data rate above 15.
    pub fn validate(&self) -> Result<(), SessionErrors> {
        // TS005-1.0.0 §3.5: DLFreq is coded as in NewChannelReq, where values below 100 MHz are reserved.
        let frequency = self.dl_frequency_hz.is_reserved();
        refuse([(frequency, SessionErrors::FREQ_ERROR), (!self.dr.is_valid(), SessionErrors::DR_ERROR)])
    }
}

command! {
    /// Has a group listen in class B (TS005-1.0.0 §3.6). A later request for the same group replaces it.
    pub struct McClassBSessionReq = 0x05 {
        /// The group.
        mc_group_id: McGroupId [6 rfu],
        /// When the session starts: at a beacon, so a multiple of 128.
        session_time: GpsSeconds,
        /// How long it lasts at most: 128 × 2^TimeOut seconds.
        time_out: TimeOut,
        /// How often the group listens: every 2^Periodicity seconds.
        periodicity: PingSlotPeriodicity [1 rfu],
        /// Frequency of the downlinks in Hz, or [`Frequency::HOPPING`].
        dl_frequency_hz: Frequency,
        /// Data rate of the downlinks.
        dr: DataRate,
    }
}

impl McClassBSessionReq {
    /// Checks that a session can be like this. What a region or a device allows is its own matter.
    ///
    /// # Errors
    /// All error bits that apply: StartMissed for a start between beacons (version 1 has no such bit and answers
    /// McGroupUndefined), FreqError for a frequency below 100 MHz other than 0, DRError for a data rate above 15.
    pub fn validate(&self) -> Result<(), SessionErrors> {
        let frequency = self.dl_frequency_hz.is_reserved() && self.dl_frequency_hz != Frequency::HOPPING;
        refuse([
            // TS005-2.0.0 §3.6: SessionTime shall be a multiple of the beacon period.
            (!self.session_time.is_beacon(), SessionErrors::START_MISSED),
            (frequency, SessionErrors::FREQ_ERROR),
            (!self.dr.is_valid(), SessionErrors::DR_ERROR),
        ])
    }
}

/// All errors that apply, if any does.
fn refuse<const N: usize>(checks: [(bool, SessionErrors); N]) -> Result<(), SessionErrors> {
    let found =
        checks.into_iter().filter_map(|(applies, error)| applies.then_some(error)).reduce(BitOr::bitor);
    found.map_or(Ok(()), Err)
}

/// The error bits of a session answer, at least one of them set (TS005-2.0.0 §3.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Error)]
pub struct SessionErrors(core::num::NonZeroU8);

impl SessionErrors {
    /// The data rate is not defined.
    pub const DR_ERROR: Self = Self::bit(2);
    /// The frequency is not usable.
    pub const FREQ_ERROR: Self = Self::bit(3);
    /// The device does not have the group.
    pub const MC_GROUP_UNDEFINED: Self = Self::bit(4);
    /// The session's start has passed (version 2; version 1 answers McGroupUndefined).
    pub const START_MISSED: Self = Self::bit(5);
    const NAMED: u8 = 0b0011_1100;
    /// Version 2 keeps these for errors to come.
    const RESERVED: u8 = 0b1100_0000;
    const NAMES: [(Self, &'static str); 4] = [
        (Self::DR_ERROR, "DRError"),
        (Self::FREQ_ERROR, "FreqError"),
        (Self::MC_GROUP_UNDEFINED, "McGroupUndefined"),
        (Self::START_MISSED, "StartMissed"),
    ];

    const fn bit(bit: u32) -> Self {
        // Bit 0 is never asked for with a shift beyond the octet, so the minimum only satisfies the type.
        match core::num::NonZeroU8::new(1 << bit) {
            Some(set) => Self(set),
            None => Self(core::num::NonZeroU8::MIN),
        }
    }

    pub(super) fn from_bits(bits: u8) -> Option<Self> {
        core::num::NonZeroU8::new(bits).map(Self)
    }

    /// The errors whose flags are given, if any is.
    #[must_use]
    pub fn from_flags(
        dr_error: bool,
        freq_error: bool,
        mc_group_undefined: bool,
        start_missed: bool,
    ) -> Option<Self> {
        let flags = [dr_error, freq_error, mc_group_undefined, start_missed];
        Self::from_bits(
            flags
                .iter()
                .zip(Self::NAMES)
                .fold(0, |bits, (&set, (error, _))| bits | if set { error.0.get() } else { 0 }),
        )
    }

    /// The octet's error bits, in their places.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0.get()
    }

    /// Whether all of `errors` are among these.
    #[must_use]
    pub const fn contains(self, errors: Self) -> bool {
        self.0.get() & errors.0.get() == errors.0.get()
    }

    /// The standard's names of the bits that are set; those without a name are left out.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |&(error, _)| self.contains(error)).map(|(_, name)| name)
    }

    /// As version 1 can say it: a missed start is an undefined group there, and no further bits exist.
    fn in_version_1(self) -> Self {
        let missed = if self.contains(Self::START_MISSED) { Self::MC_GROUP_UNDEFINED.0.get() } else { 0 };
        let known = self.0.get() & Self::NAMED & !Self::START_MISSED.0.get();
        Self::from_bits(known | missed).unwrap_or(Self::MC_GROUP_UNDEFINED)
    }
}

impl BitOr for SessionErrors {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl core::fmt::Display for SessionErrors {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (i, name) in self.names().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { " | " })?;
        }
        match self.0.get() & Self::RESERVED {
            0 => Ok(()),
            reserved => write!(f, " reserved {reserved:#04x}"),
        }
    }
}

impl core::fmt::Debug for SessionErrors {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SessionErrors({self})")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for SessionErrors {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "SessionErrors({=u8:08b})", self.0.get());
    }
}

/// What a device says to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SessionOutcome {
    /// It will listen, so many seconds after the answer's uplink.
    Starts(TimeToStart),
    /// It will not.
    Refused(SessionErrors),
}

/// Answer to a session request of package version `VERSION` (TS005 §3.5 and §3.6); `CID` tells class C from class B.
///
/// The wire carries TimeToStart only where there is no error. It counts from this uplink, so it is to be filled in
/// when the answer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SessionAns<const VERSION: u8, const CID: u8> {
    /// The group asked for.
    pub mc_group_id: McGroupId,
    outcome: SessionOutcome,
}

impl<const VERSION: u8, const CID: u8> SessionAns<VERSION, CID> {
    const ERROR_LEN: usize = 2;
    const TAIL_LEN: usize = 3;
    /// Bits of the status octet that mean an error: in version 1 the bits above are reserved (TS005-1.0.0 §3.5), in
    /// version 2 they are errors, known or to come.
    const ERROR_BITS: u8 = if VERSION == 1 { 0b0001_1100 } else { 0b1111_1100 };

    /// The session will start.
    #[must_use]
    pub const fn accepting(mc_group_id: McGroupId, time_to_start: TimeToStart) -> Self {
        Self { mc_group_id, outcome: SessionOutcome::Starts(time_to_start) }
    }

    /// The session will not start. In version 1, which has no bit for it, a missed start is answered as an undefined
    /// group.
    #[must_use]
    pub fn refusing(mc_group_id: McGroupId, errors: SessionErrors) -> Self {
        let errors = if VERSION == 1 { errors.in_version_1() } else { errors };
        Self { mc_group_id, outcome: SessionOutcome::Refused(errors) }
    }

    /// What the device says.
    #[must_use]
    pub const fn outcome(&self) -> SessionOutcome {
        self.outcome
    }

    /// Seconds from the answer's uplink to the start, if the session will start.
    #[must_use]
    pub const fn time_to_start(&self) -> Option<TimeToStart> {
        match self.outcome {
            SessionOutcome::Starts(time_to_start) => Some(time_to_start),
            SessionOutcome::Refused(_) => None,
        }
    }

    /// Why the session will not start, if so. Some version 1 devices set the bit of version 2 for a missed start.
    #[must_use]
    pub const fn errors(&self) -> Option<SessionErrors> {
        match self.outcome {
            SessionOutcome::Starts(_) => None,
            SessionOutcome::Refused(errors) => Some(errors),
        }
    }

    /// Whether the session will start.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self.outcome, SessionOutcome::Starts(_))
    }

    /// The standard's names of the error bits that are set; those without a name are left out.
    pub fn error_names(&self) -> impl Iterator<Item = &'static str> + use<VERSION, CID> {
        self.errors().into_iter().flat_map(SessionErrors::names)
    }

    /// An answer as a device may have sent it.
    #[cfg(feature = "serde")]
    pub(super) const fn from_parts(mc_group_id: McGroupId, outcome: SessionOutcome) -> Self {
        Self { mc_group_id, outcome }
    }
}

impl<const VERSION: u8, const CID: u8> Command<'_> for SessionAns<VERSION, CID> {
    const CID: u8 = CID;
    const MAX_LEN: usize = Self::ERROR_LEN + Self::TAIL_LEN;

    #[inline]
    fn encoded_len(&self) -> usize {
        if self.is_ok() { Self::MAX_LEN } else { Self::ERROR_LEN }
    }

    #[inline]
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        let group = self.mc_group_id.get();
        match self.outcome {
            SessionOutcome::Starts(time_to_start) => {
                let [low, middle, high, _] = time_to_start.get().to_le_bytes();
                out.push_array(&[CID, group, low, middle, high])
            }
            SessionOutcome::Refused(errors) => {
                // Reserved bits travel only where they are the whole message (TS005-2.0.0 §3.5).
                let named = errors.bits() & SessionErrors::NAMED;
                let bits = if named == 0 { errors.bits() } else { named };
                out.push_array(&[CID, group | bits])?;
                // A version 1 answer with the bit of version 2 is told from an accepting one by the octets that it lacks.
                if bits & Self::ERROR_BITS == 0 {
                    out.let_follow(Self::TAIL_LEN - 1);
                }
                Ok(())
            }
        }
    }

    #[inline]
    fn decode(input: &mut Reader<'_>) -> Result<Self, Truncated> {
        let status = input.take::<1>()?;
        let mc_group_id = McGroupId::load(status, 0);
        let mut errors = SessionErrors::from_bits(status[0] & Self::ERROR_BITS);
        let missed = status[0] & SessionErrors::START_MISSED.bits() != 0;
        // Version 1 devices that set the bit of version 2 leave the tail out with it.
        if VERSION == 1 && errors.is_none() && missed && input.remaining() < Self::TAIL_LEN {
            errors = Some(SessionErrors::START_MISSED);
        }
        let outcome = match errors {
            Some(errors) => SessionOutcome::Refused(errors),
            None => SessionOutcome::Starts(TimeToStart::load(input.take::<3>()?, 0)),
        };
        Ok(Self { mc_group_id, outcome })
    }
}

#[cfg(feature = "arbitrary")]
impl<'a, const VERSION: u8, const CID: u8> arbitrary::Arbitrary<'a> for SessionAns<VERSION, CID> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let group = McGroupId::arbitrary(u)?;
        let bits = u8::arbitrary(u)? & (SessionErrors::NAMED | SessionErrors::RESERVED);
        // Reserved bits do not travel beside named ones.
        let bits = if bits & SessionErrors::NAMED == 0 { bits } else { bits & SessionErrors::NAMED };
        Ok(match SessionErrors::from_bits(bits) {
            Some(errors) => Self::refusing(group, errors),
            None => Self::accepting(group, TimeToStart::arbitrary(u)?),
        })
    }
}
