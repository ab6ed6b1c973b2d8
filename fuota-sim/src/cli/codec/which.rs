//! What a payload is of: its package, version and direction, and the versions of what is within it.

use std::str::FromStr;

use fuota_proto::PackageVersion;
use fuota_proto::multi_package::v1::Versions;

use super::packages::{Direction, Kind, Name, NoSuch};

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// What the payload is of
    #[arg(long, ignore_case = true, requires_all = ["version", "direction"])]
    package: Option<Name>,
    /// Version of the package: 1 or 2
    #[arg(long, requires = "package")]
    version: Option<u64>,
    /// Which way the payload goes
    #[arg(long, requires = "package")]
    direction: Option<Direction>,
    /// Versions of the packages within a TS007 message, such as ts004=1,ts005=2; the newest unless named
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) with: With,
}

impl Which {
    /// All of it, if it is given.
    pub(super) fn kind(&self) -> Result<Option<Kind>, NoSuch> {
        match (self.package, self.version, self.direction) {
            (Some(package), Some(version), Some(direction)) => {
                Kind::new(package, version, direction, self.with.0).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Versions of the packages within a TS007 message, such as ts004=1,ts005=2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct With(pub(super) Versions);

impl FromStr for With {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut versions = Versions::default();
        for choice in text.split(',').map(str::trim).filter(|choice| !choice.is_empty()) {
            let (name, version) =
                choice.split_once('=').ok_or_else(|| format!("{choice}: PACKAGE=VERSION expected"))?;
            let name: Name = name.trim().parse().map_err(|error| format!("{error}"))?;
            let number: Option<u8> = version.trim().parse().ok();
            let version = number
                .and_then(PackageVersion::from_number)
                .filter(|&version| name.versions().any(|known| known == version))
                .ok_or_else(|| format!("{choice}: no such version"))?;
            match name {
                Name::Ts003 => versions.clock_sync = version,
                Name::Ts004 => versions.fragmentation = version,
                Name::Ts005 => versions.multicast = version,
                // There is one version of each.
                Name::Ts006 | Name::Ts007 => {}
            }
        }
        Ok(Self(versions))
    }
}
