//! The items of a message: package identifiers, commands of any package, and the token.

use core::iter::FusedIterator;
use core::marker::PhantomData;

use super::layout::{self, LONE_CID, Layout, Role};
use super::own;
use crate::cursor::{Reader, Writer};
use crate::error::{DecodeCause, DecodeError, EncodeError, Truncated};
use crate::ids::{PackageId, Token};
use crate::stream::CommandSet;
use crate::version::{Package, PackageVersion};

/// Which version of each package the commands within a message are of. No octet of the message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Versions {
    /// Version of TS003.
    pub clock_sync: PackageVersion,
    /// Version of TS004.
    pub fragmentation: PackageVersion,
    /// Version of TS005.
    pub multicast: PackageVersion,
}

impl Default for Versions {
    /// The newest that this build has.
    fn default() -> Self {
        let newest = |package: Package| package.newest().unwrap_or(PackageVersion::V2);
        Self {
            clock_sync: newest(Package::ClockSync),
            fragmentation: newest(Package::Fragmentation),
            multicast: newest(Package::Multicast),
        }
    }
}

impl Versions {
    const fn of(&self, package: Package) -> PackageVersion {
        match package {
            Package::ClockSync => self.clock_sync,
            Package::Fragmentation => self.fragmentation,
            Package::Multicast => self.multicast,
            Package::MultiPackage | Package::Firmware => PackageVersion::V1,
        }
    }
}

/// An item of a message in one direction: [`DownlinkItem`] or [`UplinkItem`].
pub trait MessageItem<'a>: Sized {
    #[doc(hidden)]
    fn layout(payload: &'a [u8]) -> Layout<'a>;
    #[doc(hidden)]
    fn package_id(id: PackageId) -> Self;
    #[doc(hidden)]
    fn command_token(token: Token) -> Self;
    #[doc(hidden)]
    fn decode_command(
        package: Package,
        version: PackageVersion,
        cid: u8,
        offset: usize,
        input: &mut Reader<'a>,
    ) -> Result<Self, DecodeError>;
    #[doc(hidden)]
    fn role(&self) -> Role;
    #[doc(hidden)]
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError>;
}

const ID_FLAG: u8 = 0x80;

/// Iterator over the items of one message: identifiers as far as they stand there, commands, and the token last.
///
/// As with [`Commands`](crate::Commands), the first error ends it. A message without a command is an error.
#[derive(Debug, Clone)]
pub struct Items<'a, I> {
    input: Reader<'a>,
    len: usize,
    token: Option<u8>,
    lone: Option<usize>,
    package: PackageId,
    after_id: bool,
    done: bool,
    versions: Versions,
    items: PhantomData<I>,
}

impl<'a, I: MessageItem<'a>> Items<'a, I> {
    fn new(payload: &'a [u8], versions: Versions) -> Self {
        let Layout { set, token, lone } = I::layout(payload);
        Self {
            input: Reader::new(set),
            len: set.len(),
            token,
            lone,
            package: PackageId::MIN,
            after_id: false,
            done: false,
            versions,
            items: PhantomData,
        }
    }

    /// Position in the message of the next item.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.len - self.input.remaining()
    }

    fn item(&mut self, offset: usize, first: u8) -> Result<I, DecodeError> {
        let refuse = |cause| Err(DecodeError { offset, cause });
        if first & ID_FLAG != 0 && !self.after_id {
            // An identifier belongs to the command behind it.
            if self.input.remaining() == 0 {
                return refuse(Truncated { expected: 1, got: 0 }.into());
            }
            self.package = PackageId::from_wire(first);
            self.after_id = true;
            return Ok(I::package_id(self.package));
        }
        self.after_id = false;
        let Some(package) = Package::from_identifier(self.package.get()) else {
            return refuse(DecodeCause::UnknownCid { cid: first });
        };
        // MultiPackBufferReq beside anything else: the whole set is to be discarded (TS007-1.0.0).
        if package == Package::MultiPackage && first == LONE_CID && self.lone != Some(offset) {
            return refuse(DecodeCause::NotAlone);
        }
        let item = I::decode_command(package, self.versions.of(package), first, offset, &mut self.input)?;
        // DataFragment takes the rest of its message and must be alone in it (TS004-1.0.0 §1).
        if item.role() == Role::Refused { refuse(DecodeCause::NotAlone) } else { Ok(item) }
    }
}

impl<'a, I: MessageItem<'a>> Iterator for Items<'a, I> {
    type Item = Result<I, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let offset = self.offset();
        let decoded = match self.input.next_octet() {
            Some(first) => self.item(offset, first),
            None if offset == 0 => {
                Err(DecodeError { offset, cause: Truncated { expected: 1, got: 0 }.into() })
            }
            None => {
                self.done = true;
                return self.token.map(|token| Ok(I::command_token(Token::from_wire(token))));
            }
        };
        self.done = decoded.is_err();
        Some(decoded)
    }
}

impl<'a, I: MessageItem<'a>> FusedIterator for Items<'a, I> {}

/// Declares the items of one direction from the packages that the build has.
macro_rules! items {
    (
        $(#[$doc:meta])*
        pub enum $name:ident from $own:ty, $layout:path {$(
            $(#[$variant_doc:meta])*
            #[$feature:literal]
            $variant:ident($ty:ty) = $package:ident $version:ident,
        )*}
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum $name<'a> {
            /// The package that the commands from here on are of.
            PackageId(PackageId),
            /// A command of multi-package access itself.
            MultiPackage($own),
            $(
                $(#[$variant_doc])*
                #[cfg(feature = $feature)]
                $variant($ty),
            )*
            /// The end of the message.
            CommandToken(Token),
            /// Never present: it binds the lifetime in builds without a command that borrows.
            #[doc(hidden)]
            Never(core::convert::Infallible, PhantomData<&'a ()>),
        }

        impl<'a> $name<'a> {
            /// The items of `payload`, in order, with the packages in these versions.
            #[must_use]
            pub fn items(payload: &'a [u8], versions: Versions) -> Items<'a, Self> {
                Items::new(payload, versions)
            }

            /// The standard's name of the command, `PackageId` or `CommandToken`.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    Self::PackageId(_) => "PackageId",
                    Self::MultiPackage(command) => command.name(),
                    $(
                        #[cfg(feature = $feature)]
                        Self::$variant(command) => command.name(),
                    )*
                    Self::CommandToken(_) => "CommandToken",
                    Self::Never(never, _) => match *never {},
                }
            }

            /// The command called `name` of `package`, with its fields from `deserializer`. Nothing if there is no such
            /// command, or if it borrows octets, which must be given as they are.
            #[cfg(feature = "serde")]
            pub fn from_fields<'de, D: serde::Deserializer<'de>>(
                package: Package,
                versions: Versions,
                name: &str,
                deserializer: D,
            ) -> Option<Result<Self, D::Error>> {
                match (package, versions.of(package)) {
                    (Package::MultiPackage, _) => {
                        Some(<$own>::from_fields(name, deserializer)?.map(Self::MultiPackage))
                    }
                    $(
                        #[cfg(feature = $feature)]
                        (Package::$package, PackageVersion::$version) => {
                            Some(<$ty>::from_fields(name, deserializer)?.map(Self::$variant))
                        }
                    )*
                    #[allow(unreachable_patterns, reason = "a build with all packages has none left")]
                    _ => None,
                }
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::PackageId(package_identifier) => {
                        super::serial::Named::package_id(*package_identifier).serialize(serializer)
                    }
                    Self::MultiPackage(command) => command.serialize(serializer),
                    $(
                        #[cfg(feature = $feature)]
                        Self::$variant(command) => command.serialize(serializer),
                    )*
                    Self::CommandToken(token) => super::serial::Named::command_token(*token).serialize(serializer),
                    Self::Never(never, _) => match *never {},
                }
            }
        }

        impl<'a> MessageItem<'a> for $name<'a> {
            #[inline]
            fn layout(payload: &'a [u8]) -> Layout<'a> {
                $layout(payload)
            }

            #[inline]
            fn package_id(id: PackageId) -> Self {
                Self::PackageId(id)
            }

            #[inline]
            fn command_token(token: Token) -> Self {
                Self::CommandToken(token)
            }

            #[inline]
            fn decode_command(
                package: Package,
                version: PackageVersion,
                cid: u8,
                offset: usize,
                input: &mut Reader<'a>,
            ) -> Result<Self, DecodeError> {
                match (package, version) {
                    (Package::MultiPackage, _) => CommandSet::decode_body(cid, offset, input).map(Self::MultiPackage),
                    $(
                        #[cfg(feature = $feature)]
                        (Package::$package, PackageVersion::$version) => {
                            CommandSet::decode_body(cid, offset, input).map(Self::$variant)
                        }
                    )*
                    _ => Err(DecodeError { offset, cause: DecodeCause::UnknownCid { cid } }),
                }
            }

            #[inline]
            fn role(&self) -> Role {
                match self {
                    Self::PackageId(id) => Role::PackageId(*id),
                    Self::MultiPackage(command) => layout::Own::role(command),
                    $(
                        #[cfg(feature = $feature)]
                        Self::$variant(command) => layout::role_of(Package::$package, command.cid()),
                    )*
                    Self::CommandToken(_) => Role::Token,
                    Self::Never(never, _) => match *never {},
                }
            }

            #[inline]
            fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
                match self {
                    Self::PackageId(id) => out.push(&[ID_FLAG | id.get()]),
                    Self::MultiPackage(command) => command.encode(out),
                    $(
                        #[cfg(feature = $feature)]
                        Self::$variant(command) => command.encode(out),
                    )*
                    Self::CommandToken(token) => out.push_last(token.get()),
                    Self::Never(never, _) => match *never {},
                }
            }
        }
    };
}

items! {
    /// An item of a message from a server (TS007-1.0.0).
    pub enum DownlinkItem from own::Downlink, layout::downlink {
        /// A command of TS003-1.0.0.
        #["ts003-v1"]
        ClockSyncV1(crate::clock_sync::v1::Downlink) = ClockSync V1,
        /// A command of TS003-2.0.0.
        #["ts003-v2"]
        ClockSyncV2(crate::clock_sync::v2::Downlink) = ClockSync V2,
        /// A command of TS005-1.0.0.
        #["ts005-v1"]
        MulticastV1(crate::multicast::v1::Downlink) = Multicast V1,
        /// A command of TS005-2.0.0.
        #["ts005-v2"]
        MulticastV2(crate::multicast::v2::Downlink) = Multicast V2,
        /// A command of TS004-1.0.0.
        #["ts004-v1"]
        FragmentationV1(crate::fragmentation::v1::Downlink<'a>) = Fragmentation V1,
        /// A command of TS004-2.0.0.
        #["ts004-v2"]
        FragmentationV2(crate::fragmentation::v2::Downlink<'a>) = Fragmentation V2,
        /// A command of TS006-1.0.0.
        #["ts006-v1"]
        FirmwareV1(crate::firmware::v1::Downlink) = Firmware V1,
    }
}

items! {
    /// An item of a message from a device (TS007-1.0.0).
    pub enum UplinkItem from own::Uplink<'a>, layout::uplink {
        /// A command of TS003-1.0.0.
        #["ts003-v1"]
        ClockSyncV1(crate::clock_sync::v1::Uplink) = ClockSync V1,
        /// A command of TS003-2.0.0.
        #["ts003-v2"]
        ClockSyncV2(crate::clock_sync::v2::Uplink) = ClockSync V2,
        /// A command of TS005-1.0.0.
        #["ts005-v1"]
        MulticastV1(crate::multicast::v1::Uplink) = Multicast V1,
        /// A command of TS005-2.0.0.
        #["ts005-v2"]
        MulticastV2(crate::multicast::v2::Uplink) = Multicast V2,
        /// A command of TS004-1.0.0.
        #["ts004-v1"]
        FragmentationV1(crate::fragmentation::v1::Uplink) = Fragmentation V1,
        /// A command of TS004-2.0.0.
        #["ts004-v2"]
        FragmentationV2(crate::fragmentation::v2::Uplink) = Fragmentation V2,
        /// A command of TS006-1.0.0.
        #["ts006-v1"]
        FirmwareV1(crate::firmware::v1::Uplink) = Firmware V1,
    }
}
