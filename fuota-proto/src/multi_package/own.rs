//! The commands of multi-package access itself.

use heapless::Vec;

use crate::command::{Command, command};
use crate::cursor::{Reader, Writer};
use crate::error::{EncodeError, Truncated};
use crate::package::package;
use crate::version::{PackageVersionAns, PackageVersionReq};

package! {
    /// What a server sends to multi-package access itself (TS007-1.0.0).
    pub enum Downlink {
        /// Which version do you speak?
        PackageVersionReq(PackageVersionReq),
        /// Which packages do you have?
        DevPackageReq(DevPackageReq),
        /// Send a part of the answers again.
        MultiPackBufferReq(MultiPackBufferReq),
    }
}

package! {
    /// What multi-package access itself answers (TS007-1.0.0).
    pub enum Uplink<'a> {
        /// Answer to [`PackageVersionReq`].
        PackageVersionAns(PackageVersionAns),
        /// Answer to [`DevPackageReq`].
        DevPackageAns(DevPackageAns),
        /// A part of answers that do not fit in one message.
        MultiPackBufferFrag(MultiPackBufferFrag<'a>) as borrowed,
    }
}

command! {
    /// Asks which packages the device has (TS007-1.0.0).
    pub struct DevPackageReq = 0x01 {}
}

command! {
    /// Asks for a part of the answers again (TS007-1.0.0). Stands alone in its message, without a token.
    pub struct MultiPackBufferReq = 0x02 {
        /// First octet wanted.
        start_byte: u8,
        /// Last octet wanted; beyond the end means up to the end.
        stop_byte: u8,
    }
}

/// One package of a [`DevPackageAns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct PackageItem {
    /// Which package.
    pub package_identifier: u8,
    /// Its version.
    pub package_version: u8,
    /// Its FPort.
    pub port: u8,
}

/// Answer to [`DevPackageReq`] (TS007-1.0.0).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DevPackageAns {
    /// All packages of the device, multi-package access included; at most 15.
    pub items: Vec<PackageItem, 15>,
}

impl DevPackageAns {
    const HEADER_LEN: usize = 2;
    const ITEM_LEN: usize = 3;
}

impl Command<'_> for DevPackageAns {
    const CID: u8 = 0x01;
    const MAX_LEN: usize = Self::HEADER_LEN + 15 * Self::ITEM_LEN;

    fn encoded_len(&self) -> usize {
        Self::HEADER_LEN + self.items.len() * Self::ITEM_LEN
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        // The list has at most 15 places.
        let [count, ..] = self.items.len().to_le_bytes();
        out.ensure(self.encoded_len())?;
        out.push_array(&[Self::CID, count])?;
        self.items
            .iter()
            .try_for_each(|item| out.push_array(&[item.package_identifier, item.package_version, item.port]))
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, Truncated> {
        let &[count] = input.take::<1>()?;
        let mut items = Vec::new();
        for _ in 0..count & 0x0F {
            let &[package_identifier, package_version, port] = input.take::<{ Self::ITEM_LEN }>()?;
            // Four bits count up to 15, and the list has as many places.
            let _ = items.push(PackageItem { package_identifier, package_version, port });
        }
        Ok(Self { items })
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for DevPackageAns {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let count = u.int_in_range(0..=15)?;
        Ok(Self { items: (0..count).map(|_| PackageItem::arbitrary(u)).collect::<arbitrary::Result<_>>()? })
    }
}

/// BaseByte of the part that says that there is none.
pub(super) const ERROR_BASE: u8 = 0xFF;

/// A part of the answers, which were too long for one message (TS007-1.0.0). Stands alone in its message.
///
/// It takes the rest of the message but the token as its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct MultiPackBufferFrag<'a> {
    /// Position in the answers of the first octet of the data; 255 without data says that the request was wrong.
    pub base_byte: u8,
    /// Octets of the answers.
    #[cfg_attr(
        feature = "serde",
        serde(
            serialize_with = "crate::hex::serialize_slice",
            deserialize_with = "crate::hex::borrow",
            borrow
        )
    )]
    pub data: &'a [u8],
}

impl MultiPackBufferFrag<'_> {
    /// The answers hold no such octets.
    pub const ERROR: Self = Self { base_byte: ERROR_BASE, data: &[] };
    const HEADER_LEN: usize = 2;
    const MAX_DATA: usize = 128;

    /// Whether the request could be served.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        *self != MultiPackBufferFrag::ERROR
    }
}

impl<'a> Command<'a> for MultiPackBufferFrag<'a> {
    const CID: u8 = 0x02;
    const MAX_LEN: usize = Self::HEADER_LEN + Self::MAX_DATA;

    fn encoded_len(&self) -> usize {
        Self::HEADER_LEN + self.data.len()
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        out.ensure(self.encoded_len())?;
        out.push_array(&[Self::CID, self.base_byte])?;
        out.push(self.data)?;
        out.let_follow(0);
        Ok(())
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, Truncated> {
        let &[base_byte] = input.take::<1>()?;
        let data = input.take_rest();
        // A part has at least one octet, unless it says that there is none.
        if data.is_empty() && base_byte != ERROR_BASE {
            return Err(Truncated { expected: 1, got: 0 });
        }
        Ok(Self { base_byte, data })
    }
}
