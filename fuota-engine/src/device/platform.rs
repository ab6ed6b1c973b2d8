//! What a [`DeviceSession`](super::DeviceSession) needs of the hardware around it.

use fuota_fec::{FragmentStore, Geometry};
use fuota_proto::firmware::v1::{DevUpgradeImageAns, DevVersionAns};
use fuota_proto::keys::McKey;
use fuota_proto::{DataRate, Frequency};
use fuota_proto::{Descriptor, EncryptedMcKey, FragIndex};

use super::integrity::BlockIntegrity;
use super::output::MAX_UPLINK;

/// The hardware of a device, as far as its session needs it.
pub trait Platform {
    /// Memory of the decoder's bit matrix: an array, or a borrowed part of one. Dropped with its session.
    type Words: AsRef<[u32]> + AsMut<[u32]>;
    /// Where the bytes of a data block go. Dropped with its session.
    type Store: FragmentStore;

    /// Unwraps a group key with the device's McKEKey (TS005-1.0.0 §4), which may live in a secure element;
    /// [`McKeKey`](fuota_proto::keys::McKeKey) does it in software.
    fn unwrap_mc_key(&mut self, encrypted: &EncryptedMcKey) -> McKey;

    /// A uniformly distributed number: it spreads the answers of a whole group over time.
    fn random(&mut self) -> u32;

    /// Whether a data block like this can be taken. A session that is open under the same index is still there, and
    /// stays if the block is refused here. By default nothing is refused before [`open`](Self::open).
    ///
    /// # Errors
    /// [`Refusal`], which is what the server will read in the answer.
    fn admit(
        &mut self,
        frag_index: FragIndex,
        geometry: Geometry,
        descriptor: Descriptor,
    ) -> Result<(), Refusal> {
        let _ = (frag_index, geometry, descriptor);
        Ok(())
    }

    /// Memory for a data block, or the reason to refuse it. A session that was open under the same index has
    /// been dropped by then.
    ///
    /// # Errors
    /// [`Refusal`], which is what the server will read in the answer.
    fn open(
        &mut self,
        frag_index: FragIndex,
        geometry: Geometry,
        descriptor: Descriptor,
    ) -> Result<Memory<Self::Words, Self::Store>, Refusal>;

    /// SessionCntPrev of an index, from non-volatile memory; `None` before the first session (TS004-2.0.0 §3.3).
    fn session_cnt_prev(&self, frag_index: FragIndex) -> Option<u16>;

    /// Keeps SessionCntPrev of an index for ever: a reset must not bring an old session back. Called at the first
    /// fragment of each session of version 2.
    fn set_session_cnt_prev(&mut self, frag_index: FragIndex, session_cnt: u16);

    /// Whether the data block in `store` has its integrity code: [`BlockIntegrity::verify`] with the device's
    /// DataBlockIntKey, which may live in a secure element. A block that cannot be checked is not to be trusted.
    ///
    /// Devices of version 1 are not asked. Without a key, no block of version 2 is right, which is what happens by
    /// default.
    fn verify(&mut self, integrity: &BlockIntegrity, store: &mut Self::Store) -> bool {
        let _ = (integrity, store);
        false
    }

    /// What the device runs, and on what (TS006-1.0.0 §2.2).
    fn version(&self) -> DevVersionAns;

    /// The image that waits to be installed by a reboot, authenticated and compared with the hardware
    /// (TS006-1.0.0 §2.5). By default there is none.
    fn upgrade_image(&mut self) -> DevUpgradeImageAns {
        DevUpgradeImageAns::NoImage
    }

    /// Throws that image away. Called only if there is a valid one.
    fn delete_image(&mut self) {}

    /// Whether the radio can listen on this frequency. In class B it may be [`Frequency::HOPPING`].
    fn frequency_usable(&self, frequency: Frequency) -> bool;

    /// Whether the region defines this data rate.
    fn data_rate_usable(&self, data_rate: DataRate) -> bool;

    /// Octets of payload that an uplink may carry now; more than [`MAX_UPLINK`] are not used. `None` while nothing
    /// can be sent: answers then wait, and the session is to be polled when that has changed.
    fn max_uplink(&self) -> Option<usize> {
        Some(MAX_UPLINK)
    }
}

/// What a fragmentation session works in.
#[derive(Debug)]
pub struct Memory<W, S> {
    /// At least [`fuota_fec::words`] words for the geometry and `max_lost`.
    pub words: W,
    /// How many lost fragments the words suffice for.
    pub max_lost: u16,
    /// Where the bytes go.
    pub store: S,
}

/// Why a device does not take a data block: the bits of FragSessionSetupAns (TS004-1.0.0 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is too large, or cut into too many fragments.
    NotEnoughMemory,
    /// The device does not want what the descriptor describes.
    WrongDescriptor,
}
