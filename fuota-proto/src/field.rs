//! A value with a width on the wire, and the macros that declare such types.

use crate::cursor::{load_bits, store_bits};

/// A value that occupies a fixed number of bits of a command.
///
/// Every bit pattern of that width is a value, so loading cannot fail and storing cannot lose anything.
pub(crate) trait Field: Copy {
    /// Width in bits.
    const BITS: usize;
    /// Reads the value from bit `at` of a command's body.
    fn load(body: &[u8], at: usize) -> Self;
    /// Writes the value to bit `at` of a command's body, where all bits are 0.
    fn store(self, body: &mut [u8], at: usize);
}

impl Field for bool {
    const BITS: usize = 1;

    #[inline]
    fn load(body: &[u8], at: usize) -> Self {
        load_bits(body, at, 1) != 0
    }

    #[inline]
    fn store(self, body: &mut [u8], at: usize) {
        store_bits(body, at, 1, u32::from(self));
    }
}

macro_rules! unsigned {
    ($($int:ty),*) => {$(
        impl Field for $int {
            const BITS: usize = <$int>::BITS as usize;

            // Loading masks to the width, so the cast loses nothing.
            #[allow(clippy::cast_possible_truncation)]
            #[inline]
            fn load(body: &[u8], at: usize) -> Self {
                load_bits(body, at, <Self as Field>::BITS) as Self
            }

            #[inline]
            fn store(self, body: &mut [u8], at: usize) {
                store_bits(body, at, <Self as Field>::BITS, u32::from(self));
            }
        }
    )*};
}
unsigned!(u8, u16, u32);

impl Field for i32 {
    const BITS: usize = 32;

    #[inline]
    fn load(body: &[u8], at: usize) -> Self {
        load_bits(body, at, 32).cast_signed()
    }

    #[inline]
    fn store(self, body: &mut [u8], at: usize) {
        store_bits(body, at, 32, self.cast_unsigned());
    }
}

/// Octet strings start at octet boundaries in every command that has one.
impl<const N: usize> Field for [u8; N] {
    const BITS: usize = 8 * N;

    #[inline]
    fn load(body: &[u8], at: usize) -> Self {
        body.get(at / 8..).and_then(|from| from.first_chunk()).copied().unwrap_or([0; N])
    }

    #[inline]
    fn store(self, body: &mut [u8], at: usize) {
        if let Some(room) = body.get_mut(at / 8..).and_then(|from| from.first_chunk_mut()) {
            *room = self;
        }
    }
}

/// Declares numbers bounded by their width on the wire, with a strict constructor for senders.
macro_rules! bounded {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident($int:ty): $bits:literal bits, $min:literal..=$max:literal;
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name($int);

        impl $name {
            /// Smallest value that a sender may use.
            pub const MIN: Self = Self($min);
            /// Largest value that a sender may use.
            pub const MAX: Self = Self($max);

            /// A value for sending.
            ///
            /// # Errors
            #[doc = concat!("[`OutOfRange`](crate::OutOfRange) outside ", $min, "..=", $max, ".")]
            pub const fn new(value: $int) -> Result<Self, $crate::OutOfRange> {
                if value >= Self::MIN.0 && value <= Self::MAX.0 {
                    Ok(Self(value))
                } else {
                    Err($crate::OutOfRange { min: $min, max: $max, got: value as u32 })
                }
            }

            #[doc = concat!("The value that the low ", $bits, " bits stand for on the wire, whether it means anything or not.")]
            #[must_use]
            pub const fn from_wire(value: $int) -> Self {
                Self(value & (<$int>::MAX >> (<$int>::BITS - $bits)))
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> $int {
                self.0
            }

            /// Whether the value means something: what [`new`](Self::new) accepts.
            #[must_use]
            pub const fn is_valid(self) -> bool {
                self.0 >= Self::MIN.0 && self.0 <= Self::MAX.0
            }
        }

        impl $crate::field::Field for $name {
            const BITS: usize = $bits;

            // Loading masks to the width, so the cast loses nothing.
            #[allow(clippy::cast_possible_truncation)]
            #[inline]
            fn load(body: &[u8], at: usize) -> Self {
                Self($crate::cursor::load_bits(body, at, $bits) as $int)
            }

            #[inline]
            fn store(self, body: &mut [u8], at: usize) {
                $crate::cursor::store_bits(body, at, $bits, u32::from(self.0));
            }
        }

        impl TryFrom<$int> for $name {
            type Error = $crate::OutOfRange;

            fn try_from(value: $int) -> Result<Self, Self::Error> {
                Self::new(value)
            }
        }

        impl From<$name> for $int {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        // As wide as the wire: what a device sent must come back from a record.
        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <$int>::deserialize(deserializer)?;
                if Self::from_wire(value).0 == value {
                    Ok(Self(value))
                } else {
                    Err(serde::de::Error::custom(format_args!(
                        concat!(stringify!($name), " {} is wider than ", $bits, " bits"),
                        value
                    )))
                }
            }
        }

        #[cfg(feature = "arbitrary")]
        impl<'a> arbitrary::Arbitrary<'a> for $name {
            fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
                Ok(Self::from_wire(u.arbitrary()?))
            }
        }
    )*};
}
pub(crate) use bounded;

/// Declares octet strings: in wire order, printed and written in JSON as hex.
macro_rules! octets {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident($len:literal octets);
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        pub struct $name(pub [u8; $len]);

        impl $crate::field::Field for $name {
            const BITS: usize = <[u8; $len] as $crate::field::Field>::BITS;

            #[inline]
            fn load(body: &[u8], at: usize) -> Self {
                Self($crate::field::Field::load(body, at))
            }

            #[inline]
            fn store(self, body: &mut [u8], at: usize) {
                self.0.store(body, at);
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(octets: [u8; $len]) -> Self {
                Self(octets)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                $crate::hex::Hex(&self.0).fmt(f)
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), $crate::hex::Hex(&self.0))
            }
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name {
            fn format(&self, f: defmt::Formatter<'_>) {
                defmt::write!(f, "{=[u8]:02x}", self.0);
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::hex::serialize(&self.0, serializer)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::hex::deserialize(deserializer).map(Self)
            }
        }
    )*};
}
pub(crate) use octets;
