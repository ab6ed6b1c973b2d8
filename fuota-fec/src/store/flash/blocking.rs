//! The same store for drivers that block.

use core::pin::pin;
use core::task::{Context, Poll, Waker};

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use embedded_storage_async::nor_flash as waiting;

use super::{AsyncFlashStore, FlashError, FlashSession};
use crate::Steps;
use crate::store::{Entry, FragmentStore, Slot};

/// Slots in NOR flash, with `K` spare ones.
///
/// The lent buffers are cut into pieces of one slot each: the read buffer and as many accumulators as fit.
#[derive(Debug)]
pub struct FlashStore<'a, F, const K: usize>(AsyncFlashStore<'a, Blocking<F>, K>);

impl<'a, F: NorFlash, const K: usize> FlashStore<'a, F, K> {
    /// Octets of lent buffers for a read buffer and so many accumulators of `frag_size` octets.
    #[must_use]
    pub const fn buffer_len(frag_size: u8, accumulators: usize) -> usize {
        AsyncFlashStore::<Blocking<F>, K>::buffer_len(frag_size, accumulators)
    }

    /// Erases the flash from `base` on and sets up a session.
    ///
    /// # Errors
    /// All [`FlashError`]s about sizes and places, and those of the flash.
    pub fn create(
        flash: F,
        base: u32,
        session: FlashSession,
        buffers: &'a mut [u8],
    ) -> Result<Self, FlashError<F::Error>> {
        now(AsyncFlashStore::create(Blocking(flash), base, session, buffers)).map(Self)
    }

    /// Finds the session that was set up at `base`; [`resume`](Self::resume) has to follow.
    ///
    /// # Errors
    /// [`FlashError::NoSession`], those about sizes and places, and those of the flash.
    pub fn open(flash: F, base: u32, buffers: &'a mut [u8]) -> Result<Self, FlashError<F::Error>> {
        now(AsyncFlashStore::open(Blocking(flash), base, buffers)).map(Self)
    }

    /// What the session was set up with.
    pub const fn session(&self) -> FlashSession {
        self.0.session()
    }

    /// Gives back to a fresh decoder what it had stored before the reset. Where it then says that it can
    /// solve, solving goes on.
    ///
    /// # Errors
    /// [`FlashError::SparesUsedUp`], [`FlashError::Decoder`] for a decoder of another session, and those of
    /// the flash.
    pub fn resume<D: Steps>(&mut self, decoder: &mut D) -> Result<(), FlashError<F::Error>> {
        now(self.0.resume(decoder))
    }

    /// Where the data block lies in one piece, if it does: slots are FragSize octets long, and none of its
    /// own is burned.
    pub fn image_offset(&self) -> Option<u32> {
        self.0.image_offset()
    }

    /// Copies the data block to erased flash in one piece, through a buffer whose length is a multiple of
    /// what the target can write; what is over at the end is filled up with ones.
    ///
    /// # Errors
    /// `Ok(Err(…))` comes from the target, `Err(…)` from here.
    pub fn export<T: NorFlash>(
        &mut self,
        target: &mut T,
        at: u32,
        chunk: &mut [u8],
    ) -> Result<Result<(), T::Error>, FlashError<F::Error>> {
        now(self.0.export(&mut Blocking(target), at, chunk))
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.0.release().0
    }
}

impl<F: NorFlash, const K: usize> FragmentStore for FlashStore<'_, F, K> {
    type Error = FlashError<F::Error>;

    fn accumulators(&self) -> u16 {
        self.0.buffers.accumulators()
    }

    fn load(&mut self, fragment: &[u8]) {
        self.0.buffers.load(fragment);
    }

    fn read(&mut self, slot: Slot) -> Result<(), Self::Error> {
        now(self.0.read(slot))
    }

    fn buffer(&self) -> &[u8] {
        self.0.buffer()
    }

    fn xor(&mut self, acc: u16) {
        self.0.buffers.xor(acc);
    }

    fn clear(&mut self, acc: u16) {
        self.0.buffers.clear(acc);
    }

    fn save(&mut self, acc: u16, slot: Slot, entry: Entry) -> Result<(), Self::Error> {
        now(self.0.save(acc, slot, entry))
    }
}

/// Flash that is never waited for: it has answered when it is first asked.
#[derive(Debug)]
struct Blocking<F>(F);

impl<F: ErrorType> ErrorType for Blocking<F> {
    type Error = F::Error;
}

impl<F: ReadNorFlash> waiting::ReadNorFlash for Blocking<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), F::Error> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<F: NorFlash> waiting::NorFlash for Blocking<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), F::Error> {
        self.0.erase(from, to)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), F::Error> {
        self.0.write(offset, bytes)
    }
}

/// Runs a future to its end. On flash that is never waited for, the first poll is the last one.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
    }
}
