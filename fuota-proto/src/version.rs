//! Packages and their versions: what exists, and what a device says it speaks.

use thiserror::Error;

use crate::command::command;

command! {
    /// Asks which version of a package the device speaks. Every package has it; the answer comes on the same FPort.
    pub struct PackageVersionReq = 0x00 {}
}

command! {
    /// Answer to [`PackageVersionReq`].
    pub struct PackageVersionAns = 0x00 {
        /// Which package: see [`Package::identifier`].
        package_identifier: u8,
        /// Its version: 1 is edition 1.0.0, 2 is edition 2.0.0.
        package_version: u8,
    }
}

impl PackageVersionAns {
    /// What a device answers that speaks `version` of `package`.
    #[must_use]
    pub const fn new(package: Package, version: PackageVersion) -> Self {
        Self { package_identifier: package.identifier(), package_version: version.number() }
    }

    /// The version to speak with a device that gives this answer when asked about `package`.
    ///
    /// # Errors
    /// [`VersionError`] if the answer is about another package, or the version is none that exists here. Versions are
    /// declared incompatible with each other (TS003 to TS005-2.0.0 §1), so there is no falling back.
    pub fn negotiate(&self, package: Package) -> Result<PackageVersion, VersionError> {
        if self.package_identifier != package.identifier() {
            return Err(VersionError::OtherPackage {
                expected: package.identifier(),
                got: self.package_identifier,
            });
        }
        PackageVersion::from_number(self.package_version)
            .filter(|&version| package.supports(version))
            .ok_or(VersionError::UnknownVersion { got: self.package_version })
    }
}

/// Why there is no speaking with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum VersionError {
    /// The answer is about another package.
    #[error("package {got} answers for package {expected}")]
    OtherPackage {
        /// Identifier of the package asked about.
        expected: u8,
        /// Identifier in the answer.
        got: u8,
    },
    /// The package has no such version, or this build leaves it out.
    #[error("package version {got} is not known")]
    UnknownVersion {
        /// Version in the answer.
        got: u8,
    },
}

/// Edition of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PackageVersion {
    /// Edition 1.0.0.
    V1,
    /// Edition 2.0.0.
    V2,
}

impl PackageVersion {
    /// The version as PackageVersionAns has it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// The version that PackageVersionAns calls `number`, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            _ => None,
        }
    }
}

/// The packages of firmware updates over the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Package {
    /// Multi-package access (TS007).
    MultiPackage,
    /// Application layer clock synchronisation (TS003).
    ClockSync,
    /// Remote multicast setup (TS005).
    Multicast,
    /// Fragmented data block transport (TS004).
    Fragmentation,
    /// Firmware management (TS006).
    Firmware,
}

impl Package {
    /// All packages, in the order of their identifiers.
    pub const ALL: [Self; 5] =
        [Self::MultiPackage, Self::ClockSync, Self::Multicast, Self::Fragmentation, Self::Firmware];

    /// Identifier of the package on the wire (PackageIdentifier).
    #[must_use]
    pub const fn identifier(self) -> u8 {
        match self {
            Self::MultiPackage => 0,
            Self::ClockSync => 1,
            Self::Multicast => 2,
            Self::Fragmentation => 3,
            Self::Firmware => 4,
        }
    }

    /// FPort that devices listen on unless configured otherwise; that of multi-package access is fixed.
    #[must_use]
    pub const fn default_port(self) -> u8 {
        match self {
            Self::MultiPackage => 225,
            Self::ClockSync => 202,
            Self::Multicast => 200,
            Self::Fragmentation => 201,
            Self::Firmware => 203,
        }
    }

    /// The package with this identifier.
    #[must_use]
    pub fn from_identifier(identifier: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|package| package.identifier() == identifier)
    }

    /// The package whose default FPort this is.
    #[must_use]
    pub fn from_default_port(port: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|package| package.default_port() == port)
    }

    /// Whether this build has the version.
    #[must_use]
    pub const fn supports(self, version: PackageVersion) -> bool {
        match (self, version) {
            (Self::MultiPackage, PackageVersion::V1) => cfg!(feature = "ts007-v1"),
            (Self::ClockSync, PackageVersion::V1) => cfg!(feature = "ts003-v1"),
            (Self::ClockSync, PackageVersion::V2) => cfg!(feature = "ts003-v2"),
            (Self::Multicast, PackageVersion::V1) => cfg!(feature = "ts005-v1"),
            (Self::Multicast, PackageVersion::V2) => cfg!(feature = "ts005-v2"),
            (Self::Fragmentation, PackageVersion::V1) => cfg!(feature = "ts004-v1"),
            (Self::Fragmentation, PackageVersion::V2) => cfg!(feature = "ts004-v2"),
            (Self::Firmware, PackageVersion::V1) => cfg!(feature = "ts006-v1"),
            (Self::MultiPackage | Self::Firmware, PackageVersion::V2) => false,
        }
    }

    /// The newest version that this build has, if it has any.
    #[must_use]
    pub const fn newest(self) -> Option<PackageVersion> {
        if self.supports(PackageVersion::V2) {
            Some(PackageVersion::V2)
        } else if self.supports(PackageVersion::V1) {
            Some(PackageVersion::V1)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_told_by_identifier_and_by_port() {
        for package in Package::ALL {
            assert_eq!(Package::from_identifier(package.identifier()), Some(package));
            assert_eq!(Package::from_default_port(package.default_port()), Some(package));
        }
        assert_eq!((Package::from_identifier(5), Package::from_default_port(1)), (None, None));
    }

    #[cfg(feature = "packages")]
    #[test]
    fn two_packages_have_one_edition_only() {
        let newest = Package::ALL.map(|package| package.newest().map(PackageVersion::number));
        assert_eq!(newest, [Some(1), Some(2), Some(2), Some(2), Some(1)]);
        for package in Package::ALL {
            assert!(package.supports(PackageVersion::V1), "{package:?}");
            let has_second = !matches!(package, Package::MultiPackage | Package::Firmware);
            assert_eq!(package.supports(PackageVersion::V2), has_second, "{package:?}");
        }
    }

    #[cfg(all(feature = "ts004-v1", feature = "ts004-v2"))]
    #[test]
    fn versions_are_taken_as_answered_or_not_at_all() {
        let answer = |package_identifier, package_version| {
            PackageVersionAns { package_identifier, package_version }.negotiate(Package::Fragmentation)
        };
        assert_eq!(answer(3, 1), Ok(PackageVersion::V1));
        assert_eq!(answer(3, 2), Ok(PackageVersion::V2));
        assert_eq!(answer(3, 3), Err(VersionError::UnknownVersion { got: 3 }));
        assert_eq!(answer(2, 1), Err(VersionError::OtherPackage { expected: 3, got: 2 }));
    }
}
