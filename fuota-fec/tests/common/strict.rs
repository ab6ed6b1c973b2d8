//! A store that holds the decoder to its word: a slot is written once, and read only after that.

use std::collections::HashSet;
use std::convert::Infallible;

use fuota_fec::{Entry, FragmentStore, Geometry, MemoryStore, Slot};

pub(crate) struct Strict {
    pub(crate) inner: MemoryStore,
    written: HashSet<Slot>,
    pub(crate) reads: usize,
}

impl Strict {
    pub(crate) fn new(geometry: Geometry, accumulators: u16) -> Self {
        let inner = MemoryStore::with_accumulators(geometry, accumulators);
        Self { inner, written: HashSet::new(), reads: 0 }
    }

    /// The slots that have been written.
    pub(crate) fn written(&self) -> Vec<Slot> {
        self.written.iter().copied().collect()
    }

    pub(crate) fn image(&self) -> &[u8] {
        self.inner.image()
    }
}

impl FragmentStore for Strict {
    type Error = Infallible;

    fn accumulators(&self) -> u16 {
        self.inner.accumulators()
    }

    fn load(&mut self, fragment: &[u8]) {
        self.inner.load(fragment);
    }

    fn read(&mut self, slot: Slot) -> Result<(), Infallible> {
        assert!(self.written.contains(&slot), "{slot:?} is read before it is written");
        self.reads += 1;
        self.inner.read(slot)
    }

    fn buffer(&self) -> &[u8] {
        self.inner.buffer()
    }

    fn xor(&mut self, acc: u16) {
        self.inner.xor(acc);
    }

    fn clear(&mut self, acc: u16) {
        self.inner.clear(acc);
    }

    fn save(&mut self, acc: u16, slot: Slot, entry: Entry) -> Result<(), Infallible> {
        assert!(self.written.insert(slot), "{slot:?} is written twice");
        self.inner.save(acc, slot, entry)
    }
}
