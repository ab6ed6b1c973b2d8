//! What a session can be, which is the same in both versions though its fields have other names.

use thiserror::Error;

use crate::ids::{FragAlgo, NbFrag};

/// Why no session can be what a FragSessionSetupReq describes. A device answers with the bit "FragAlgo unsupported"
/// (TS004-2.0.0 §3.3; "encoding unsupported" in TS004-1.0.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SetupError {
    /// NbFrag is 0, or more than the 14 bits of a fragment number can count.
    #[error("NbFrag {got} is not within 1..=16383")]
    NbFrag {
        /// The NbFrag requested.
        got: u16,
    },
    /// Fragments without octets.
    #[error("FragSize is 0")]
    FragSize,
    /// More padding than the last fragment holds.
    #[error("padding of {padding} octets in fragments of {frag_size}")]
    Padding {
        /// The padding requested.
        padding: u8,
        /// The fragment size requested.
        frag_size: u8,
    },
    /// A code that the standard does not define.
    #[error("FragAlgo {got} is reserved")]
    FragAlgo {
        /// The FragAlgo requested.
        got: u8,
    },
}

/// What both versions demand of a session.
pub(super) fn check(
    nb_frag: NbFrag,
    frag_size: u8,
    padding: u8,
    frag_algo: FragAlgo,
) -> Result<(), SetupError> {
    // TS004-1.0.0 §3.3: FragAlgo 1 to 7 are reserved.
    if frag_algo != FragAlgo::FEC {
        return Err(SetupError::FragAlgo { got: frag_algo.get() });
    }
    // TS004-1.0.0 §3.3: N has 14 bits and counts from 1.
    if !nb_frag.is_valid() {
        return Err(SetupError::NbFrag { got: nb_frag.get() });
    }
    if frag_size == 0 {
        return Err(SetupError::FragSize);
    }
    // TS004-1.0.0 §3.3: the padding ends the last fragment, and the block ends within it.
    if padding >= frag_size {
        return Err(SetupError::Padding { padding, frag_size });
    }
    Ok(())
}

/// Length in octets of the data block without its padding; 0 if the padding exceeds it.
pub(super) const fn block_len(nb_frag: NbFrag, frag_size: u8, padding: u8) -> u32 {
    (nb_frag.get() as u32 * frag_size as u32).saturating_sub(padding as u32)
}

/// Declares what both versions of FragSessionSetupReq and its answer can do.
macro_rules! setup {
    (algo $algo:ident, refused as $unsupported:ident, errors {$($error:ident = $name:literal),+ $(,)?}) => {
        $crate::command::error_bits! {
            /// Whether the device accepted the session.
            FragSessionSetupAns { $($error = $name),+ }
        }

        impl FragSessionSetupReq {
            /// Checks that a session can be like this. What a device has room for, and which sessions it has seen, is
            /// its own matter.
            ///
            /// # Errors
            /// [`SetupError`]; [`FragSessionSetupAns::refusing`] turns it into the answer.
            pub fn validate(&self) -> Result<(), SetupError> {
                $crate::fragmentation::setup::check(self.nb_frag, self.frag_size, self.padding, self.$algo)
            }

            /// Length in octets of the data block, padding left out.
            #[must_use]
            pub const fn block_len(&self) -> u32 {
                $crate::fragmentation::setup::block_len(self.nb_frag, self.frag_size, self.padding)
            }
        }

        impl FragSessionSetupAns {
            /// Accepts the session.
            #[must_use]
            pub const fn accepting(frag_index: FragIndex) -> Self {
                Self { frag_index, $($error: false),+ }
            }

            /// Refuses a session that cannot be: whatever is wrong, it is for want of a code that could carry it.
            #[must_use]
            pub const fn refusing(frag_index: FragIndex, error: SetupError) -> Self {
                match error {
                    SetupError::FragAlgo { .. }
                    | SetupError::NbFrag { .. }
                    | SetupError::FragSize
                    | SetupError::Padding { .. } => Self { $unsupported: true, ..Self::accepting(frag_index) },
                }
            }
        }
    };
}
pub(super) use setup;
