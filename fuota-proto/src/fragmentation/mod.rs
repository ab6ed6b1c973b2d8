//! Fragmented data block transport (TS004), FPort 201 by default.
//!
//! A server describes a data block with FragSessionSetupReq, sends its fragments with [`DataFragment`] by unicast or
//! multicast, and asks with [`FragSessionStatusReq`] what is missing.

mod fragment;
#[cfg(feature = "ts004-v2")]
mod status;
#[cfg(feature = "ts004-v1")]
pub mod v1;
#[cfg(feature = "ts004-v2")]
pub mod v2;

pub use fragment::{DataFragment, FragmentError};

use thiserror::Error;

use crate::command::command;
use crate::ids::{FragAlgo, FragIndex, NbFrag};

/// FPort that devices listen on unless configured otherwise.
pub const DEFAULT_PORT: u8 = 201;
/// Identifier of the package.
pub const PACKAGE_IDENTIFIER: u8 = 3;

command! {
    /// Asks for the state of a session; may be sent by multicast (TS004-1.0.0 §3.2).
    pub struct FragSessionStatusReq = 0x01 {
        /// Who answers: everyone if set, otherwise only those who still miss fragments.
        participants: bool,
        /// The session.
        frag_index: FragIndex [5 rfu],
    }
}

command! {
    /// Ends a session and frees its memory (TS004-1.0.0 §3.4).
    pub struct FragSessionDeleteReq = 0x03 {
        /// The session.
        frag_index: FragIndex [6 rfu],
    }
}

command! {
    /// Answer to [`FragSessionDeleteReq`] (TS004-1.0.0 §3.4).
    pub struct FragSessionDeleteAns = 0x03 {
        /// The session asked for.
        frag_index: FragIndex,
        /// There was none.
        session_does_not_exist: bool [5 rfu],
    }
}

impl FragSessionDeleteAns {
    /// Whether the session was there and is deleted.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        !self.session_does_not_exist
    }
}

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
fn check_setup(nb_frag: NbFrag, frag_size: u8, padding: u8, frag_algo: FragAlgo) -> Result<(), SetupError> {
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
const fn block_len(nb_frag: NbFrag, frag_size: u8, padding: u8) -> u32 {
    (nb_frag.get() as u32 * frag_size as u32).saturating_sub(padding as u32)
}
