//! What a [`DeviceSession`](super::DeviceSession) needs of the hardware around it.

use fuota_fec::{FragmentStore, Geometry};
use fuota_proto::keys::McKey;
use fuota_proto::{DataRate, Frequency};
use fuota_proto::{Descriptor, EncryptedMcKey, FragIndex};

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

    /// Whether the radio can listen on this frequency.
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
