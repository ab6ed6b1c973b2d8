//! A decoder on flash that is waited for, and the way out for the data block.

use embedded_storage_async::nor_flash::NorFlash;

use super::layout::to_u32;
use super::{AsyncFlashStore, FlashError};
use crate::store::without_padding;
use crate::{FragmentNumber, InsertError, Op, Progress, Slot, Steps};

impl<F: NorFlash, const K: usize> AsyncFlashStore<'_, F, K> {
    /// Gives a fragment to the decoder, and solves for the lost ones if it was the last one needed.
    ///
    /// If an earlier call was dropped while it wrote, that is brought to its end first.
    ///
    /// # Errors
    /// [`FecError::FragmentLength`](crate::FecError::FragmentLength), those of [`Steps::begin`], or [`InsertError::Store`]: the decoder is in the
    /// state before. If the flash fails while the lost fragments are solved for, the fragment has counted and
    /// [`solve`](Self::solve) goes on.
    pub async fn insert<D: Steps>(
        &mut self,
        decoder: &mut D,
        n: FragmentNumber,
        fragment: &[u8],
    ) -> Result<Progress, InsertError<FlashError<F::Error>>> {
        self.session().geometry.check_len(fragment)?;
        match self.take_up(decoder).await? {
            Some(Progress::Solvable) => return self.solve(decoder).await,
            Some(Progress::Complete) => return Ok(Progress::Complete),
            _ => {}
        }
        decoder.begin(n)?;
        self.buffers.load(fragment);
        match self.carry_out(decoder, None).await? {
            Progress::Solvable => self.solve(decoder).await,
            other => Ok(other),
        }
    }

    /// Solves for what is left, with all accumulators that there are.
    ///
    /// # Errors
    /// Those of [`Steps::begin_solve`], or [`InsertError::Store`]: what has been solved is kept.
    pub async fn solve<D: Steps>(
        &mut self,
        decoder: &mut D,
    ) -> Result<Progress, InsertError<FlashError<F::Error>>> {
        let mut progress = self.take_up(decoder).await?;
        while progress != Some(Progress::Complete) {
            decoder.begin_solve(self.buffers.accumulators())?;
            progress = Some(self.carry_out(decoder, None).await?);
        }
        Ok(Progress::Complete)
    }

    /// Carries out one operation.
    ///
    /// # Errors
    /// [`FlashError::NoSuchSlot`], [`FlashError::SparesUsedUp`], [`FlashError::JournalFull`] and those of the
    /// flash.
    pub async fn apply(&mut self, op: Op) -> Result<(), FlashError<F::Error>> {
        match op {
            Op::Read(slot) => self.read(slot).await?,
            Op::Xor(acc) => self.buffers.xor(acc),
            Op::Clear(acc) => self.buffers.clear(acc),
            Op::Store { acc, slot, entry } => self.save(acc, slot, entry).await?,
            Op::Pause => {}
        }
        Ok(())
    }

    /// Reads the fragment at a 0-based place of the data block, without padding: for its MIC, one after the other.
    ///
    /// # Errors
    /// [`FlashError::NoSuchSlot`] and those of the flash.
    pub async fn piece(&mut self, index: u16) -> Result<&[u8], FlashError<F::Error>> {
        self.read(Slot::Data(index)).await?;
        Ok(without_padding(self.session().geometry, index, self.buffer()))
    }

    /// Copies the data block to erased flash in one piece, through a buffer whose length is a multiple of
    /// what the target can write; what is over at the end is filled up with ones.
    ///
    /// # Errors
    /// `Ok(Err(…))` comes from the target, `Err(…)` from here.
    pub async fn export<T: NorFlash>(
        &mut self,
        target: &mut T,
        at: u32,
        chunk: &mut [u8],
    ) -> Result<Result<(), T::Error>, FlashError<F::Error>> {
        let expected = T::WRITE_SIZE;
        if chunk.is_empty() || !chunk.len().is_multiple_of(expected) {
            return Err(FlashError::BufferTooShort { expected, got: chunk.len() });
        }
        let (mut filled, mut offset) = (0, at);
        for index in 0..self.session().geometry.nb_frag() {
            for octet in self.piece(index).await? {
                if let Some(place) = chunk.get_mut(filled) {
                    *place = *octet;
                }
                filled += 1;
                if filled == chunk.len() {
                    if let Err(error) = target.write(offset, chunk).await {
                        return Ok(Err(error));
                    }
                    offset += to_u32(chunk.len());
                    filled = 0;
                }
            }
        }
        let rest = chunk.get_mut(..filled.next_multiple_of(expected)).unwrap_or_default();
        rest.iter_mut().skip(filled).for_each(|octet| *octet = 0xff);
        if rest.is_empty() {
            return Ok(Ok(()));
        }
        Ok(target.write(offset, rest).await)
    }

    /// What was under way in a call that was dropped: a write is done again, or found to be done; anything else is
    /// given up.
    async fn take_up<D: Steps>(
        &mut self,
        decoder: &mut D,
    ) -> Result<Option<Progress>, InsertError<FlashError<F::Error>>> {
        match self.under_way {
            None => Ok(None),
            Some(op @ Op::Store { .. }) => self.carry_out(decoder, Some(op)).await.map(Some),
            Some(_) => {
                self.under_way = None;
                decoder.abort();
                Ok(None)
            }
        }
    }

    async fn carry_out<D: Steps>(
        &mut self,
        decoder: &mut D,
        first: Option<Op>,
    ) -> Result<Progress, InsertError<FlashError<F::Error>>> {
        let mut next = first.or_else(|| decoder.next_op());
        while let Some(op) = next {
            self.under_way = Some(op);
            let result = self.apply(op).await;
            self.under_way = None;
            if let Err(error) = result {
                decoder.abort();
                return Err(InsertError::Store(error));
            }
            next = decoder.next_op();
        }
        Ok(decoder.commit()?)
    }
}
