//! How a message is laid out: where its commands end, and which of them may stand where.

use super::own;
use crate::ids::PackageId;
use crate::version::Package;

/// A message taken apart.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// The commands and identifiers.
    pub(super) set: &'a [u8],
    /// The last octet, where it is a token.
    pub(super) token: Option<u8>,
    /// Where the command starts that has the message to itself, if it has.
    pub(super) lone: Option<usize>,
}

/// What part an item plays in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It names the package of what follows.
    PackageId(PackageId),
    /// It is a command like others.
    Command(Package),
    /// It is a command that has the message to itself, with a token behind it or without.
    Lone {
        /// Whether there is a token.
        token: bool,
    },
    /// It is a command that cannot be part of a message.
    Refused,
    /// It ends the message.
    Token,
}

/// CID of the commands of multi-package access that have the message to themselves, in both directions.
pub(super) const LONE_CID: u8 = 0x02;
/// Identifier of package 0, which may stand before a lone command.
const OWN_ID: u8 = 0x80;

/// Every downlink ends with a token but the one that is MultiPackBufferReq alone: three octets (TS007-1.0.0).
pub(super) fn downlink(payload: &[u8]) -> Layout<'_> {
    let command = payload.strip_prefix(&[OWN_ID]).unwrap_or(payload);
    if let [LONE_CID, _, _] = command {
        return Layout { set: payload, token: None, lone: Some(payload.len() - command.len()) };
    }
    with_token(payload, None)
}

/// Every uplink ends with a token; the error form of MultiPackBufferFrag does so with some devices and not with
/// others, and its token is passed over (TS007-1.0.0).
pub(super) fn uplink(payload: &[u8]) -> Layout<'_> {
    let command = payload.strip_prefix(&[OWN_ID]).unwrap_or(payload);
    let start = payload.len() - command.len();
    match command {
        [LONE_CID, own::ERROR_BASE] => Layout { set: payload, token: None, lone: Some(start) },
        [LONE_CID, own::ERROR_BASE, _] => Layout { token: None, ..with_token(payload, Some(start)) },
        [LONE_CID, ..] => with_token(payload, Some(start)),
        _ => with_token(payload, None),
    }
}

fn with_token(payload: &[u8], lone: Option<usize>) -> Layout<'_> {
    match payload.split_last() {
        Some((&token, set)) => Layout { set, token: Some(token), lone },
        None => Layout { set: payload, token: None, lone },
    }
}

/// The part of a command of multi-package access itself.
pub(super) trait Own {
    fn role(&self) -> Role;
}

impl Own for own::Downlink {
    fn role(&self) -> Role {
        match self {
            Self::MultiPackBufferReq(_) => Role::Lone { token: false },
            Self::PackageVersionReq(_) | Self::DevPackageReq(_) => Role::Command(Package::MultiPackage),
        }
    }
}

impl Own for own::Uplink<'_> {
    fn role(&self) -> Role {
        match self {
            Self::MultiPackBufferFrag(part) => Role::Lone { token: part.is_ok() },
            Self::PackageVersionAns(_) | Self::DevPackageAns(_) => Role::Command(Package::MultiPackage),
        }
    }
}

/// The part of a command of another package.
#[allow(dead_code, reason = "a build may have no other package")]
pub(super) fn role_of(package: Package, cid: u8) -> Role {
    // DataFragment takes the rest of its message and must be alone in it (TS004-1.0.0 §1).
    const DATA_FRAGMENT_CID: u8 = 0x08;
    if package == Package::Fragmentation && cid == DATA_FRAGMENT_CID {
        Role::Refused
    } else {
        Role::Command(package)
    }
}
