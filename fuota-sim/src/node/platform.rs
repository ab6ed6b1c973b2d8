//! The hardware of a simulated device.

use std::convert::Infallible;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};

use fuota_engine::device::{BlockIntegrity, MAX_UPLINK, Memory, Platform, Refusal};
use fuota_engine::region::Region;
use fuota_fec::{
    Entry, FragmentStore, Geometry, Mode, ParityRule, RankOnly, SharedBlock, SharingStore, Slot, words,
};
use fuota_proto::firmware::v1::{DevUpgradeImageAns, DevVersionAns};
use fuota_proto::keys::{McKey, RootKey};
use fuota_proto::{DataRate, Descriptor, EncryptedMcKey, FragIndex, Frequency, Version};

use crate::rng::{Draws, Resting, Stream};

/// How much a device keeps of a data block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Every octet.
    Bytes,
    /// Which fragments it could reconstruct, and no octets.
    Rank,
}

impl Keeps {
    /// Most octets that a device spends on the decoder's bit matrix. Large fleets are held in less memory: what
    /// it suffices for is a loss of 354 fragments at once, against 1,000.
    const fn matrix_octets(self) -> usize {
        match self {
            Self::Bytes => 64 << 10,
            Self::Rank => 8 << 10,
        }
    }

    /// The largest number of lost fragments, of `nb_frag`, that this memory can solve for.
    fn max_lost(self, nb_frag: u16) -> u16 {
        let fits = |lost: &u16| {
            4 * (words(Mode::Triangular, nb_frag, *lost) - words(Mode::Triangular, nb_frag, 0))
                <= self.matrix_octets()
        };
        // The triangle of n lost fragments takes n²/2 bits at least.
        let bits = 8 * self.matrix_octets();
        let most = u16::try_from((2 * bits).isqrt()).unwrap_or(u16::MAX).min(nb_frag);
        (0..=most).rev().find(fits).unwrap_or(0)
    }
}

/// The data block that is sent, in the shapes that it is cut into: what devices of a fleet have in common.
#[derive(Debug)]
pub(crate) struct Blocks {
    image: Vec<u8>,
    /// One for each shape: there is one, as a rule.
    shapes: Mutex<Vec<Arc<SharedBlock>>>,
}

impl Blocks {
    pub(crate) fn new(image: &[u8]) -> Self {
        Self { image: image.to_vec(), shapes: Mutex::default() }
    }

    /// The block in this shape.
    fn of(&self, geometry: Geometry) -> Arc<SharedBlock> {
        let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = shapes.iter().find(|block| block.geometry() == geometry) {
            return Arc::clone(block);
        }
        let block = Arc::new(SharedBlock::new(geometry, &self.image));
        shapes.push(Arc::clone(&block));
        block
    }
}

/// A device's keys, dice, radio and memory.
#[derive(Debug)]
pub(crate) struct Board {
    root_key: RootKey,
    draws: Resting,
    region: Region,
    keeps: Keeps,
    blocks: Arc<Blocks>,
    /// What survives a reset: SessionCntPrev of the only index.
    session_cnt_prev: Option<u16>,
    version: DevVersionAns,
    /// The hardware that images are made for, if that matters.
    made_for: Option<Version>,
    /// What it runs after an installation, if not what it installed.
    boots: Option<Version>,
    /// The image that the next reboot installs.
    image: DevUpgradeImageAns,
    /// Losses that the decoder has memory for, at most.
    decoder_lost: Option<u16>,
    /// Whether every block fails its integrity check.
    finds_blocks_corrupt: bool,
    /// Whether a class A exchange has the radio.
    pub(super) busy: bool,
}

impl Board {
    pub(crate) fn new(
        root_key: RootKey,
        seed: u64,
        device: u32,
        region: Region,
        (keeps, blocks): (Keeps, Arc<Blocks>),
        version: DevVersionAns,
    ) -> Self {
        Self {
            root_key,
            draws: Resting::new(seed, device, Stream::Device),
            region,
            keeps,
            blocks,
            session_cnt_prev: None,
            version,
            made_for: None,
            boots: None,
            image: DevUpgradeImageAns::NoImage,
            decoder_lost: None,
            finds_blocks_corrupt: false,
            busy: false,
        }
    }

    /// With memory for fewer losses, or a flash that never holds what was written.
    pub(super) const fn with_limits(mut self, decoder_lost: Option<u16>, finds_blocks_corrupt: bool) -> Self {
        self.decoder_lost = decoder_lost;
        self.finds_blocks_corrupt = finds_blocks_corrupt;
        self
    }

    /// With images made for such hardware, and a boot that ends in another version than was installed.
    pub(super) const fn with_firmware(mut self, made_for: Option<Version>, boots: Option<Version>) -> Self {
        self.made_for = made_for;
        self.boots = boots;
        self
    }

    /// Keeps a data block as the image that the next reboot installs, if it is for this hardware.
    pub(super) fn stage(&mut self, next_firmware_version: Version) {
        let fits = self.made_for.is_none_or(|hardware| hardware == self.version.hw_version);
        self.image = if fits {
            DevUpgradeImageAns::Valid { next_firmware_version }
        } else {
            DevUpgradeImageAns::WrongHardware
        };
    }

    /// Installs the image that waits for a reboot. Whether there was one.
    pub(super) fn install(&mut self) -> bool {
        let next = self.image.next_firmware_version();
        self.image = DevUpgradeImageAns::NoImage;
        if let Some(next) = next {
            self.version.fw_version = self.boots.unwrap_or(next);
        }
        next.is_some()
    }

    /// Version of the firmware that runs.
    pub(super) const fn firmware(&self) -> Version {
        self.version.fw_version
    }
}

impl Platform for Board {
    type Words = Box<[u32]>;
    type Store = BlockStore;

    fn unwrap_mc_key(&mut self, encrypted: &EncryptedMcKey) -> McKey {
        self.root_key.mc_root_key().mc_ke_key().unwrap(encrypted)
    }

    fn random(&mut self) -> u32 {
        self.draws.draw(Draws::word)
    }

    fn open(
        &mut self,
        _frag_index: FragIndex,
        geometry: Geometry,
        _descriptor: Descriptor,
    ) -> Result<Memory<Self::Words, Self::Store>, Refusal> {
        let max_lost = self.keeps.max_lost(geometry.nb_frag()).min(self.decoder_lost.unwrap_or(u16::MAX));
        let block = self.blocks.of(geometry);
        Ok(Memory {
            words: vec![0; words(Mode::Triangular, geometry.nb_frag(), max_lost)].into(),
            max_lost,
            store: match self.keeps {
                Keeps::Bytes => BlockStore::Bytes(Box::new(SharingStore::new(&block))),
                Keeps::Rank => BlockStore::Rank(block),
            },
        })
    }

    fn session_cnt_prev(&self, _frag_index: FragIndex) -> Option<u16> {
        self.session_cnt_prev
    }

    fn set_session_cnt_prev(&mut self, _frag_index: FragIndex, session_cnt: u16) {
        self.session_cnt_prev = Some(session_cnt);
    }

    fn verify(&mut self, integrity: &BlockIntegrity, store: &mut BlockStore) -> bool {
        if self.finds_blocks_corrupt {
            return false;
        }
        match store {
            // Whoever keeps no octets has none to verify.
            BlockStore::Rank(_) => true,
            BlockStore::Bytes(store) => {
                let verified = integrity.verify(self.root_key.data_block_int_key().aes(), &mut **store);
                verified.unwrap_or(false)
            }
        }
    }

    fn version(&self) -> DevVersionAns {
        self.version
    }

    fn upgrade_image(&mut self) -> DevUpgradeImageAns {
        self.image
    }

    fn delete_image(&mut self) {
        self.image = DevUpgradeImageAns::NoImage;
    }

    fn frequency_usable(&self, frequency: Frequency) -> bool {
        self.region.covers(frequency)
    }

    fn max_uplink(&self) -> Option<usize> {
        (!self.busy).then_some(MAX_UPLINK)
    }

    fn data_rate_usable(&self, data_rate: DataRate) -> bool {
        self.region.downlink(data_rate).is_some()
    }
}

/// What a device keeps of a data block.
#[derive(Debug)]
pub(crate) enum BlockStore {
    Bytes(Box<SharingStore>),
    /// Nothing; of the block it knows the rows.
    Rank(Arc<SharedBlock>),
}

impl BlockStore {
    /// Whether the data block is `image`, octet for octet, if octets are kept.
    pub(crate) fn holds(&self, image: &[u8]) -> Option<bool> {
        match self {
            Self::Bytes(store) => Some(store.holds(image)),
            Self::Rank(_) => None,
        }
    }
}

impl FragmentStore for BlockStore {
    type Error = Infallible;

    fn load(&mut self, fragment: &[u8]) {
        if let Self::Bytes(store) = self {
            store.load(fragment);
        }
    }

    fn keep(&mut self, fragment: &[u8], slot: Slot, entry: Entry) -> Result<(), Infallible> {
        match self {
            Self::Bytes(store) => store.keep(fragment, slot, entry),
            Self::Rank(_) => Ok(()),
        }
    }

    fn read(&mut self, slot: Slot) -> Result<(), Infallible> {
        match self {
            Self::Bytes(store) => store.read(slot),
            Self::Rank(_) => Ok(()),
        }
    }

    fn buffer(&self) -> &[u8] {
        match self {
            Self::Bytes(store) => store.buffer(),
            Self::Rank(_) => &[],
        }
    }

    fn xor(&mut self, acc: u16) {
        if let Self::Bytes(store) = self {
            store.xor(acc);
        }
    }

    fn xor_slot(&mut self, slot: Slot, acc: u16) -> Result<(), Infallible> {
        match self {
            Self::Bytes(store) => store.xor_slot(slot, acc),
            Self::Rank(_) => Ok(()),
        }
    }

    fn take_off_known(&mut self, row: &mut [u32], known: &[u32]) -> Result<(), Infallible> {
        match self {
            Self::Bytes(store) => store.take_off_known(row, known),
            Self::Rank(_) => RankOnly.take_off_known(row, known),
        }
    }

    fn xor_solved(&mut self, row: &[u16], known: &[u32], column: u16) -> Result<u16, Infallible> {
        match self {
            Self::Bytes(store) => store.xor_solved(row, known, column),
            // Nothing is written there.
            Self::Rank(_) => Ok(0),
        }
    }

    fn lend_row(&mut self, rule: ParityRule, nb_frag: u16, k: NonZeroU16, row: &mut [u32]) -> bool {
        match self {
            Self::Bytes(store) => store.lend_row(rule, nb_frag, k, row),
            Self::Rank(block) => block.lend_row(rule, nb_frag, k, row),
        }
    }

    fn clear(&mut self, acc: u16) {
        if let Self::Bytes(store) = self {
            store.clear(acc);
        }
    }

    fn save(&mut self, acc: u16, slot: Slot, entry: Entry) -> Result<(), Infallible> {
        match self {
            Self::Bytes(store) => store.save(acc, slot, entry),
            Self::Rank(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_as_large_as_its_memory_allows() {
        for keeps in [Keeps::Bytes, Keeps::Rank] {
            for nb_frag in [1, 10, 215, 429, 1000, 16383] {
                let max_lost = keeps.max_lost(nb_frag);
                let octets =
                    |lost| 4 * (words(Mode::Triangular, nb_frag, lost) - words(Mode::Triangular, nb_frag, 0));
                assert!(octets(max_lost) <= keeps.matrix_octets());
                assert!(
                    max_lost == nb_frag || octets(max_lost + 1) > keeps.matrix_octets(),
                    "{keeps:?} {nb_frag}"
                );
            }
        }
        assert_eq!(Keeps::Rank.max_lost(1000), 354);
    }
}
