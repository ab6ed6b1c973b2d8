//! TS004-1.0.0.

pub use super::{
    DEFAULT_PORT, DataFragment, FragSessionDeleteAns, FragSessionDeleteReq, FragSessionStatusReq,
    PACKAGE_IDENTIFIER, SetupError,
};
pub use crate::version::{PackageVersionAns, PackageVersionReq};

use crate::command::{command, error_bits};
use crate::ids::{Descriptor, FragAlgo, FragCount, FragIndex, GroupMask, NbFrag};
use crate::package::package;
use crate::units::BlockAckDelay;

/// Version of the package.
pub const PACKAGE_VERSION: u8 = 1;

package! {
    /// What a server sends (TS004-1.0.0 §2).
    pub enum Downlink<'a> {
        /// Which version do you speak?
        PackageVersionReq(PackageVersionReq),
        /// What is missing?
        FragSessionStatusReq(FragSessionStatusReq),
        /// Prepare for a data block.
        FragSessionSetupReq(FragSessionSetupReq),
        /// Forget a session.
        FragSessionDeleteReq(FragSessionDeleteReq),
        /// A piece of the data block.
        DataFragment(DataFragment<'a>) as borrowed,
    }
}

package! {
    /// What a device sends (TS004-1.0.0 §2).
    pub enum Uplink {
        /// Answer to [`PackageVersionReq`].
        PackageVersionAns(PackageVersionAns),
        /// Answer to [`FragSessionStatusReq`].
        FragSessionStatusAns(FragSessionStatusAns),
        /// Answer to [`FragSessionSetupReq`].
        FragSessionSetupAns(FragSessionSetupAns),
        /// Answer to [`FragSessionDeleteReq`].
        FragSessionDeleteAns(FragSessionDeleteAns),
    }
}

command! {
    /// Answer to [`FragSessionStatusReq`], delayed at random (TS004-1.0.0 §3.2).
    pub struct FragSessionStatusAns = 0x01 {
        /// Fragments received since the session was set up: coded, uncoded and repeats. Some devices report the last
        /// number instead, so it is for information only.
        nb_frag_received: FragCount,
        /// The session.
        frag_index: FragIndex,
        /// Independent fragments still needed, 255 for 255 or more; 0 once the block is whole.
        missing_frag: u8,
        /// More fragments were lost than the device has memory to recover.
        not_enough_matrix_memory: bool [7 rfu],
    }
}

error_bits! {
    /// Whether the device reports no error.
    FragSessionStatusAns { not_enough_matrix_memory = "NotEnoughMatrixMemory" }
}

impl FragSessionStatusAns {
    /// Whether the block is whole, without an error.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.is_ok() && self.missing_frag == 0
    }
}

command! {
    /// Prepares a device for a data block (TS004-1.0.0 §3.3).
    pub struct FragSessionSetupReq = 0x02 {
        /// Multicast groups whose fragments count; unicast ones always do.
        mc_group_bit_mask: GroupMask,
        /// The session. An existing one must be deleted first.
        frag_index: FragIndex [2 rfu],
        /// Uncoded fragments of the block.
        nb_frag: NbFrag,
        /// Octets in each fragment, 1 to 255.
        frag_size: u8,
        /// Window of the random delay of answers.
        block_ack_delay: BlockAckDelay,
        /// The code; only 0 is defined. The standard also calls it FragAlgo.
        fragmentation_matrix: FragAlgo [2 rfu],
        /// Octets at the end of the last fragment that are not part of the block, fewer than FragSize.
        padding: u8,
        /// What the block is.
        descriptor: Descriptor,
    }
}

command! {
    /// Answer to [`FragSessionSetupReq`] (TS004-1.0.0 §3.3).
    pub struct FragSessionSetupAns = 0x02 {
        /// The device does not know this code.
        encoding_unsupported: bool,
        /// The device has no room for the block.
        not_enough_memory: bool,
        /// The device has fewer sessions.
        frag_session_index_not_supported: bool,
        /// The device does not want this block.
        wrong_descriptor: bool [2 rfu],
        /// The session asked for.
        frag_index: FragIndex,
    }
}

super::setup::setup! {
    algo fragmentation_matrix, refused as encoding_unsupported, errors {
        encoding_unsupported = "EncodingUnsupported",
        not_enough_memory = "NotEnoughMemory",
        frag_session_index_not_supported = "FragSessionIndexNotSupported",
        wrong_descriptor = "WrongDescriptor",
    }
}
