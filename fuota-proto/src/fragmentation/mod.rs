//! Fragmented data block transport (TS004), FPort 201 by default.
//!
//! A server describes a data block with FragSessionSetupReq, sends its fragments with [`DataFragment`] by unicast or
//! multicast, and asks with [`FragSessionStatusReq`] what is missing.

mod fragment;
mod setup;
#[cfg(feature = "ts004-v2")]
mod status;
#[cfg(feature = "ts004-v1")]
pub mod v1;
#[cfg(feature = "ts004-v2")]
pub mod v2;

pub use fragment::{DataFragment, FragmentError};
pub use setup::SetupError;

use crate::command::{command, error_bits};
use crate::ids::FragIndex;

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

error_bits! {
    /// Whether the session was there and is deleted.
    FragSessionDeleteAns { session_does_not_exist = "SessionDoesNotExist" }
}
