//! The integrity code of a data block.

use core::convert::Infallible;

use zeroize::{Zeroize as _, ZeroizeOnDrop};

use super::{Aes128, DataBlockIntKey, SoftwareAes};
use crate::ids::{Descriptor, FragIndex, Mic};

/// Computes a data block's MIC piece by piece (TS004-2.0.0 §5): AES-CMAC over a header and the block without padding.
///
/// ```
/// use fuota_proto::keys::RootKey;
/// use fuota_proto::{Descriptor, FragIndex};
///
/// let key = RootKey::from_gen_app_key([0x2b; 16]).data_block_int_key();
/// let block: Vec<u8> = (0..100).collect();
/// let mic = |piece_len| {
///     let mut mic = key.block_mic(1, FragIndex::MIN, Descriptor([0; 4]), 100);
///     // A device reads the block from flash in pieces of any length.
///     for piece in block.chunks(piece_len) {
///         mic.update(piece)?;
///     }
///     mic.finish()
/// };
/// assert_eq!(mic(100), mic(7));
/// ```
#[derive(Clone)]
pub struct BlockMic<A> {
    key: A,
    state: State,
}

/// What must not stay in memory.
#[derive(Clone, ZeroizeOnDrop)]
struct State {
    /// Chaining value of all full blocks but the last.
    chain: [u8; 16],
    /// Start of the block not enciphered yet: the last one is treated differently, so it waits for more.
    pending: [u8; 16],
    pending_len: usize,
}

impl DataBlockIntKey {
    /// Starts the MIC of a block of `block_len` octets (padding left out) in session `session_cnt` of `frag_index`.
    #[must_use]
    pub fn block_mic(
        &self,
        session_cnt: u16,
        frag_index: FragIndex,
        descriptor: Descriptor,
        block_len: u32,
    ) -> BlockMic<SoftwareAes> {
        BlockMic::new(self.aes(), session_cnt, frag_index, descriptor, block_len)
    }

    /// The MIC of a block that lies in memory, padding left out.
    ///
    /// Only the low 32 bits of its length count, as in the standard.
    #[must_use]
    pub fn mic(&self, session_cnt: u16, frag_index: FragIndex, descriptor: Descriptor, block: &[u8]) -> Mic {
        // TS004-2.0.0 §5: the length has four octets; a block has at most 16383 × 255.
        #[allow(clippy::cast_possible_truncation)]
        let mut mic = self.block_mic(session_cnt, frag_index, descriptor, block.len() as u32);
        let result: Result<Mic, Infallible> = mic.update(block).and_then(|()| mic.finish());
        super::infallible(result)
    }
}

impl<A: Aes128> BlockMic<A> {
    /// As [`DataBlockIntKey::block_mic`], for a DataBlockIntKey that may live in a secure element.
    #[must_use]
    pub fn new(
        key: A,
        session_cnt: u16,
        frag_index: FragIndex,
        descriptor: Descriptor,
        block_len: u32,
    ) -> Self {
        let [count_low, count_high] = session_cnt.to_le_bytes();
        let [d0, d1, d2, d3] = descriptor.0;
        let [l0, l1, l2, l3] = block_len.to_le_bytes();
        let header =
            [0x49, count_low, count_high, frag_index.get(), d0, d1, d2, d3, 0, 0, 0, 0, l0, l1, l2, l3];
        Self { key, state: State { chain: [0; 16], pending: header, pending_len: 16 } }
    }

    /// Takes the next piece of the block, of any length.
    ///
    /// # Errors
    /// Those of the [`Aes128`].
    pub fn update(&mut self, mut piece: &[u8]) -> Result<(), A::Error> {
        while !piece.is_empty() {
            if self.state.pending_len == 16 {
                self.state.absorb(&self.key)?;
            }
            let room = self.state.pending.get_mut(self.state.pending_len..).unwrap_or_default();
            let taken = room.len().min(piece.len());
            let (now, later) = piece.split_at(taken);
            room.iter_mut().zip(now).for_each(|(octet, new)| *octet = *new);
            self.state.pending_len += taken;
            piece = later;
        }
        Ok(())
    }

    /// The MIC of all pieces.
    ///
    /// # Errors
    /// Those of the [`Aes128`].
    pub fn finish(mut self) -> Result<Mic, A::Error> {
        // RFC 4493 §2.3: the last block is masked with K1 if full, otherwise ended with a 1 bit and masked with K2.
        let mut mask = [0; 16];
        self.key.encrypt_block(&mut mask)?;
        mask = doubled(mask);
        if let Some(end) = self.state.pending.get_mut(self.state.pending_len..)
            && let Some((first, rest)) = end.split_first_mut()
        {
            *first = 0x80;
            rest.fill(0);
            mask = doubled(mask);
        }
        self.state.pending.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
        mask.zeroize();
        self.state.absorb(&self.key)?;
        let [a, b, c, d, ..] = self.state.chain;
        Ok(Mic([a, b, c, d]))
    }
}

impl State {
    /// Enciphers the pending block into the chain.
    fn absorb<A: Aes128>(&mut self, key: &A) -> Result<(), A::Error> {
        self.chain.iter_mut().zip(self.pending).for_each(|(chain, octet)| *chain ^= octet);
        self.pending_len = 0;
        key.encrypt_block(&mut self.chain)
    }
}

/// Multiplication by x in GF(2^128) (RFC 4493 §2.3).
fn doubled(block: [u8; 16]) -> [u8; 16] {
    let value = u128::from_be_bytes(block);
    // Without a branch on the key's bits.
    ((value << 1) ^ ((value >> 127) * 0x87)).to_be_bytes()
}

impl<A> core::fmt::Debug for BlockMic<A> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BlockMic(..)")
    }
}
