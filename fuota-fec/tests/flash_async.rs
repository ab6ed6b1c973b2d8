//! The store in flash that is waited for: it does what the blocking one does, and whatever call is dropped half-way,
//! nothing committed is lost and nothing is written twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use common::flash::{PowerLost, SimFlash};
use embedded_storage::nor_flash as blocking;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use fuota_fec::{
    AsyncFlashStore, Decoder, DeferredDecoder, Encoder, FecError, FlashError, FlashSession, FragmentNumber,
    Geometry, InsertError, Mode, ParityRule, Progress, Steps, words,
};

const SPARES: usize = 4;

type Flash = SimFlash<1, 4, 256>;
type Store<'a> = AsyncFlashStore<'a, Slow, SPARES>;

/// Flash that lets others go first, before it does anything and after it has done it.
#[derive(Debug)]
struct Slow(Flash);

async fn let_others_go_first() {
    let mut asked = false;
    std::future::poll_fn(
        |_| {
            if std::mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending }
        },
    )
    .await;
}

impl ErrorType for Slow {
    type Error = PowerLost;
}

impl ReadNorFlash for Slow {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), PowerLost> {
        let_others_go_first().await;
        let result = blocking::ReadNorFlash::read(&mut self.0, offset, bytes);
        let_others_go_first().await;
        result
    }

    fn capacity(&self) -> usize {
        self.0.octets().len()
    }
}

impl NorFlash for Slow {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 256;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), PowerLost> {
        let_others_go_first().await;
        blocking::NorFlash::erase(&mut self.0, from, to)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), PowerLost> {
        let_others_go_first().await;
        let result = blocking::NorFlash::write(&mut self.0, offset, bytes);
        let_others_go_first().await;
        result
    }
}

/// Polls a future until it is done, or drops it after so many polls.
fn poll<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    })
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    poll(future, usize::MAX).unwrap()
}

struct Scene {
    session: FlashSession,
    image: Vec<u8>,
    arrivals: Vec<(FragmentNumber, Vec<u8>)>,
}

/// 3, 7 and 12 of 13 are lost, 10 comes after parity.
fn scene(mode: Mode) -> Scene {
    let image = common::generated("waiting", 13 * 10 - 3);
    let geometry = Geometry::new(image.len(), 10).unwrap();
    let encoder = Encoder::new(geometry, ParityRule::V1, &image).unwrap();
    let order = [1, 2, 4, 5, 6, 8, 9, 11, 13, 14, 15, 10].into_iter().chain(16..60);
    let arrivals = order.map(|n| {
        let mut data = vec![0; 10];
        encoder.fragment(common::number(n), &mut data).unwrap();
        (common::number(n), data)
    });
    let session = FlashSession { geometry, rule: ParityRule::V1, mode, max_lost: 9 };
    Scene { session, arrivals: arrivals.collect(), image: image.clone() }
}

/// Feeds all fragments, the one in `dropped` with a future that is dropped after so many polls; says whether it was.
/// The fragment that was dropped comes again.
fn receive<D: Steps>(
    scene: &Scene,
    store: &mut Store<'_>,
    decoder: &mut D,
    dropped: Option<(usize, usize)>,
) -> bool {
    let mut cut = false;
    for (at, (n, data)) in scene.arrivals.iter().enumerate() {
        if let Some((fragment, polls)) = dropped
            && fragment == at
        {
            match poll(store.insert(decoder, *n, data), polls) {
                Some(Ok(Progress::Complete)) => break,
                Some(_) => continue,
                None => cut = true,
            }
        }
        let result = match wait(store.insert(decoder, *n, data)) {
            // The call that was dropped had full rank, and was not writing.
            Err(InsertError::Fec(FecError::AlreadyComplete)) => wait(store.solve(decoder)),
            result => result,
        };
        if result.unwrap() == Progress::Complete {
            break;
        }
    }
    cut
}

fn block(store: &mut Store<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    for index in 0..store.session().geometry.nb_frag() {
        block.extend_from_slice(wait(store.piece(index)).unwrap());
    }
    block
}

fn whole_whatever_is_dropped<D: Steps>(mode: Mode, fresh: impl Fn(&FlashSession) -> D) {
    let scene = scene(mode);
    let set_up = |buffers: &mut [u8]| {
        let flash = Slow(Flash::new(256 * 24, 1));
        wait(Store::create(flash, 256, scene.session, buffers)).unwrap().release()
    };
    let mut buffers = vec![0; Store::buffer_len(10, 3)];
    let mut drops = 0;
    for fragment in 0..scene.arrivals.len() {
        for polls in 1.. {
            let flash = set_up(&mut buffers);
            let mut store = wait(Store::open(flash, 256, &mut buffers)).unwrap();
            let mut decoder = fresh(&scene.session);
            wait(store.resume(&mut decoder)).unwrap();
            let cut = receive(&scene, &mut store, &mut decoder, Some((fragment, polls)));
            assert!(block(&mut store) == scene.image, "fragment {fragment} dropped after {polls} polls");
            // After a reset it is still whole.
            let mut store = wait(Store::open(store.release(), 256, &mut buffers)).unwrap();
            let mut decoder = fresh(&scene.session);
            wait(store.resume(&mut decoder)).unwrap();
            assert_eq!(decoder.begin(common::number(1)), Err(FecError::AlreadyComplete));
            assert!(block(&mut store) == scene.image);
            drops += usize::from(cut);
            if !cut {
                break;
            }
        }
    }
    assert!(drops > 100, "{drops} calls were dropped");
}

/// One write fails, and its fragment does not come again. Whatever that has left in flash, the decoder and what a reset
/// makes of it stay the same.
fn in_step_whatever_fails<D: Steps>(mode: Mode, fresh: impl Fn(&FlashSession) -> D) {
    let scene = scene(mode);
    let mut buffers = vec![0; Store::buffer_len(10, 3)];
    let mut resumed = 0;
    for (fails_at, seed) in (0..130).flat_map(|fails_at| (1..10).map(move |seed| (fails_at, seed))) {
        let flash = Slow(Flash::new(256 * 24, seed));
        let mut store = wait(Store::create(flash, 256, scene.session, &mut buffers)).unwrap();
        let Slow(mut flash) = store.release();
        flash.fail_once(fails_at);
        store = wait(Store::open(Slow(flash), 256, &mut buffers)).unwrap();
        let mut decoder = fresh(&scene.session);
        wait(store.resume(&mut decoder)).unwrap();
        for (n, data) in &scene.arrivals {
            let result = match wait(store.insert(&mut decoder, *n, data)) {
                Err(InsertError::Fec(FecError::AlreadyComplete)) => wait(store.solve(&mut decoder)),
                result => result,
            };
            match result {
                Ok(Progress::Complete) => break,
                Ok(_) | Err(InsertError::Store(FlashError::Flash(PowerLost))) => {}
                Err(InsertError::Store(FlashError::OutOfStep)) => {
                    decoder = fresh(&scene.session);
                    wait(store.resume(&mut decoder)).unwrap();
                    resumed += 1;
                }
                Err(error) => panic!("{error}: failing at {fails_at}"),
            }
        }
        assert!(block(&mut store) == scene.image, "failing at {fails_at}, seed {seed}");
        let mut store = wait(Store::open(store.release(), 256, &mut buffers)).unwrap();
        let mut decoder = fresh(&scene.session);
        wait(store.resume(&mut decoder)).unwrap();
        assert_eq!(decoder.begin_solve(1), Err(FecError::AlreadyComplete), "failing at {fails_at}");
        assert!(block(&mut store) == scene.image, "failing at {fails_at}, seed {seed}");
    }
    assert!(resumed > 0);
}

fn fresh_triangular(session: &FlashSession) -> Decoder<Vec<u32>> {
    let memory = vec![0; words(session.mode, session.geometry.nb_frag(), session.max_lost)];
    Decoder::new(session.geometry, session.rule, session.max_lost, memory).unwrap()
}

fn fresh_deferred(session: &FlashSession) -> DeferredDecoder<Vec<u32>> {
    let memory = vec![0; words(session.mode, session.geometry.nb_frag(), session.max_lost) + 3];
    DeferredDecoder::new(session.geometry, session.rule, session.max_lost, memory).unwrap()
}

#[test]
fn triangular() {
    whole_whatever_is_dropped(Mode::Triangular, fresh_triangular);
    in_step_whatever_fails(Mode::Triangular, fresh_triangular);
}

#[test]
fn deferred() {
    whole_whatever_is_dropped(Mode::Deferred, fresh_deferred);
    in_step_whatever_fails(Mode::Deferred, fresh_deferred);
}

/// The write that makes the last one needed count is brought to its end by the next call, which then solves,
/// whatever it brings itself.
#[test]
fn a_call_after_the_last_one_was_dropped_solves() {
    let scene = scene(Mode::Deferred);
    // The entry and the octets are each waited for before and after they are written.
    for polls in 1..=4 {
        let mut buffers = vec![0; Store::buffer_len(10, 3)];
        let flash = Slow(Flash::new(256 * 24, 1));
        let mut store = wait(Store::create(flash, 0, scene.session, &mut buffers)).unwrap();
        let mut decoder = fresh_deferred(&scene.session);
        let mut arrivals = scene.arrivals.iter();
        let mut insert = |polls, decoder: &mut DeferredDecoder<Vec<u32>>| {
            let (n, data) = arrivals.next().unwrap();
            poll(store.insert(decoder, *n, data), polls)
        };
        while decoder.missing() > 1 {
            insert(usize::MAX, &mut decoder).unwrap().unwrap();
        }
        while insert(polls, &mut decoder).is_some() {}
        assert_eq!(insert(usize::MAX, &mut decoder), Some(Ok(Progress::Complete)), "{polls} polls");
    }
}

#[test]
fn export_waits_for_both_sides() {
    let scene = scene(Mode::Triangular);
    let mut buffers = vec![0; Store::buffer_len(10, 1)];
    let flash = Slow(Flash::new(256 * 24, 1));
    let mut store = wait(Store::create(flash, 0, scene.session, &mut buffers)).unwrap();
    let memory = vec![0; words(Mode::Triangular, 13, 9)];
    let mut decoder = Decoder::new(scene.session.geometry, ParityRule::V1, 9, memory).unwrap();
    receive(&scene, &mut store, &mut decoder, None);
    assert_eq!(store.image_offset(), None, "slots of 12 octets hold fragments of 10");
    let mut target = Slow(Flash::new(1024, 2));
    wait(target.erase(0, 1024)).unwrap();
    wait(store.export(&mut target, 256, &mut [0; 16])).unwrap().unwrap();
    assert_eq!(target.0.octets()[256..][..scene.image.len()], scene.image);
}
