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

/// Over the whole row it is one for the sum and one for each that is not known, but only if the sender has
/// what is known.
#[test]
fn the_shorter_way_to_a_sum_is_taken() {
    let SharingStore { mut slots, .. } = store();
    let block = Arc::clone(&slots.block);
    for k in 1..10 {
        let (row, sum) = block.row(ParityRule::V1, k).unwrap();
        let picks: Vec<u16> = Ones::new(row).collect();
        slots.same.fill(u32::MAX);
        for count in 0..=picks.len() {
            // All that it does not pick is known as well.
            let mut known: Vec<u32> = row.iter().map(|word| !word).collect();
            for place in &picks[..count] {
                bits::set(&mut known, u32::from(*place));
            }
            let shorter = count > 1 + (picks.len() - count);
            let whole = slots.whole((ParityRule::V1, k), row, &known);
            assert_eq!(whole, shorter.then_some(sum), "{count} of {} known", picks.len());
        }
        let all = [u32::MAX; 3];
        assert_eq!(slots.whole((ParityRule::V1, k + 1), row, &all), None, "the row is another");
        slots.same[usize::from(picks[0] / 32)] ^= 1 << (picks[0] % 32);
        assert_eq!(slots.whole((ParityRule::V1, k), row, &all), None, "one is not what the sender has");
    }
}

/// A set names so many lines; what comes after them is worked out.
#[test]
fn parity_is_a_sum_of_lines_while_they_have_names() {
    let mut store = store();
    for index in 0..300 {
        store.xor_slot(Slot::Parity(index / 2), 0).unwrap();
        store.save(0, Slot::Parity(index), ENTRY).unwrap();
        let named = matches!(store.slots.parity(index), Parity::Sum(_));
        assert_eq!(named, usize::from(index) < NAMED, "parity slot {index}");
    }
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
