//! What some device models do otherwise than the standard, and what the campaign does about it.
//!
//! A quirk is never guessed: the operator says which model has which ([`DeviceSpec::quirks`]), and the campaign
//! tells when it acted on one ([`Warning::QuirkApplied`]).
//!
//! [`DeviceSpec::quirks`]: super::spec::DeviceSpec::quirks
//! [`Warning::QuirkApplied`]: super::event::Warning::QuirkApplied

use core::fmt;

/// Something that a device model does otherwise than the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// It speaks version 2 of the fragmentation package but answers FragSessionStatusReq in the order of
    /// version 1: NbFragReceived and index, MissingFrag, status. Such answers are read in that order.
    StatusInV1Order,
    /// Its MissingFrag lags behind what it holds. A count other than 0 is asked for a second time, alone, before
    /// it is believed.
    MissingFragLags,
    /// It leaves the multicast session as soon as the block is complete, and so hears no status request to the
    /// group. It is asked alone from the start.
    LeavesWhenComplete,
    /// It does not answer a second FragSessionSetupReq for a session that it has. In version 1 too it is asked for
    /// the session's status before the request is repeated.
    IgnoresRepeatedSetup,
    /// Its MissingFrag counts what it ever lost, or one more than it misses, and does not fall to 0 when it has made good
    /// the losses. Whatever else than 0 it says asks for no fragments and proves nothing: an update is settled by the
    /// version that it runs, and a binary transfer names it.
    MissingFragSticks,
}

impl Quirk {
    /// Every quirk.
    pub const ALL: [Self; 5] = [
        Self::StatusInV1Order,
        Self::MissingFragLags,
        Self::LeavesWhenComplete,
        Self::IgnoresRepeatedSetup,
        Self::MissingFragSticks,
    ];

    /// The quirk's name in configurations and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StatusInV1Order => "status-in-v1-order",
            Self::MissingFragLags => "missing-frag-lags",
            Self::LeavesWhenComplete => "leaves-when-complete",
            Self::IgnoresRepeatedSetup => "ignores-repeated-setup",
            Self::MissingFragSticks => "missing-frag-sticks",
        }
    }

    /// The quirk of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quirk| quirk.name() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The quirks of a device model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Quirks(u8);

impl Quirks {
    /// A device that does as the standard says.
    pub const NONE: Self = Self(0);

    /// These and one more.
    #[must_use]
    pub const fn with(self, quirk: Quirk) -> Self {
        Self(self.0 | quirk.bit())
    }

    /// Whether the model has this one.
    #[must_use]
    pub const fn has(self, quirk: Quirk) -> bool {
        self.0 & quirk.bit() != 0
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        quirks.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_sets_hold_what_was_put_in() {
        for quirk in Quirk::ALL {
            assert_eq!(Quirk::find(quirk.name()), Some(quirk));
            let one = Quirks::NONE.with(quirk);
            assert!(Quirk::ALL.into_iter().all(|other| one.has(other) == (other == quirk)));
        }
        assert!(Quirk::ALL.into_iter().all(|quirk| Quirk::ALL.into_iter().collect::<Quirks>().has(quirk)));
        assert_eq!(Quirk::find("none"), None);
    }
}
