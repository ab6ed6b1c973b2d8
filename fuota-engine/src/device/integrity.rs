//! What the server says of a data block so that a device can tell whether it has the right one.

use fuota_fec::{FragmentStore, Geometry, for_each_piece};
use fuota_proto::keys::{Aes128, BlockMic};
use fuota_proto::{Descriptor, FragIndex, Mic};

/// The integrity code of a data block, and everything that enters it (TS004-2.0.0 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockIntegrity {
    /// The shape of the block.
    pub geometry: Geometry,
    /// Its session.
    pub frag_index: FragIndex,
    /// What the server said it is.
    pub descriptor: Descriptor,
    /// Counts the sessions of the index.
    pub session_cnt: u16,
    /// The code that the server computed with this device's key.
    pub mic: Mic,
}

impl BlockIntegrity {
    /// Whether the block in `store` has the code. `key` is AES-128 with the device's DataBlockIntKey: a secure
    /// element's handle, or [`DataBlockIntKey::aes`](fuota_proto::keys::DataBlockIntKey::aes).
    ///
    /// Reads the whole block once, a fragment at a time; 50 KiB take 3,200 encryptions.
    ///
    /// # Errors
    /// [`VerifyError`] if the store cannot be read or the key cannot be used: the block may still be right.
    pub fn verify<A: Aes128, S: FragmentStore>(
        &self,
        key: A,
        store: &mut S,
    ) -> Result<bool, VerifyError<S::Error, A::Error>> {
        // TS004-2.0.0 §5: the length without padding. A block has at most 16383 × 255 octets.
        let block_len = u32::try_from(self.geometry.image_len()).unwrap_or(u32::MAX);
        let mut mic = BlockMic::new(key, self.session_cnt, self.frag_index, self.descriptor, block_len);
        let mut taken = Ok(());
        let read = for_each_piece(store, self.geometry, |piece| {
            if taken.is_ok() {
                taken = mic.update(piece);
            }
        });
        read.map_err(VerifyError::Store)?;
        taken.map_err(VerifyError::Key)?;
        Ok(mic.finish().map_err(VerifyError::Key)? == self.mic)
    }
}

/// Why it could not be found out whether a block is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError<S, K> {
    /// The store could not be read.
    #[error("the data block cannot be read")]
    Store(S),
    /// The key could not be used.
    #[error("the key of the data block's integrity code cannot be used")]
    Key(K),
}
