//! The answer about the stored image, which is longer if there is a good one.

use crate::command::Command;
use crate::cursor::{Reader, Writer};
use crate::error::{EncodeError, Truncated};
use crate::field::Field as _;
use crate::units::Version;

/// Answer to DevUpgradeImageReq: what image waits for the next reboot (TS006-1.0.0 §2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum DevUpgradeImageAns {
    /// None (UpImageStatus 0).
    NoImage,
    /// One that is corrupt or wrongly signed (UpImageStatus 1).
    Invalid,
    /// An authentic one for other hardware (UpImageStatus 2).
    WrongHardware,
    /// One that the next reboot installs (UpImageStatus 3).
    Valid {
        /// Its version.
        next_firmware_version: Version,
    },
}

impl DevUpgradeImageAns {
    const SHORT_LEN: usize = 2;

    /// The status as a number, 0 to 3.
    #[must_use]
    pub const fn up_image_status(self) -> u8 {
        match self {
            Self::NoImage => 0,
            Self::Invalid => 1,
            Self::WrongHardware => 2,
            Self::Valid { .. } => 3,
        }
    }

    /// Version of the image that the next reboot installs, if there is one.
    #[must_use]
    pub const fn next_firmware_version(self) -> Option<Version> {
        match self {
            Self::Valid { next_firmware_version } => Some(next_firmware_version),
            Self::NoImage | Self::Invalid | Self::WrongHardware => None,
        }
    }

    /// Whether the next reboot installs an image.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        matches!(self, Self::Valid { .. })
    }
}

impl Command<'_> for DevUpgradeImageAns {
    const CID: u8 = 0x04;
    const MAX_LEN: usize = 6;

    #[inline]
    fn encoded_len(&self) -> usize {
        if self.is_ok() { Self::MAX_LEN } else { Self::SHORT_LEN }
    }

    #[inline]
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        let status = self.up_image_status();
        match self.next_firmware_version() {
            Some(version) => {
                let [a, b, c, d] = version.get().to_le_bytes();
                out.push_array(&[Self::CID, status, a, b, c, d])
            }
            None => out.push_array(&[Self::CID, status]),
        }
    }

    #[inline]
    fn decode(input: &mut Reader<'_>) -> Result<Self, Truncated> {
        let &[status] = input.take::<1>()?;
        Ok(match status & 0b11 {
            0 => Self::NoImage,
            1 => Self::Invalid,
            2 => Self::WrongHardware,
            _ => Self::Valid { next_firmware_version: Version::load(input.take::<4>()?, 0) },
        })
    }
}

/// Flat: the status and the version or null.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "DevUpgradeImageAns", deny_unknown_fields)]
struct Flat {
    up_image_status: u8,
    next_firmware_version: Option<Version>,
}

#[cfg(feature = "serde")]
impl serde::Serialize for DevUpgradeImageAns {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Flat { up_image_status: self.up_image_status(), next_firmware_version: self.next_firmware_version() }
            .serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for DevUpgradeImageAns {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let flat = Flat::deserialize(deserializer)?;
        match (flat.up_image_status, flat.next_firmware_version) {
            (0, None) => Ok(Self::NoImage),
            (1, None) => Ok(Self::Invalid),
            (2, None) => Ok(Self::WrongHardware),
            (3, Some(next_firmware_version)) => Ok(Self::Valid { next_firmware_version }),
            (status, _) => Err(serde::de::Error::custom(format_args!(
                "next_firmware_version comes with up_image_status 3 and no other; status is {status}"
            ))),
        }
    }
}
