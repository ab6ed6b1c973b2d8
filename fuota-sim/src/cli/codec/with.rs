//! `--with`: which versions the packages within multi-package access are of.

use std::str::FromStr;

use fuota_proto::PackageVersion;
use fuota_proto::multi_package::v1::Versions;

use super::packages::Name;

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
