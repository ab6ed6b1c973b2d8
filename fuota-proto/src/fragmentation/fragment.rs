//! The command that carries the data.

use thiserror::Error;

use crate::command::Command;
use crate::cursor::{Reader, Writer};
use crate::error::{EncodeError, Truncated};
use crate::field::Field as _;
use crate::ids::{FragIndex, FragN};

/// One fragment of a data block, uncoded or coded (TS004-1.0.0 §3.6).
///
/// It takes the rest of its payload as data and must be alone in it, so nothing can be written after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct DataFragment<'a> {
    /// The session.
    pub frag_index: FragIndex,
    /// Number of the fragment, counted from 1; beyond NbFrag it is a coded one.
    pub n: FragN,
    /// FragSize octets, borrowed from the payload.
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

impl DataFragment<'_> {
    /// Octets before the data: CID, index and number.
    pub const HEADER_LEN: usize = 3;
    const MAX_DATA: usize = 255;

    /// Checks that the fragment means something, given the length of the payload it came in.
    ///
    /// # Errors
    /// [`FragmentError`] if N is 0, there are no data or more than 255 octets, or the payload holds other commands.
    pub fn validate(&self, payload_len: usize) -> Result<(), FragmentError> {
        // TS004-2.0.0 §3.6: N starts from 1.
        if !self.n.is_valid() {
            return Err(FragmentError::NumberZero);
        }
        if self.data.is_empty() || self.data.len() > Self::MAX_DATA {
            return Err(FragmentError::Size { got: self.data.len() });
        }
        // TS004-1.0.0 §1: the only command in its message.
        if payload_len != self.encoded_len() {
            return Err(FragmentError::NotAlone);
        }
        Ok(())
    }
}

/// Why a [`DataFragment`] must be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FragmentError {
    /// Fragments count from 1.
    #[error("fragment number 0")]
    NumberZero,
    /// FragSize is within 1 to 255 octets.
    #[error("a fragment of {got} octets")]
    Size {
        /// Octets found.
        got: usize,
    },
    /// It shares its payload with other commands.
    #[error("a fragment must be alone in its payload")]
    NotAlone,
}

impl<'a> Command<'a> for DataFragment<'a> {
    const CID: u8 = 0x08;
    const MAX_LEN: usize = Self::HEADER_LEN + Self::MAX_DATA;

    #[inline]
    fn encoded_len(&self) -> usize {
        Self::HEADER_LEN + self.data.len()
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        let mut header = [Self::CID, 0, 0];
        self.n.store(&mut header, 8);
        self.frag_index.store(&mut header, 8 + FragN::BITS);
        out.ensure(self.encoded_len())?;
        out.push_array(&header)?;
        out.push(self.data)?;
        out.let_follow(0);
        Ok(())
    }

    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, Truncated> {
        let body = input.take::<2>()?;
        Ok(Self {
            n: FragN::load(body, 0),
            frag_index: FragIndex::load(body, FragN::BITS),
            data: input.take_rest(),
        })
    }
}
