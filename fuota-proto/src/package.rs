//! The macro that declares the commands of a package in one direction.

/// Declares a package's enum for one direction from its variants. The variant's name is the command's, so that two
/// versions can share a struct under two names.
macro_rules! package {
    (
        $(#[$doc:meta])*
        pub enum $name:ident$(<$a:lifetime>)? {$(
            $(#[$variant_doc:meta])*
            $variant:ident($ty:ty) $(as $how:ident)?
        ),* $(,)?}
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "command", content = "fields"))]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        pub enum $name$(<$a>)? {$(
            $(#[$variant_doc])*
            $variant($ty),
        )*}

        impl$(<$a>)? $name$(<$a>)? {
            /// Length of the longest command in octets, CID included.
            pub const MAX_LEN: usize = {
                let mut longest = 0;
                $(
                    if <$ty as $crate::Command<'_>>::MAX_LEN > longest {
                        longest = <$ty as $crate::Command<'_>>::MAX_LEN;
                    }
                )*
                longest
            };

            /// The standard's name of the command.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {$(
                    Self::$variant(_) => stringify!($variant),
                )*}
            }

            /// Command identifier, the first octet.
            #[must_use]
            pub const fn cid(&self) -> u8 {
                match self {$(
                    Self::$variant(_) => <$ty as $crate::Command<'_>>::CID,
                )*}
            }

            /// Length of this command in octets, CID included.
            #[must_use]
            pub fn encoded_len(&self) -> usize {
                match self {$(
                    Self::$variant(command) => $crate::Command::encoded_len(command),
                )*}
            }

            /// Appends the command, CID first.
            ///
            /// # Errors
            /// [`EncodeError`](crate::EncodeError) if it does not fit or nothing may follow what stands before;
            /// nothing is written then.
            #[inline]
            pub fn encode(&self, out: &mut $crate::Writer<'_>) -> Result<(), $crate::EncodeError> {
                match self {$(
                    Self::$variant(command) => $crate::Command::encode(command, out),
                )*}
            }

            /// Writes the command alone into `buffer` and returns its length in octets.
            ///
            /// # Errors
            /// [`EncodeError::BufferTooSmall`](crate::EncodeError::BufferTooSmall) if it does not fit.
            #[inline]
            pub fn encode_to_slice(&self, buffer: &mut [u8]) -> Result<usize, $crate::EncodeError> {
                let mut out = $crate::Writer::new(buffer);
                self.encode(&mut out)?;
                Ok(out.len())
            }

            /// The command called `name` with its fields from `deserializer`, as [`serde::Serialize`] writes them.
            /// Nothing if the package has no such command in this direction, or if the command borrows octets,
            /// which must be given as they are.
            #[cfg(feature = "serde")]
            pub fn from_fields<'de, D: serde::Deserializer<'de>>(name: &str, deserializer: D) -> Option<Result<Self, D::Error>> {
                $(
                    $crate::package::package!(@field name deserializer $variant($ty) $($how)?);
                )*
                None
            }
        }

        $crate::package::package!(@set $name [$($a)?] $($variant($ty))*);

        $crate::package::package!(@conversions $name [$(<$a>)?] $($variant($ty))*);
    };
    (@field $name:ident $deserializer:ident $variant:ident($ty:ty)) => {
        if $name == stringify!($variant) {
            return Some(<$ty as serde::Deserialize>::deserialize($deserializer).map(Self::$variant));
        }
    };
    (@field $name:ident $deserializer:ident $variant:ident($ty:ty) borrowed) => {};
    (@conversions $name:ident $generics:tt $($variant:ident($ty:ty))*) => {
        $($crate::package::package!(@conversion $name $generics $variant($ty));)*
    };
    (@conversion $name:ident [$($generics:tt)*] $variant:ident($ty:ty)) => {
        impl $($generics)* From<$ty> for $name $($generics)* {
            fn from(command: $ty) -> Self {
                Self::$variant(command)
            }
        }
    };
    (@set $name:ident [] $($variants:tt)*) => {
        $crate::package::package!(@stream ['p] ['p] [] $name $($variants)*);
    };
    (@set $name:ident [$a:lifetime] $($variants:tt)*) => {
        $crate::package::package!(@stream [$a] [] [$a] $name $($variants)*);
    };
    (@stream [$p:lifetime] [$($own:lifetime)?] [$($a:lifetime)?] $name:ident $($variant:ident($ty:ty))*) => {
        impl$(<$a>)? $name$(<$a>)? {
            /// The commands of `payload`, in order.
            #[must_use]
            pub const fn commands$(<$own>)?(payload: &$p [u8]) -> $crate::Commands<$p, Self> {
                $crate::Commands::new(payload)
            }

            /// The first command of `payload`, whatever follows it.
            ///
            /// # Errors
            /// [`DecodeError`](crate::DecodeError) if it cannot be taken; an empty payload is truncated.
            #[inline]
            pub fn decode$(<$own>)?(payload: &$p [u8]) -> Result<Self, $crate::DecodeError> {
                $crate::stream::first(payload)
            }
        }

        #[cfg(feature = "serde")]
        const _: () = {
            #[derive(serde::Deserialize)]
            #[allow(clippy::enum_variant_names, reason = "they are the commands' names")]
            pub(crate) enum Tag {$($variant),*}

            impl<$p> $crate::tagged::Tagged<$p> for $name$(<$a>)? {
                type Tag = Tag;
                const NAME: &'static str = stringify!($name);

                fn fields<D: serde::Deserializer<$p>>(tag: Tag, deserializer: D) -> Result<Self, D::Error> {
                    match tag {$(
                        Tag::$variant => <$ty as serde::Deserialize>::deserialize(deserializer).map(Self::$variant),
                    )*}
                }
            }

            /// The command's name, or its place among the variants, has to come before its fields. A command that
            /// borrows octets can be read from a record that lends them, not from text.
            impl<$p> serde::Deserialize<$p> for $name$(<$a>)? {
                fn deserialize<D: serde::Deserializer<$p>>(deserializer: D) -> Result<Self, D::Error> {
                    $crate::tagged::deserialize(deserializer)
                }
            }
        };

        impl<$p> $crate::CommandSet<$p> for $name$(<$a>)? {
            const MAX_LEN: usize = Self::MAX_LEN;

            #[inline]
            fn decode_body(cid: u8, offset: usize, input: &mut $crate::Reader<$p>) -> Result<Self, $crate::DecodeError> {
                // Straight into the result that is handed out: turning one error type into another would move the
                // command once more, which costs more than reading it.
                let cause = match cid {
                    $(
                        <$ty as $crate::Command<$p>>::CID => match <$ty as $crate::Command<$p>>::decode(input) {
                            Ok(command) => return Ok(Self::$variant(command)),
                            Err(truncated) => $crate::DecodeCause::Truncated(truncated),
                        },
                    )*
                    _ => $crate::DecodeCause::UnknownCid { cid },
                };
                Err($crate::DecodeError { offset, cause })
            }

            fn encode(&self, out: &mut $crate::Writer<'_>) -> Result<(), $crate::EncodeError> {
                self.encode(out)
            }

            fn name(&self) -> &'static str {
                self.name()
            }
        }
    };
}
pub(crate) use package;
