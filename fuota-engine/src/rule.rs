//! The one place where the codec's versions meet the code's rules.

use fuota_fec::ParityRule;
use fuota_proto::PackageVersion;

/// The parity rule of a fragmentation session, by the version of its package: `FragAlgo` is 0 in both, so nothing
/// on the wire tells them apart (TS004-2.0.0 §6.2).
#[must_use]
pub const fn parity_rule(version: PackageVersion) -> ParityRule {
    match version {
        PackageVersion::V1 => ParityRule::V1,
        PackageVersion::V2 => ParityRule::V2,
    }
}
