//! The store itself, for flash that is waited for.

use embedded_storage_async::nor_flash::NorFlash;

use super::FlashError;
use super::buffers::Buffers;
use super::crc::crc32;
use super::journal::{FlashSession, Found, HEADER_LEN, Record};
use super::layout::Layout;
use crate::store::Slot;
use crate::{Entry, Op, Steps};

/// A slot that must not be written, and the spare one that holds its content if there is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Burned {
    slot: Slot,
    spare: Option<u16>,
}

/// Slots in NOR flash that is waited for, with `K` spare ones.
///
/// The lent buffers are cut into pieces of one slot each: the read buffer and as many accumulators as fit.
///
/// A write that fails, or whose future is dropped, may have come through all the same, and would then count after the
/// next reset. So what became of it is looked up before anything else is written: see [`FlashError::OutOfStep`].
#[derive(Debug)]
pub struct AsyncFlashStore<'a, F, const K: usize> {
    flash: F,
    session: FlashSession,
    layout: Layout,
    pub(super) buffers: Buffers<'a>,
    /// The next place in the journal.
    position: u32,
    spares_used: u16,
    burned: [Option<Burned>; K],
    /// The slot that was being written: whether its entry and its bytes are there is not known.
    in_doubt: Option<Slot>,
    /// An operation that was begun, and not seen to end.
    pub(super) under_way: Option<Op>,
}

impl<'a, F: NorFlash, const K: usize> AsyncFlashStore<'a, F, K> {
    /// Octets of lent buffers for a read buffer and so many accumulators of `frag_size` octets.
    #[must_use]
    pub const fn buffer_len(frag_size: u8, accumulators: usize) -> usize {
        let unit = if F::READ_SIZE > F::WRITE_SIZE { F::READ_SIZE } else { F::WRITE_SIZE };
        let slot = (frag_size as usize).next_multiple_of(unit);
        let smallest = HEADER_LEN.next_multiple_of(unit);
        (if slot > smallest { slot } else { smallest }) + slot * accumulators
    }

    /// Erases the flash from `base` on and sets up a session.
    ///
    /// # Errors
    /// All [`FlashError`]s about sizes and places, and those of the flash.
    pub async fn create(
        mut flash: F,
        base: u32,
        session: FlashSession,
        buffers: &'a mut [u8],
    ) -> Result<Self, FlashError<F::Error>> {
        let spares = u16::try_from(K).unwrap_or(u16::MAX);
        let layout = Layout::new(&flash, base, &session, spares)?;
        aligned::<F>(base)?;
        let mut buffers = Buffers::cut(&layout, buffers)?;
        // The header goes first, while the rest of an older session is still whole, and comes last.
        flash.erase(layout.header(), layout.journal()).await.map_err(FlashError::Flash)?;
        flash.erase(layout.journal(), layout.end).await.map_err(FlashError::Flash)?;
        let header = buffers.read_mut(layout.header_size);
        session.encode(spares, header);
        flash.write(layout.header(), header).await.map_err(FlashError::Flash)?;
        Ok(Self::at_start(flash, session, layout, buffers))
    }

    /// Finds the session that was set up at `base`; [`resume`](Self::resume) has to follow.
    ///
    /// # Errors
    /// [`FlashError::NoSession`], those about sizes and places, and those of the flash.
    pub async fn open(mut flash: F, base: u32, buffers: &'a mut [u8]) -> Result<Self, FlashError<F::Error>> {
        aligned::<F>(base)?;
        let length = HEADER_LEN.next_multiple_of(F::READ_SIZE.max(F::WRITE_SIZE));
        let got = buffers.len();
        let header = buffers.get_mut(..length).ok_or(FlashError::BufferTooShort { expected: length, got })?;
        flash.read(base, header).await.map_err(FlashError::Flash)?;
        let (session, spares) = FlashSession::decode(header).ok_or(FlashError::NoSession)?;
        if usize::from(spares) != K {
            return Err(FlashError::Spares { expected: K, got: spares });
        }
        let layout = Layout::new(&flash, base, &session, spares)?;
        let buffers = Buffers::cut(&layout, buffers)?;
        Ok(Self::at_start(flash, session, layout, buffers))
    }

    fn at_start(flash: F, session: FlashSession, layout: Layout, buffers: Buffers<'a>) -> Self {
        let (in_doubt, under_way) = (None, None);
        let (position, spares_used, burned) = (0, 0, [None; K]);
        Self { flash, session, layout, buffers, position, spares_used, burned, in_doubt, under_way }
    }

    /// What the session was set up with.
    pub const fn session(&self) -> FlashSession {
        self.session
    }

    /// Gives back to a fresh decoder what it had stored before the reset. Where it then says that it can
    /// solve, solving goes on.
    ///
    /// # Errors
    /// [`FlashError::SparesUsedUp`], [`FlashError::Decoder`] for a decoder of another session, and those of
    /// the flash.
    pub async fn resume<D: Steps>(&mut self, decoder: &mut D) -> Result<(), FlashError<F::Error>> {
        (self.in_doubt, self.under_way) = (None, None);
        (self.position, self.spares_used, self.burned) = (0, 0, [None; K]);
        while self.position < self.layout.entries {
            match self.entry_at(self.position).await? {
                Found::Erased => break,
                Found::Torn => {}
                Found::Record(record) => self.take_back(record, decoder).await?,
            }
            self.position += 1;
        }
        Ok(())
    }

    /// Where the data block lies in one piece, if it does: slots are FragSize octets long, and none of its
    /// own is burned.
    pub fn image_offset(&self) -> Option<u32> {
        let whole = self.layout.slot_size == u32::from(self.session.geometry.frag_size());
        let own = !self.burned.iter().flatten().any(|burned| matches!(burned.slot, Slot::Data(_)));
        self.layout.slot(Slot::Data(0)).filter(|_| whole && own)
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.flash
    }

    /// Fills the read buffer from a slot.
    ///
    /// # Errors
    /// [`FlashError::NoSuchSlot`] and those of the flash.
    pub async fn read(&mut self, slot: Slot) -> Result<(), FlashError<F::Error>> {
        let offset = match self.burned(slot) {
            Some(Burned { spare: Some(spare), .. }) => self.layout.spare(spare),
            _ => self.layout.slot(slot).ok_or(FlashError::NoSuchSlot { slot })?,
        };
        self.read_at(offset).await
    }

    /// What the last [`read`](Self::read) gave.
    pub fn buffer(&self) -> &[u8] {
        self.buffers.read(self.session.geometry.frag_size())
    }

    /// Writes an accumulator to a slot that has not been written before; once this returns, the slot and its
    /// entry survive a reset.
    pub(super) async fn save(
        &mut self,
        acc: u16,
        slot: Slot,
        entry: Entry,
    ) -> Result<(), FlashError<F::Error>> {
        let frag_size = self.session.geometry.frag_size();
        let (_, bytes) = self.buffers.announcing(0, acc);
        let crc = crc32(bytes.get(..frag_size.into()).unwrap_or(bytes));
        if self.settle(slot, entry, crc).await? {
            return Ok(());
        }
        let in_spare = self.burned(slot).is_some();
        if in_spare && usize::from(self.spares_used) >= K {
            return Err(FlashError::SparesUsedUp { spares: K });
        }
        let offset = self.place(slot, in_spare)?;
        let position = self.position;
        if position >= self.layout.entries {
            return Err(FlashError::JournalFull { entries: self.layout.entries });
        }
        let (announcement, bytes) = self.buffers.announcing(self.layout.entry_size, acc);
        Record { entry, crc, in_spare }.encode(position, announcement);
        self.in_doubt = Some(slot);
        self.position += 1;
        self.flash.write(self.layout.entry(position), announcement).await.map_err(FlashError::Flash)?;
        self.flash.write(offset, bytes).await.map_err(FlashError::Flash)?;
        self.stored(slot, in_spare)
    }

    /// Finds out what became of a write that was not seen to end, as a reset would. Whether it was what is to be
    /// written now, and is there already.
    async fn settle(&mut self, slot: Slot, entry: Entry, crc: u32) -> Result<bool, FlashError<F::Error>> {
        let Some(in_doubt) = self.in_doubt else { return Ok(false) };
        let position = self.position.saturating_sub(1);
        match self.entry_at(position).await? {
            // Nothing has been written, and the place may be used.
            Found::Erased => self.position = position,
            // The bytes would have come after the entry.
            Found::Torn => {}
            Found::Record(record) => {
                let offset = self.place(in_doubt, record.in_spare)?;
                self.read_at(offset).await?;
                if crc32(self.buffer()) == record.crc {
                    if (in_doubt, record.entry, record.crc) != (slot, entry, crc) {
                        return Err(FlashError::OutOfStep);
                    }
                    self.stored(slot, record.in_spare)?;
                    return Ok(true);
                }
                self.remember(in_doubt, None)?;
                self.spares_used += u16::from(record.in_spare);
            }
        }
        self.in_doubt = None;
        Ok(false)
    }

    /// A slot has been written.
    fn stored(&mut self, slot: Slot, in_spare: bool) -> Result<(), FlashError<F::Error>> {
        if in_spare {
            self.remember(slot, Some(self.spares_used))?;
            self.spares_used += 1;
        }
        self.in_doubt = None;
        Ok(())
    }

    /// Where a slot is written: in its own place or in the next spare one.
    fn place(&self, slot: Slot, in_spare: bool) -> Result<u32, FlashError<F::Error>> {
        let own = self.layout.slot(slot).ok_or(FlashError::NoSuchSlot { slot })?;
        Ok(if in_spare { self.layout.spare(self.spares_used) } else { own })
    }

    async fn read_at(&mut self, offset: u32) -> Result<(), FlashError<F::Error>> {
        let buffer = self.buffers.read_mut(self.layout.slot_size);
        self.flash.read(offset, buffer).await.map_err(FlashError::Flash)
    }

    async fn entry_at(&mut self, position: u32) -> Result<Found, FlashError<F::Error>> {
        let entry = self.buffers.read_mut(self.layout.entry_size);
        self.flash.read(self.layout.entry(position), entry).await.map_err(FlashError::Flash)?;
        Ok(Record::decode(position, entry))
    }

    async fn take_back<D: Steps>(
        &mut self,
        record: Record,
        decoder: &mut D,
    ) -> Result<(), FlashError<F::Error>> {
        let Some(slot) = decoder.replay(record.entry)? else {
            // Nothing was stored for it.
            decoder.commit()?;
            return Ok(());
        };
        self.read_at(self.place(slot, record.in_spare)?).await?;
        if crc32(self.buffer()) == record.crc {
            self.stored(slot, record.in_spare)?;
            decoder.commit()?;
            return Ok(());
        }
        decoder.abort();
        self.spares_used += u16::from(record.in_spare);
        self.remember(slot, None)
    }

    /// Notes that a slot is burned, and where its content is.
    fn remember(&mut self, slot: Slot, spare: Option<u16>) -> Result<(), FlashError<F::Error>> {
        let known = self.burned.iter().position(|burned| burned.is_some_and(|burned| burned.slot == slot));
        let place = known.or_else(|| self.burned.iter().position(Option::is_none));
        let place = place
            .and_then(|place| self.burned.get_mut(place))
            .ok_or(FlashError::SparesUsedUp { spares: K })?;
        *place = Some(Burned { slot, spare });
        Ok(())
    }

    fn burned(&self, slot: Slot) -> Option<Burned> {
        self.burned.iter().flatten().find(|burned| burned.slot == slot).copied()
    }
}

fn aligned<F: NorFlash>(base: u32) -> Result<(), FlashError<F::Error>> {
    let unit = F::ERASE_SIZE;
    if (base as usize).is_multiple_of(unit) { Ok(()) } else { Err(FlashError::Unaligned { base, unit }) }
}
