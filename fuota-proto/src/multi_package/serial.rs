//! Identifiers and tokens as commands, for people.

use crate::ids::{PackageId, Token};

/// An item with the name and the fields of a command.
#[derive(serde::Serialize)]
pub(super) struct Named<F> {
    command: &'static str,
    fields: F,
}

/// The fields of a package identifier.
#[derive(serde::Serialize)]
pub(super) struct PackageIdFields {
    package_identifier: PackageId,
}

/// The fields of a token.
#[derive(serde::Serialize)]
pub(super) struct TokenFields {
    token: Token,
}

impl Named<PackageIdFields> {
    pub(super) fn package_id(package_identifier: PackageId) -> Self {
        Self { command: "PackageId", fields: PackageIdFields { package_identifier } }
    }
}

impl Named<TokenFields> {
    pub(super) fn command_token(token: Token) -> Self {
        Self { command: "CommandToken", fields: TokenFields { token } }
    }
}
