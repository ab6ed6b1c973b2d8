//! What a command is, and the macro that declares those with a fixed layout.

use crate::cursor::{Reader, Writer};
use crate::error::{EncodeError, Truncated};

/// One command of a package: a CID and the body that follows it.
pub trait Command<'a>: Sized {
    /// Command identifier, the first octet.
    const CID: u8;
    /// Length of the longest form in octets, CID included.
    const MAX_LEN: usize;

    /// Length of this command in octets, CID included.
    fn encoded_len(&self) -> usize;

    /// Appends the command, CID first. Reserved bits are written as 0.
    ///
    /// # Errors
    /// [`EncodeError`] if it does not fit or nothing may follow what stands before; nothing is written then.
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError>;

    /// Reads the body that follows the CID. Reserved bits are ignored.
    ///
    /// # Errors
    /// [`Truncated`] if the input ends before the body does.
    fn decode(input: &mut Reader<'a>) -> Result<Self, Truncated>;

    /// Writes the command alone into `buffer` and returns its length in octets.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`] if it does not fit.
    fn encode_to_slice(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        let mut out = Writer::new(buffer);
        self.encode(&mut out)?;
        Ok(out.len())
    }
}

/// Declares a command whose fields have fixed places: one declaration gives the struct with its documentation,
/// both directions of the codec, and what the features add.
///
/// Fields stand in wire order, least significant bit first; `[n rfu]` after one skips reserved bits.
macro_rules! command {
    (
        $(#[$doc:meta])*
        pub struct $name:ident = $cid:literal {$(
            $(#[$field_doc:meta])*
            $field:ident: $ty:ty $([$rfu:literal rfu])?
        ),* $(,)?}
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        pub struct $name {$(
            $(#[$field_doc])*
            pub $field: $ty,
        )*}

        impl $name {
            const BODY_BITS: usize = 0 $(+ <$ty as $crate::field::Field>::BITS $(+ $rfu)?)*;
            const BODY_LEN: usize = Self::BODY_BITS.div_ceil(8);
        }

        // A forgotten reserved bit is an error of the declaration.
        const _: () = assert!($name::BODY_BITS % 8 == 0);

        impl $crate::Command<'_> for $name {
            const CID: u8 = $cid;
            const MAX_LEN: usize = 1 + Self::BODY_LEN;

            #[inline]
            fn encoded_len(&self) -> usize {
                Self::MAX_LEN
            }

            #[inline]
            fn encode(&self, out: &mut $crate::Writer<'_>) -> Result<(), $crate::EncodeError> {
                #[allow(unused_mut)]
                let mut octets = [0; 1 + Self::BODY_LEN];
                octets[0] = $cid;
                // Sums of constants: the compiler knows every place.
                let _at = 8;
                $(
                    $crate::field::Field::store(self.$field, &mut octets, _at);
                    let _at = _at + <$ty as $crate::field::Field>::BITS $(+ $rfu)?;
                )*
                out.push_array(&octets)
            }

            #[inline]
            fn decode(input: &mut $crate::Reader<'_>) -> Result<Self, $crate::Truncated> {
                let _body = input.take::<{ Self::BODY_LEN }>()?;
                let _at = 0;
                $(
                    let $field = <$ty as $crate::field::Field>::load(_body, _at);
                    let _at = _at + <$ty as $crate::field::Field>::BITS $(+ $rfu)?;
                )*
                Ok(Self { $($field),* })
            }
        }
    };
}
pub(crate) use command;

/// Declares the error bits of an answer: the flags of its struct with the standard's names for them. The comment says
/// what it means that none is set.
#[allow(unused_macros, reason = "a build may have no package at all")]
macro_rules! error_bits {
    (
        $(#[$doc:meta])*
        $answer:ident {$($flag:ident = $name:literal),+ $(,)?}
    ) => {
        impl $answer {
            $(#[$doc])*
            #[must_use]
            pub const fn is_ok(&self) -> bool {
                !($(self.$flag)||+)
            }

            /// The standard's names of the error bits that are set.
            pub fn error_names(&self) -> impl Iterator<Item = &'static str> + use<> {
                [$((self.$flag, $name)),+].into_iter().filter_map(|(is_set, name)| is_set.then_some(name))
            }
        }
    };
}
#[allow(unused_imports, reason = "a build may have no package at all")]
pub(crate) use error_bits;
