use super::*;
use crate::{Geometry, MemoryStore, Ones};

const NB_FRAG: u16 = 70;
const ENTRY: Entry = Entry::Solved(0);

fn store() -> SharingStore {
    let geometry = Geometry::from_session(NB_FRAG, 5, 0).unwrap();
    let image: Vec<u8> = (1..=u8::MAX).cycle().take(geometry.image_len()).collect();
    SharingStore::new(&Arc::new(SharedBlock::new(geometry, &image)))
}

/// Whether it comes without being loaded or has been worked out.
#[test]
fn what_the_sender_has_is_not_copied() {
    let mut store = store();
    let block = Arc::clone(&store.slots.block);
    for index in 0..NB_FRAG / 2 {
        store.keep(block.fragment(index).unwrap(), Slot::Data(index), ENTRY).unwrap();
    }
    assert!(store.accumulator.octets.iter().all(|octet| *octet == 0), "nothing has been loaded");
    for index in NB_FRAG / 2..NB_FRAG {
        store.load(&block.image()[usize::from(index) * 5..][..5]);
        store.save(0, Slot::Data(index), ENTRY).unwrap();
    }
    assert!(store.slots.other.is_empty() && store.holds(block.image()));
    let mut store = SharingStore::new(&block);
    store.keep(&[0; 5], Slot::Data(0), ENTRY).unwrap();
    assert_eq!(store.slots.other.len(), 1);
}

fn set_of(places: &[u16]) -> [u32; 3] {
    let mut set = [0; 3];
    for place in places {
        bits::set(&mut set, u32::from(*place));
    }
    set
}

/// What is parity of the sender's stays a set of its fragments, and what is solved for is one of them; no octet is added.
#[test]
fn sums_of_what_the_sender_has_are_sets() {
    let mut store = store();
    let block = Arc::clone(&store.slots.block);
    let (k, mut row) = (NonZeroU16::new(3).unwrap(), [0; 3]);
    let (words, sum) = block.row(ParityRule::V1, k.get()).unwrap();
    // Two of those that it picks are lost. One of them comes late, the other is solved for.
    let lost: Vec<u16> = Ones::new(words).take(2).collect();
    let known = set_of(&lost).map(|word| !word);
    for index in (0..NB_FRAG).filter(|index| !lost.contains(index)) {
        store.keep(block.fragment(index).unwrap(), Slot::Data(index), ENTRY).unwrap();
    }
    store.load(&sum[..5]);
    assert!(store.lend_row(ParityRule::V1, NB_FRAG, k, &mut row));
    store.take_off_known(&mut row, &known).unwrap();
    assert_eq!(row, [0b11, 0, 0]);
    store.save(0, Slot::Parity(1), ENTRY).unwrap();
    assert_eq!(store.slots.parity(1), set_of(&lost));
    store.load(block.fragment(lost[0]).unwrap());
    store.take_off_known(&mut set_of(&lost[..1]), &known).unwrap();
    assert_eq!(store.accumulator.only(), Some(lost[0]));
    store.save(0, Slot::Data(lost[0]), ENTRY).unwrap();
    store.clear(0);
    store.xor_slot(Slot::Parity(1), 0).unwrap();
    store.xor_solved(&[1], &known, 1).unwrap();
    store.save(0, Slot::Data(lost[1]), ENTRY).unwrap();
    assert!(store.slots.other.is_empty() && store.slots.rest.is_empty() && store.holds(block.image()));
}

/// Against looking at all places, from no zero to nothing but zeros.
#[test]
fn squeezing_onto_what_is_lost_is_squeezing() {
    let mut random = bits::noise();
    for round in 0..200 {
        let more = [0, u32::MAX, 0xffff_0000, 0xf0f0_f0f0][round % 4];
        let known: [u32; 5] = core::array::from_fn(|_| if round % 8 == 4 { 0 } else { random() | more });
        let mut row: [u32; 5] = core::array::from_fn(|_| random());
        let mut expected = row;
        bits::squeeze(&mut expected, &known);
        let mut lost = Lost::default();
        lost.update(&known);
        lost.squeeze(&mut row);
        assert_eq!(row, expected, "{known:x?}");
    }
}

/// Octets that are not the sender's stay octets: in a parity slot beside the set, and in what is solved for with it.
#[test]
fn what_the_sender_does_not_have_is_kept_beside_the_set() {
    let mut store = store();
    let (k, mut row) = (NonZeroU16::new(3).unwrap(), [0; 3]);
    store.load(&[9; 5]);
    assert!(store.lend_row(ParityRule::V1, NB_FRAG, k, &mut row));
    store.xor_slot(Slot::Data(4), 0).unwrap();
    store.save(0, Slot::Parity(0), ENTRY).unwrap();
    assert_eq!(store.slots.rest.len(), 1);
    store.clear(0);
    store.xor_slot(Slot::Parity(0), 0).unwrap();
    store.save(0, Slot::Data(7), ENTRY).unwrap();
    store.read(Slot::Data(7)).unwrap();
    assert_eq!(store.buffer(), [9; 5]);
    assert_eq!(store.slots.other.len(), 1);
}

/// Against a store of its own with the same slots: one slot after the other, read first or not, and a row's
/// worth.
#[test]
fn what_is_added_is_what_others_add() {
    let mut sharing = store();
    let block = Arc::clone(&sharing.slots.block);
    let mut own = MemoryStore::new(block.geometry());
    for index in 0..NB_FRAG {
        sharing.keep(block.fragment(index).unwrap(), Slot::Data(index), ENTRY).unwrap();
        own.keep(block.fragment(index).unwrap(), Slot::Data(index), ENTRY).unwrap();
    }
    let (known, row) = ([0xf0f0_f0f0, 0x0ff0_0ff0, 0x3f], [0xbeef, 0xcafe, 0xffff]);
    for column in 0..32 {
        let [a, b] = [&mut own as &mut dyn FragmentStore<Error = Infallible>, &mut sharing].map(|store| {
            store.load(&[9; 5]);
            store.xor_slot(Slot::Data(column), 0).unwrap();
            store.save(0, Slot::Parity(2 * column), ENTRY).unwrap();
            store.clear(0);
            let place = store.xor_solved(&row, &known, column).unwrap();
            for slot in [Slot::Data(column + 1), Slot::Parity(2 * column)] {
                store.read(slot).unwrap();
                store.xor(0);
            }
            store.save(0, Slot::Parity(2 * column + 1), ENTRY).unwrap();
            let held = [0, 1].map(|more| {
                store.read(Slot::Parity(2 * column + more)).unwrap();
                store.buffer().to_vec()
            });
            (place, held)
        });
        assert_eq!(a, b, "column {column}");
    }
}

#[test]
fn rows_of_the_block_are_lent() {
    let (mut row, k) = ([0; 3], NonZeroU16::new(5).unwrap());
    assert!(store().lend_row(ParityRule::V2, NB_FRAG, k, &mut row));
    let mut drawn = [0; 3];
    ParityRule::V2.row(NB_FRAG, k, &mut drawn).unwrap();
    assert_eq!(row, drawn);
}
