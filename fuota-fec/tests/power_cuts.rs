//! Power goes at every write and every erase, alone and in pairs: nothing that was committed is lost, nothing
//! is written twice, and the data block is the right one in the end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::flash::SimFlash;
use fuota_fec::{
    Decoder, DeferredDecoder, Encoder, FecError, FlashError, FlashSession, FlashStore, FragmentNumber,
    Geometry, InsertError, Mode, ParityRule, Progress, Steps, for_each_piece, words,
};

const SPARES: usize = 6;

type Flash<const WRITE: usize> = SimFlash<1, WRITE, 256>;
type Store<'a, const WRITE: usize> = FlashStore<'a, Flash<WRITE>, SPARES>;
type Inserted<const WRITE: usize> = Result<Progress, InsertError<FlashError<common::flash::PowerLost>>>;

/// What both decoders can do.
trait Device: Steps + Sized {
    fn fresh(session: FlashSession) -> Self;
    fn missing(&self) -> u16;
    fn is_complete(&self) -> bool;
    fn insert<const W: usize>(
        &mut self,
        n: FragmentNumber,
        data: &[u8],
        store: &mut Store<'_, W>,
    ) -> Inserted<W>;
    fn solve<const W: usize>(&mut self, store: &mut Store<'_, W>) -> Inserted<W>;
}

macro_rules! device {
    ($decoder:ident, $mode:expr) => {
        impl Device for $decoder<Vec<u32>> {
            fn fresh(session: FlashSession) -> Self {
                let memory = vec![0; words($mode, session.geometry.nb_frag(), session.max_lost) + 3];
                Self::new(session.geometry, session.rule, session.max_lost, memory).unwrap()
            }

            fn missing(&self) -> u16 {
                self.missing()
            }

            fn is_complete(&self) -> bool {
                self.is_complete()
            }

            fn insert<const W: usize>(
                &mut self,
                n: FragmentNumber,
                data: &[u8],
                store: &mut Store<'_, W>,
            ) -> Inserted<W> {
                self.insert(n, data, store)
            }

            fn solve<const W: usize>(&mut self, store: &mut Store<'_, W>) -> Inserted<W> {
                self.solve(store)
            }
        }
    };
}

device!(Decoder, Mode::Triangular);
device!(DeferredDecoder, Mode::Deferred);

struct Scene {
    session: FlashSession,
    image: Vec<u8>,
    /// Fragments in the order of their arrival.
    arrivals: Vec<(FragmentNumber, Vec<u8>)>,
}

fn scene(mode: Mode, rule: ParityRule, frag_size: u8) -> Scene {
    let image = common::generated("power cuts", 13 * usize::from(frag_size) - 3);
    let geometry = Geometry::new(image.len(), frag_size).unwrap();
    let encoder = Encoder::new(geometry, rule, &image).unwrap();
    // 3, 7 and 12 are lost, 10 comes after parity, 5 comes twice.
    let order = [1, 2, 4, 5, 6, 5, 8, 9, 11, 13, 14, 15, 10, 16, 17, 18].into_iter().chain(19..60);
    let arrivals = order.map(|n| {
        let mut data = vec![0; frag_size.into()];
        encoder.fragment(common::number(n), &mut data).unwrap();
        (common::number(n), data)
    });
    let session = FlashSession { geometry, rule, mode, max_lost: 9 };
    Scene { session, arrivals: arrivals.collect(), image: image.clone() }
}

/// One life of the device: from power up to power loss or the end. `Ok(true)` is the end.
struct Life<'s> {
    scene: &'s Scene,
    /// The next arrival; the one under way when power went is gone.
    next: usize,
    /// Missing fragments after the last one that was committed; `None` before the session is set up.
    committed: Option<u16>,
}

impl Life<'_> {
    fn live<D: Device, const W: usize>(&mut self, mut flash: Flash<W>) -> (Flash<W>, bool) {
        let Scene { session, image, .. } = self.scene;
        let mut buffers = vec![0; Store::<W>::buffer_len(session.geometry.frag_size(), 3)];
        match Store::<W>::open(flash.clone(), 256, &mut buffers) {
            Ok(_) => {}
            Err(FlashError::NoSession) => {
                assert_eq!(self.committed, None, "the session is gone");
                if !set_up(&mut flash, *session, &mut buffers) {
                    return (flash, false);
                }
            }
            Err(error) => panic!("{error}"),
        }
        let mut store = Store::<W>::open(flash, 256, &mut buffers).unwrap();
        assert_eq!(store.session(), *session);
        let mut decoder = D::fresh(*session);
        store.resume(&mut decoder).unwrap();
        if let Some(committed) = self.committed {
            // The one under way may have come through, if power went with its very last bits.
            let found = decoder.missing();
            assert!(found == committed || found + 1 == committed, "{committed} were missing, now {found}");
        }
        self.committed = Some(decoder.missing());
        let whole = self.go_on(&mut decoder, &mut store);
        if whole {
            let mut block = Vec::new();
            for_each_piece(&mut store, session.geometry, |piece| block.extend_from_slice(piece)).unwrap();
            assert!(block == *image, "a wrong block");
        }
        (store.release(), whole)
    }

    /// Takes fragments until the block is whole or power goes.
    fn go_on<D: Device, const W: usize>(&mut self, decoder: &mut D, store: &mut Store<'_, W>) -> bool {
        if decoder.missing() == 0 && !decoder.is_complete() {
            return decoder.solve(store) == Ok(Progress::Complete);
        }
        while !decoder.is_complete() {
            let (n, data) = &self.scene.arrivals[self.next];
            self.next += 1;
            let result = decoder.insert(*n, data, store);
            // A fragment that completes the rank has counted even if solving is cut short.
            self.committed = Some(decoder.missing());
            match result {
                Ok(_) | Err(InsertError::Fec(FecError::TooManyMissing { .. })) => {}
                Err(InsertError::Store(FlashError::Flash(_))) => return false,
                Err(error) => panic!("{error}"),
            }
        }
        true
    }
}

fn set_up<const W: usize>(flash: &mut Flash<W>, session: FlashSession, buffers: &mut [u8]) -> bool {
    match FlashStore::<_, SPARES>::create(flash, 256, session, buffers) {
        Ok(_) => true,
        Err(FlashError::Flash(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Lives as often as power comes back, cut after each of `cuts` units; says how many units the last, uncut
/// life touched.
fn survive<D: Device, const W: usize>(scene: &Scene, cuts: &[usize], seed: u64) -> usize {
    let mut device = Life { scene, next: 0, committed: None };
    let mut flash = Flash::<W>::new(256 * 24, seed);
    for left in cuts.iter().copied().chain([usize::MAX]) {
        flash.power_up(left);
        let (kept, whole) = device.live::<D, W>(flash);
        flash = kept;
        if whole {
            break;
        }
        assert_ne!(left, usize::MAX, "the block is whole once power holds");
    }
    let touched = flash.touched;
    // Once more: a whole block is still whole after a reset.
    flash.power_up(0);
    let (_, whole) = device.live::<D, W>(flash);
    assert!(whole);
    touched
}

fn every_cut_and_every_pair<D: Device, const W: usize>(
    mode: Mode,
    rule: ParityRule,
    frag_size: u8,
    stride: usize,
) {
    let scene = scene(mode, rule, frag_size);
    let units = survive::<D, W>(&scene, &[], 1);
    assert!(units > 40);
    for first in 0..units {
        for seed in 0..4 {
            survive::<D, W>(&scene, &[first], seed);
        }
        for second in (first % stride..units).step_by(stride) {
            survive::<D, W>(&scene, &[first, second], (first * units + second) as u64);
        }
    }
}

fn four_random_cuts<D: Device, const W: usize>(mode: Mode, rule: ParityRule, frag_size: u8) {
    let scene = scene(mode, rule, frag_size);
    let units = survive::<D, W>(&scene, &[], 1);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for seed in 0..3000 {
        let cuts: [usize; 4] = std::array::from_fn(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) as usize % units
        });
        survive::<D, W>(&scene, &cuts, seed);
    }
}

#[test]
fn triangular_in_single_octets() {
    every_cut_and_every_pair::<Decoder<Vec<u32>>, 1>(Mode::Triangular, ParityRule::V1, 8, 1);
}

#[test]
fn triangular_in_words() {
    every_cut_and_every_pair::<Decoder<Vec<u32>>, 4>(Mode::Triangular, ParityRule::V2, 10, 1);
}

#[test]
fn triangular_in_units_above_an_entry() {
    every_cut_and_every_pair::<Decoder<Vec<u32>>, 16>(Mode::Triangular, ParityRule::V1, 16, 1);
}

#[test]
fn deferred_in_single_octets() {
    every_cut_and_every_pair::<DeferredDecoder<Vec<u32>>, 1>(Mode::Deferred, ParityRule::V1, 8, 1);
}

#[test]
fn deferred_in_words() {
    every_cut_and_every_pair::<DeferredDecoder<Vec<u32>>, 4>(Mode::Deferred, ParityRule::V2, 10, 1);
}

#[test]
fn deferred_in_units_above_an_entry() {
    every_cut_and_every_pair::<DeferredDecoder<Vec<u32>>, 16>(Mode::Deferred, ParityRule::V1, 16, 1);
}

#[test]
fn four_cuts_anywhere() {
    four_random_cuts::<Decoder<Vec<u32>>, 4>(Mode::Triangular, ParityRule::V1, 10);
    four_random_cuts::<DeferredDecoder<Vec<u32>>, 4>(Mode::Deferred, ParityRule::V1, 10);
    four_random_cuts::<Decoder<Vec<u32>>, 8>(Mode::Triangular, ParityRule::V2, 24);
    four_random_cuts::<DeferredDecoder<Vec<u32>>, 8>(Mode::Deferred, ParityRule::V2, 24);
}
