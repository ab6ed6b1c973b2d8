//! TS004-2.0.0.

pub use super::status::{FragSessionReport, FragSessionStatusAns, SessionReport};
pub use super::{
    DEFAULT_PORT, DataFragment, FragSessionDeleteAns, FragSessionDeleteReq, FragSessionStatusReq,
    PACKAGE_IDENTIFIER, SetupError,
};
pub use crate::version::{PackageVersionAns, PackageVersionReq};

use crate::command::{command, error_bits};
use crate::ids::{Descriptor, FragAlgo, FragIndex, GroupMask, Mic, NbFrag};
use crate::package::package;
use crate::units::BlockAckDelay;

/// Version of the package.
pub const PACKAGE_VERSION: u8 = 2;

package! {
    /// What a server sends (TS004-2.0.0 §2).
    pub enum Downlink<'a> {
        /// Which version do you speak?
        PackageVersionReq(PackageVersionReq),
        /// What is missing?
        FragSessionStatusReq(FragSessionStatusReq),
        /// Prepare for a data block.
        FragSessionSetupReq(FragSessionSetupReq),
        /// Forget a session.
        FragSessionDeleteReq(FragSessionDeleteReq),
        /// Answer to [`FragDataBlockReceivedReq`].
        FragDataBlockReceivedAns(FragDataBlockReceivedAns),
        /// A piece of the data block.
        DataFragment(DataFragment<'a>) as borrowed,
    }
}

package! {
    /// What a device sends (TS004-2.0.0 §2).
    pub enum Uplink {
        /// Answer to [`PackageVersionReq`].
        PackageVersionAns(PackageVersionAns),
        /// Answer to [`FragSessionStatusReq`].
        FragSessionStatusAns(FragSessionStatusAns),
        /// Answer to [`FragSessionSetupReq`].
        FragSessionSetupAns(FragSessionSetupAns),
        /// Answer to [`FragSessionDeleteReq`].
        FragSessionDeleteAns(FragSessionDeleteAns),
        /// The block is whole.
        FragDataBlockReceivedReq(FragDataBlockReceivedReq),
    }
}

command! {
    /// Prepares a device for a data block (TS004-2.0.0 §3.3).
    pub struct FragSessionSetupReq = 0x02 {
        /// Multicast groups whose fragments count; unicast ones always do.
        mc_group_bit_mask: GroupMask,
        /// The session. An existing one ends if this one is accepted.
        frag_index: FragIndex [2 rfu],
        /// Uncoded fragments of the block.
        nb_frag: NbFrag,
        /// Octets in each fragment, 1 to 255.
        frag_size: u8,
        /// Window of the random delay of answers.
        block_ack_delay: BlockAckDelay,
        /// The code; only 0 is defined.
        frag_algo: FragAlgo,
        /// Whether the device is to send FragDataBlockReceivedReq once the block is whole.
        ack_reception: bool [1 rfu],
        /// Octets at the end of the last fragment that are not part of the block, fewer than FragSize.
        padding: u8,
        /// What the block is.
        descriptor: Descriptor,
        /// Counts the sessions of this index; a device takes none that it has seen.
        session_cnt: u16,
        /// Integrity code of the block, made with this device's key.
        mic: Mic,
    }
}

command! {
    /// Answer to [`FragSessionSetupReq`] (TS004-2.0.0 §3.3).
    pub struct FragSessionSetupAns = 0x02 {
        /// The device does not know this code.
        frag_algo_unsupported: bool,
        /// The device has no room for the block.
        not_enough_memory: bool,
        /// The device has fewer sessions.
        frag_index_unsupported: bool,
        /// The device does not want this block.
        wrong_descriptor: bool,
        /// The device has seen this SessionCnt, or a later one.
        session_cnt_replay: bool [1 rfu],
        /// The session asked for.
        frag_index: FragIndex,
    }
}

super::setup::setup! {
    algo frag_algo, refused as frag_algo_unsupported, errors {
        frag_algo_unsupported = "FragAlgoUnsupported",
        not_enough_memory = "NotEnoughMemory",
        frag_index_unsupported = "FragIndexUnsupported",
        wrong_descriptor = "WrongDescriptor",
        session_cnt_replay = "SessionCntReplay",
    }
}

command! {
    /// Tells the server that the block is whole, if the session asked for that; delayed at random (TS004-2.0.0 §3.5).
    pub struct FragDataBlockReceivedReq = 0x04 {
        /// The session.
        frag_index: FragIndex,
        /// The block's integrity code is wrong, and the block has been thrown away.
        mic_error: bool [5 rfu],
    }
}

error_bits! {
    /// Whether the device has the block.
    FragDataBlockReceivedReq { mic_error = "MICError" }
}

command! {
    /// Answer to [`FragDataBlockReceivedReq`]: the device need not say it again (TS004-2.0.0 §3.5).
    pub struct FragDataBlockReceivedAns = 0x04 {
        /// The session of the request.
        frag_index: FragIndex [6 rfu],
    }
}
