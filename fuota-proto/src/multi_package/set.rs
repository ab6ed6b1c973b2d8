//! Writing a message.

use thiserror::Error;

use super::items::MessageItem;
use super::layout::Role;
use crate::cursor::Writer;
use crate::error::EncodeError;
use crate::ids::PackageId;
use crate::version::Package;

/// Writes one message, item by item, and the identifier of a package wherever the package changes.
///
/// ```
/// use fuota_proto::clock_sync::v2 as clock_sync;
/// use fuota_proto::firmware::v1 as firmware;
/// use fuota_proto::multi_package::v1::{DownlinkItem, SetWriter, Versions};
/// use fuota_proto::{NbTransmissions, Token};
///
/// let resync = clock_sync::ForceDeviceResyncCmd { nb_transmissions: NbTransmissions::new(3).unwrap() };
/// let mut buffer = [0; 51];
/// let mut message = SetWriter::new(&mut buffer);
/// message.push(&DownlinkItem::ClockSyncV2(resync.into())).unwrap();
/// message.push(&DownlinkItem::FirmwareV1(firmware::DevVersionReq {}.into())).unwrap();
/// message.push(&DownlinkItem::CommandToken(Token::new(2).unwrap())).unwrap();
/// let octets = message.finish().unwrap();
/// assert_eq!(octets, [0x81, 0x03, 3, 0x84, 0x01, 2]);
///
/// let names = DownlinkItem::items(octets, Versions::default()).map(|item| item.unwrap().name());
/// assert!(names.eq(["PackageId", "ForceDeviceResyncCmd", "PackageId", "DevVersionReq", "CommandToken"]));
/// ```
#[derive(Debug)]
pub struct SetWriter<'b> {
    out: Writer<'b>,
    package: PackageId,
    state: State,
}

/// How far a message is.
///
/// ```text
/// Empty ──identifier──> AfterId ──command──> Commands ──token──> Done
///    └──────────────command──────────────────^
///    └──lone command──> Lone ──token, if it has one──> Done
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    AfterId,
    Commands,
    Lone { token: bool },
    Done,
}

/// Why an item cannot stand where it is put. The message is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SetError {
    /// It does not fit, or the command before takes all that follows.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A command that has the message to itself stands beside others, or one that cannot be part of a message is.
    #[error("a command that must stand alone has company")]
    NotAlone,
    /// A message has at least one command.
    #[error("a message without a command")]
    Empty,
    /// An identifier without a command behind it.
    #[error("a package identifier without a command")]
    DanglingPackageId,
    /// A command of another package than the identifier before it says.
    #[error("a command of package {got} behind the identifier of package {expected}")]
    OtherPackage {
        /// Identifier written.
        expected: u8,
        /// Identifier of the command's package.
        got: u8,
    },
    /// The token is missing at the end.
    #[error("a message ends with a token")]
    MissingToken,
    /// The message has ended.
    #[error("nothing may follow the token")]
    AfterToken,
}

impl<'b> SetWriter<'b> {
    /// Starts a message in `buffer`.
    #[must_use]
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { out: Writer::new(buffer), package: PackageId::MIN, state: State::Empty }
    }

    /// Appends one item. An identifier need not be given: it is written where the package changes.
    ///
    /// # Errors
    /// [`SetError`] if the item cannot stand here or does not fit; nothing is written then.
    pub fn push<'a, I: MessageItem<'a>>(&mut self, item: &I) -> Result<(), SetError> {
        let role = item.role();
        let next = match (self.state, role) {
            (State::Done, _) => return Err(SetError::AfterToken),
            (_, Role::Refused)
            | (State::Lone { .. }, Role::PackageId(_) | Role::Command(_) | Role::Lone { .. })
            | (State::Lone { token: false }, Role::Token)
            | (State::Commands, Role::Lone { .. }) => return Err(SetError::NotAlone),
            (State::AfterId, Role::PackageId(_) | Role::Token) => return Err(SetError::DanglingPackageId),
            (State::Empty, Role::Token) => return Err(SetError::Empty),
            (State::Empty | State::Commands, Role::PackageId(_)) => State::AfterId,
            (State::Empty | State::AfterId | State::Commands, Role::Command(_)) => State::Commands,
            (State::Empty | State::AfterId, Role::Lone { token }) => State::Lone { token },
            (State::Commands | State::Lone { token: true }, Role::Token) => State::Done,
        };
        let start = self.out.len();
        let package = match role {
            Role::PackageId(id) => id,
            Role::Command(package) => self.enter(package)?,
            Role::Lone { .. } => self.enter(Package::MultiPackage)?,
            Role::Refused | Role::Token => self.package,
        };
        item.encode(&mut self.out).inspect_err(|_| self.out.rewind(start))?;
        (self.package, self.state) = (package, next);
        Ok(())
    }

    /// The message.
    ///
    /// # Errors
    /// [`SetError`] if it is not complete.
    pub fn finish(self) -> Result<&'b [u8], SetError> {
        match self.state {
            State::Done | State::Lone { token: false } => Ok(self.out.into_written()),
            State::Empty => Err(SetError::Empty),
            State::AfterId => Err(SetError::DanglingPackageId),
            State::Commands | State::Lone { token: true } => Err(SetError::MissingToken),
        }
    }

    /// Writes the identifier of `package` if it is not the one that commands are of here.
    fn enter(&mut self, package: Package) -> Result<PackageId, SetError> {
        let id = PackageId::from_wire(package.identifier());
        if id == self.package {
            return Ok(id);
        }
        if self.state == State::AfterId {
            return Err(SetError::OtherPackage { expected: self.package.get(), got: id.get() });
        }
        self.out.push(&[0x80 | id.get()])?;
        Ok(id)
    }
}
