//! The store in flash apart from power: sizes and places, failing writes, getting the data block out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::flash::{PowerLost, SimFlash};
use fuota_fec::{
    Decoder, Encoder, FlashError, FlashSession, FlashStore, FragmentStore as _, Geometry, InsertError, Mode,
    ParityRule, Progress, Slot, words,
};

type Flash = SimFlash<4, 8, 128>;
type Store<'a, const K: usize> = FlashStore<'a, Flash, K>;

fn session(image_len: usize, frag_size: u8) -> FlashSession {
    let geometry = Geometry::new(image_len, frag_size).unwrap();
    FlashSession { geometry, rule: ParityRule::V1, mode: Mode::Triangular, max_lost: 6 }
}

fn decoder(session: FlashSession) -> Decoder<Vec<u32>> {
    let memory = vec![0; words(Mode::Triangular, session.geometry.nb_frag(), session.max_lost)];
    Decoder::new(session.geometry, session.rule, session.max_lost, memory).unwrap()
}

/// Feeds fragments 1, 2, … without 4 and 9; a fragment whose write fails comes again.
fn receive<const K: usize>(store: &mut Store<'_, K>, image: &[u8]) -> usize {
    let session = store.session();
    let encoder = Encoder::new(session.geometry, session.rule, image).unwrap();
    let mut decoder = decoder(session);
    let mut fragment = vec![0; session.geometry.frag_size().into()];
    let mut failures = 0;
    for n in (1..).filter(|n| *n != 4 && *n != 9) {
        encoder.fragment(common::number(n), &mut fragment).unwrap();
        let mut result = decoder.insert(common::number(n), &fragment, store);
        while let Err(InsertError::Store(FlashError::Flash(_))) = result {
            failures += 1;
            result = match decoder.missing() {
                0 => decoder.solve(store),
                _ => decoder.insert(common::number(n), &fragment, store),
            };
        }
        if result.unwrap() == Progress::Complete {
            break;
        }
    }
    failures
}

#[test]
fn the_data_block_lies_in_one_piece_if_the_sizes_agree() {
    let image = common::generated("one piece", 16 * 12 - 5);
    let session = session(image.len(), 16);
    let mut buffers = vec![0; Store::<2>::buffer_len(16, 1)];
    let mut store = Store::<2>::create(Flash::new(4096, 1), 0, session, &mut buffers).unwrap();
    assert_eq!(receive(&mut store, &image), 0);
    let offset = store.image_offset().unwrap() as usize;
    assert_eq!(store.release().octets()[offset..][..image.len()], image);
}

#[test]
fn export_puts_it_in_one_piece_if_they_do_not() {
    let image = common::generated("export", 13 * 12 - 5);
    let session = session(image.len(), 13);
    let mut buffers = vec![0; Store::<2>::buffer_len(13, 1)];
    let mut store = Store::<2>::create(Flash::new(4096, 1), 128, session, &mut buffers).unwrap();
    receive(&mut store, &image);
    assert_eq!(store.image_offset(), None);
    for chunk in [8, 24, 256] {
        let mut target = SimFlash::<1, 8, 256>::new(1024, 2);
        embedded_storage::nor_flash::NorFlash::erase(&mut target, 0, 1024).unwrap();
        store.export(&mut target, 256, &mut vec![0; chunk]).unwrap().unwrap();
        assert_eq!(target.octets()[256..][..image.len()], image);
    }
    let refused = store.export(&mut SimFlash::<1, 8, 256>::new(1024, 2), 0, &mut [0; 12]);
    assert_eq!(refused, Err(FlashError::BufferTooShort { expected: 8, got: 12 }));
}

#[test]
fn a_write_that_fails_burns_its_slot_and_no_more() {
    let image = common::generated("failing", 16 * 12);
    let session = session(image.len(), 16);
    for fails_at in 0..60 {
        let mut buffers = vec![0; Store::<2>::buffer_len(16, 1)];
        let mut flash = Flash::new(4096, 1);
        FlashStore::<_, 2>::create(&mut flash, 0, session, &mut buffers).unwrap();
        flash.fail_once(fails_at);
        let mut store = Store::<2>::open(flash, 0, &mut buffers).unwrap();
        store.resume(&mut decoder(session)).unwrap();
        let failures = receive(&mut store, &image);
        let mut block = Vec::new();
        fuota_fec::for_each_piece(&mut store, session.geometry, |piece| block.extend_from_slice(piece))
            .unwrap();
        assert!(block == image && failures <= 1, "failing at {fails_at}");
    }
}

/// The fragment whose write failed does not come again, others do. A write that came through all the same must count
/// in the decoder exactly if it counts after a reset.
#[test]
fn a_write_that_fails_leaves_the_decoder_in_step_with_the_flash() {
    let image = common::generated("in step", 16 * 12);
    let session = session(image.len(), 16);
    let encoder = Encoder::new(session.geometry, session.rule, &image).unwrap();
    let mut resumed = 0;
    for (fails_at, seed) in (0..60).flat_map(|fails_at| (1..40).map(move |seed| (fails_at, seed))) {
        let mut buffers = vec![0; Store::<2>::buffer_len(16, 1)];
        let mut flash = Flash::new(4096, seed);
        FlashStore::<_, 2>::create(&mut flash, 0, session, &mut buffers).unwrap();
        flash.fail_once(fails_at);
        let mut store = Store::<2>::open(flash, 0, &mut buffers).unwrap();
        let mut device = decoder(session);
        store.resume(&mut device).unwrap();
        let mut fragment = [0; 16];
        for n in (1..).filter(|n| *n != 4 && *n != 9) {
            encoder.fragment(common::number(n), &mut fragment).unwrap();
            let result = match device.missing() {
                0 => device.solve(&mut store),
                _ => device.insert(common::number(n), &fragment, &mut store),
            };
            match result {
                Ok(Progress::Complete) => break,
                Ok(_) | Err(InsertError::Store(FlashError::Flash(_))) => {}
                Err(InsertError::Store(FlashError::OutOfStep)) => {
                    device = decoder(session);
                    store.resume(&mut device).unwrap();
                    resumed += 1;
                }
                Err(error) => panic!("{error}: failing at {fails_at}"),
            }
        }
        let mut store = Store::<2>::open(store.release(), 0, &mut buffers).unwrap();
        let mut device = decoder(session);
        store.resume(&mut device).unwrap();
        assert!(device.is_complete(), "failing at {fails_at}, seed {seed}");
        let mut block = Vec::new();
        fuota_fec::for_each_piece(&mut store, session.geometry, |piece| block.extend_from_slice(piece))
            .unwrap();
        assert!(block == image, "failing at {fails_at}, seed {seed}");
    }
    assert!(resumed > 0);
}

/// Also if a spare slot is one of them: then the next one is taken, and a reset finds the same.
#[test]
fn slots_that_fail_are_replaced_while_there_are_spare_ones() {
    let image = common::generated("failing", 16 * 12);
    let session = session(image.len(), 16);
    let mut buffers = vec![0; Store::<2>::buffer_len(16, 1)];
    let mut flash = Flash::new(4096, 1);
    FlashStore::<_, 2>::create(&mut flash, 0, session, &mut buffers).unwrap();
    // An entry is one unit, the first fragment two: its second half fails in both places.
    flash.fail_twice(2, 2);
    let mut store = Store::<2>::open(flash, 0, &mut buffers).unwrap();
    let mut device = decoder(session);
    let mut insert = || device.insert(common::number(1), &image[..16], &mut store);
    let failed = Err(InsertError::Store(FlashError::Flash(PowerLost)));
    assert_eq!([insert(), insert(), insert()], [failed, failed, Ok(Progress::NeedMore { missing: 11 })]);
    let mut flash = store.release();
    flash.fail_once(2);
    let mut store = Store::<2>::open(flash, 0, &mut buffers).unwrap();
    let mut device = decoder(session);
    store.resume(&mut device).unwrap();
    store.read(Slot::Data(0)).unwrap();
    assert_eq!((device.missing(), store.buffer()), (11, &image[..16]));
    let mut insert = || device.insert(common::number(2), &image[16..32], &mut store);
    assert_eq!(
        [insert(), insert()],
        [failed, Err(InsertError::Store(FlashError::SparesUsedUp { spares: 2 }))]
    );
}

#[test]
fn without_a_spare_slot_a_burned_one_is_an_error() {
    let image = common::generated("failing", 16 * 12);
    let session = session(image.len(), 16);
    let mut buffers = vec![0; Store::<0>::buffer_len(16, 1)];
    let mut flash = Flash::new(4096, 1);
    // The third unit of a life is the second half of the first fragment.
    FlashStore::<_, 0>::create(&mut flash, 0, session, &mut buffers).unwrap();
    flash.fail_once(2);
    let mut store = Store::<0>::open(flash, 0, &mut buffers).unwrap();
    let mut decoder = decoder(session);
    let mut insert = || decoder.insert(common::number(1), &image[..16], &mut store);
    assert_eq!(insert(), Err(InsertError::Store(FlashError::Flash(PowerLost))));
    assert_eq!(insert(), Err(InsertError::Store(FlashError::SparesUsedUp { spares: 0 })));
    assert_eq!(insert(), Err(InsertError::Store(FlashError::SparesUsedUp { spares: 0 })));
}

#[test]
fn a_full_journal_is_an_error_and_changes_nothing() {
    let mut image = common::generated("full", 16 * 12);
    // In the first slot, right behind the journal, there is what would be its next entry: a solution before its
    // time.
    image[..8].copy_from_slice(&[0, 0x40, 0, 0, 0, 0, 0x37, 0xae]);
    let session = session(image.len(), 16);
    // The two halves of an entry are units of their own, so that a torn one is never whole.
    type Halves = SimFlash<4, 4, 128>;
    let mut buffers = vec![0; Store::<2>::buffer_len(16, 1)];
    let mut flash = Halves::new(4096, 1);
    let mut store = FlashStore::<_, 2>::create(&mut flash, 0, session, &mut buffers).unwrap();
    decoder(session).insert(common::number(1), &image[..16], &mut store).unwrap();
    // Life after life, power goes with the entry, which spoils a place of the journal if it changes any bit.
    let mut lives = 0;
    let result = loop {
        flash.fail_once(0);
        let mut store = FlashStore::<_, 2>::open(flash, 0, &mut buffers).unwrap();
        let mut decoder = decoder(session);
        store.resume(&mut decoder).unwrap();
        assert_eq!(decoder.missing(), 11);
        let before = format!("{decoder:?}");
        let result = decoder.insert(common::number(2), &image[16..32], &mut store);
        assert_eq!(format!("{decoder:?}"), before);
        flash = store.release();
        if result != Err(InsertError::Store(FlashError::Flash(PowerLost))) {
            break result;
        }
        lives += 1;
    };
    // M + L + 2K + 16
    let entries = 12 + 6 + 2 * 2 + 16;
    assert_eq!(result, Err(InsertError::Store(FlashError::JournalFull { entries })));
    assert!(lives + 1 >= entries, "{lives} lives");
}

#[test]
fn lent_buffers_are_cut_into_units_that_can_be_read_and_written() {
    let session = session(200, 9);
    for accumulators in [1, 3] {
        let mut buffers = vec![0; Store::<2>::buffer_len(9, accumulators)];
        let store = Store::<2>::create(Flash::new(4096, 1), 0, session, &mut buffers).unwrap();
        assert_eq!(usize::from(store.accumulators()), accumulators);
    }
    // A fragment of 9 octets takes 16, with the read buffer for a header of as many.
    assert_eq!(FlashStore::<SimFlash<1, 8, 128>, 2>::buffer_len(9, 2), 48);
    assert_eq!(FlashStore::<SimFlash<8, 4, 128>, 2>::buffer_len(9, 2), 48);
    assert_eq!(FlashStore::<SimFlash<4, 4, 128>, 2>::buffer_len(9, 2), 16 + 2 * 12);
    assert_eq!(FlashStore::<SimFlash<4, 4, 128>, 2>::buffer_len(30, 2), 3 * 32);
}

#[test]
fn set_up_leaves_alone_what_is_before_and_behind() {
    let mut flash = Flash::new(2048, 1);
    let before = flash.octets().to_vec();
    let mut buffers = [0; 64];
    FlashStore::<_, 2>::create(&mut flash, 256, session(100, 16), &mut buffers).unwrap();
    let end = (256..2048).rev().find(|at| flash.octets()[*at] != before[*at]).unwrap();
    // 7 data slots, 6 parity slots, 2 spare ones, and 33 entries of 8 octets behind the header's erase unit.
    let size: usize = 128 + 33 * 8 + 15 * 16;
    assert_eq!(end / 128, (256 + size - 1) / 128);
    assert_eq!(
        (&flash.octets()[..256], &flash.octets()[end + 128..]),
        (&before[..256], &before[end + 128..])
    );
}

#[test]
fn what_does_not_fit_is_said() {
    let session = session(200, 16);
    let mut buffers = [0; 64];
    let create = |capacity, base, buffers: &mut [u8]| {
        Store::<2>::create(Flash::new(capacity, 1), base, session, buffers).err()
    };
    assert_eq!(create(1024, 64, &mut buffers), Some(FlashError::Unaligned { base: 64, unit: 128 }));
    assert!(matches!(
        create(512, 0, &mut buffers),
        Some(FlashError::NoRoom { needed: 896.., capacity: 512 })
    ));
    assert_eq!(create(2048, 0, &mut [0; 31]), Some(FlashError::BufferTooShort { expected: 32, got: 31 }));
    let opened = Store::<2>::open(Flash::new(1024, 1), 0, &mut buffers).err();
    assert_eq!(opened, Some(FlashError::NoSession));
    let mut flash = Flash::new(2048, 1);
    FlashStore::<_, 2>::create(&mut flash, 0, session, &mut buffers).unwrap();
    let opened = Store::<3>::open(flash, 0, &mut buffers).err();
    assert_eq!(opened, Some(FlashError::Spares { expected: 3, got: 2 }));
}
