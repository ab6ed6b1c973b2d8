//! Fragments in NOR flash, safe against the loss of power at any moment.
//!
//! ```text
//! header │ journal: M + L + 2K + 16 entries │ M data slots │ L parity slots │ K spare slots
//! ```
//! Everything is erased when a session is set up, and every place is written once after that; the header,
//! which makes the session valid, comes last. An entry of the journal is written before the bytes that it
//! announces and holds their check value. After a reset the decoder's rows are drawn again from the numbers
//! in the entries. An entry that is torn is skipped. One whose bytes don't match is not counted, and its slot
//! is burned, even where it looks erased: what belongs there goes to a spare slot from then on. So no place
//! is ever named by two valid entries, and an entry that was once found wanting stays so.

mod buffers;
mod crc;
mod error;
mod journal;
mod layout;

pub use error::FlashError;
pub use journal::FlashSession;

use embedded_storage::nor_flash::NorFlash;

use self::buffers::Buffers;
use self::crc::crc32;
use self::journal::{Found, HEADER_LEN, Record};
use self::layout::{Layout, to_u32};
use super::{Entry, FragmentStore, Slot};
use crate::Steps;

/// A slot that must not be written, and the spare one that holds its content if there is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Burned {
    slot: Slot,
    spare: Option<u16>,
}

/// Slots in NOR flash, with `K` spare ones.
///
/// The lent buffers are cut into pieces of one slot each: the read buffer and as many accumulators as fit.
#[derive(Debug)]
pub struct FlashStore<'a, F, const K: usize> {
    flash: F,
    session: FlashSession,
    layout: Layout,
    buffers: Buffers<'a>,
    /// The next place in the journal.
    position: u32,
    spares_used: u16,
    burned: [Option<Burned>; K],
}

impl<'a, F: NorFlash, const K: usize> FlashStore<'a, F, K> {
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
    pub fn create(
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
        flash.erase(layout.header(), layout.journal()).map_err(FlashError::Flash)?;
        flash.erase(layout.journal(), layout.end).map_err(FlashError::Flash)?;
        let header = buffers.read_mut(layout.header_size);
        session.encode(spares, header);
        flash.write(layout.header(), header).map_err(FlashError::Flash)?;
        Ok(Self { flash, session, layout, buffers, position: 0, spares_used: 0, burned: [None; K] })
    }

    /// Finds the session that was set up at `base`; [`resume`](Self::resume) has to follow.
    ///
    /// # Errors
    /// [`FlashError::NoSession`], those about sizes and places, and those of the flash.
    pub fn open(mut flash: F, base: u32, buffers: &'a mut [u8]) -> Result<Self, FlashError<F::Error>> {
        aligned::<F>(base)?;
        let length = HEADER_LEN.next_multiple_of(F::READ_SIZE.max(F::WRITE_SIZE));
        let got = buffers.len();
        let header = buffers.get_mut(..length).ok_or(FlashError::BufferTooShort { expected: length, got })?;
        flash.read(base, header).map_err(FlashError::Flash)?;
        let (session, spares) = FlashSession::decode(header).ok_or(FlashError::NoSession)?;
        if usize::from(spares) != K {
            return Err(FlashError::Spares { expected: K, got: spares });
        }
        let layout = Layout::new(&flash, base, &session, spares)?;
        let buffers = Buffers::cut(&layout, buffers)?;
        Ok(Self { flash, session, layout, buffers, position: 0, spares_used: 0, burned: [None; K] })
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
    pub fn resume<D: Steps>(&mut self, decoder: &mut D) -> Result<(), FlashError<F::Error>> {
        (self.position, self.spares_used, self.burned) = (0, 0, [None; K]);
        while self.position < self.layout.entries {
            let position = self.position;
            let entry = self.buffers.read_mut(self.layout.entry_size);
            self.flash.read(self.layout.entry(position), entry).map_err(FlashError::Flash)?;
            match Record::decode(position, entry) {
                Found::Erased => break,
                Found::Torn => {}
                Found::Record(record) => self.take_back(record, decoder)?,
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
        let expected = T::WRITE_SIZE;
        if chunk.is_empty() || !chunk.len().is_multiple_of(expected) {
            return Err(FlashError::BufferTooShort { expected, got: chunk.len() });
        }
        let (mut filled, mut offset, mut result) = (0, at, Ok(()));
        let geometry = self.session.geometry;
        super::for_each_piece(self, geometry, |piece| {
            for octet in piece {
                if let Some(place) = chunk.get_mut(filled) {
                    *place = *octet;
                }
                filled += 1;
                if filled == chunk.len() {
                    if result.is_ok() {
                        result = target.write(offset, chunk);
                    }
                    offset += to_u32(chunk.len());
                    filled = 0;
                }
            }
        })?;
        let (rest, unused) = chunk.split_at_mut(filled.next_multiple_of(expected));
        unused.fill(0xff);
        rest.iter_mut().skip(filled).for_each(|octet| *octet = 0xff);
        if result.is_ok() && !rest.is_empty() {
            result = target.write(offset, rest);
        }
        Ok(result)
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.flash
    }

    fn take_back<D: Steps>(&mut self, record: Record, decoder: &mut D) -> Result<(), FlashError<F::Error>> {
        let Some(slot) = decoder.replay(record.entry)? else {
            // Nothing was stored for it.
            decoder.commit()?;
            return Ok(());
        };
        let offset = if record.in_spare {
            let spare = self.spares_used;
            self.spares_used += 1;
            self.remember(slot, Some(spare))?;
            self.layout.spare(spare)
        } else {
            self.layout.slot(slot).ok_or(FlashError::NoSuchSlot { slot })?
        };
        let buffer = self.buffers.read_mut(self.layout.slot_size);
        self.flash.read(offset, buffer).map_err(FlashError::Flash)?;
        if crc32(self.buffer()) == record.crc {
            decoder.commit()?;
            return Ok(());
        }
        decoder.abort();
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

impl<F: NorFlash, const K: usize> FragmentStore for FlashStore<'_, F, K> {
    type Error = FlashError<F::Error>;

    fn accumulators(&self) -> u16 {
        self.buffers.accumulators()
    }

    fn load(&mut self, fragment: &[u8]) {
        self.buffers.load(fragment);
    }

    fn read(&mut self, slot: Slot) -> Result<(), Self::Error> {
        let offset = match self.burned(slot) {
            Some(Burned { spare: Some(spare), .. }) => self.layout.spare(spare),
            _ => self.layout.slot(slot).ok_or(FlashError::NoSuchSlot { slot })?,
        };
        let buffer = self.buffers.read_mut(self.layout.slot_size);
        self.flash.read(offset, buffer).map_err(FlashError::Flash)
    }

    fn buffer(&self) -> &[u8] {
        self.buffers.read(self.session.geometry.frag_size())
    }

    fn xor(&mut self, acc: u16) {
        self.buffers.xor(acc);
    }

    fn clear(&mut self, acc: u16) {
        self.buffers.clear(acc);
    }

    fn save(&mut self, acc: u16, slot: Slot, entry: Entry) -> Result<(), Self::Error> {
        let burned = self.burned(slot).is_some();
        let spare = self.spares_used;
        let offset = match self.layout.slot(slot) {
            None => return Err(FlashError::NoSuchSlot { slot }),
            Some(_) if burned && usize::from(spare) >= K => {
                return Err(FlashError::SparesUsedUp { spares: K });
            }
            Some(_) if burned => self.layout.spare(spare),
            Some(own) => own,
        };
        if self.position >= self.layout.entries {
            return Err(FlashError::JournalFull { entries: self.layout.entries });
        }
        let (announcement, bytes) = self.buffers.announcing(self.layout.entry_size, acc);
        let fragment = bytes.get(..self.session.geometry.frag_size().into()).unwrap_or(bytes);
        let record = Record { entry, crc: crc32(fragment), in_spare: burned };
        // Whatever comes of the two writes, neither place may be written again.
        let position = self.position;
        self.position += 1;
        record.encode(position, announcement);
        self.flash.write(self.layout.entry(position), announcement).map_err(FlashError::Flash)?;
        if burned {
            self.spares_used += 1;
        }
        if let Err(error) = self.flash.write(offset, bytes) {
            self.remember(slot, None)?;
            return Err(FlashError::Flash(error));
        }
        if burned { self.remember(slot, Some(spare)) } else { Ok(()) }
    }
}

fn aligned<F: NorFlash>(base: u32) -> Result<(), FlashError<F::Error>> {
    let unit = F::ERASE_SIZE;
    if (base as usize).is_multiple_of(unit) { Ok(()) } else { Err(FlashError::Unaligned { base, unit }) }
}
