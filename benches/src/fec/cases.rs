//! What is measured, and what it has to reach.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use fuota_fec::batch::{self, ParityColumns, ParityRows, RankScratch};
use fuota_fec::{
    Decoder, DeferredDecoder, Encoder, Entry, FragmentNumber, FragmentStore, Geometry, MemoryStore, Mode,
    ParityRule, Slot, words,
};
use lrwn::applayer::fragmentation as peer;

use super::Case;
use super::stand_in::StandIn;
use crate::measure::{Repeated, median};
use crate::report::{Comparison, Figure, Row};

/// A data block and how it is coded.
#[derive(Clone)]
struct Work {
    geometry: Geometry,
    rule: ParityRule,
    parity: u16,
    image: Vec<u8>,
}

type Received = Vec<(FragmentNumber, Vec<u8>)>;

impl Work {
    fn new(nb_frag: u16, frag_size: u8, parity: u16, rule: ParityRule) -> Result<Self, Box<dyn Error>> {
        let geometry = Geometry::from_session(nb_frag, frag_size, 0)?;
        let mut random = Random(7);
        let image = (0..geometry.image_len()).map(|_| random.next().to_le_bytes()[0]).collect();
        Ok(Self { geometry, rule, parity, image })
    }

    fn name(&self, what: &str) -> String {
        let Self { geometry, rule, parity, .. } = self;
        format!("{what} {}x{}, {parity} parity, {rule:?}", geometry.nb_frag(), geometry.frag_size())
    }

    fn lrwn(&self) -> Repeated<'static> {
        let Self { geometry, rule, parity, image } = self.clone();
        let (size, parity) = (usize::from(geometry.frag_size()), usize::from(parity));
        repeated(move || match rule {
            ParityRule::V1 => peer::v1::encode(&image, size, parity),
            ParityRule::V2 => peer::v2::encode(&image, size, parity),
        })
    }

    fn against_lrwn(
        &self,
        what: &str,
        target: Option<(f64, f64)>,
        ours: Repeated<'static>,
    ) -> Result<Case, Box<dyn Error>> {
        let (size, parity) = (usize::from(self.geometry.frag_size()), usize::from(self.parity));
        let theirs = match self.rule {
            ParityRule::V1 => peer::v1::encode(&self.image, size, parity),
            ParityRule::V2 => peer::v2::encode(&self.image, size, parity),
        };
        let theirs = theirs.map_err(|error| error.to_string())?;
        if theirs.concat()[self.image.len()..]
            != batch::encode(self.geometry, self.rule, &self.image, self.parity)?
        {
            return Err("lrwn gives other parity fragments".into());
        }
        Ok(Case { name: format!("{} / lrwn", self.name(what)), ours, peer: self.lrwn(), target })
    }

    fn encode(&self) -> Repeated<'static> {
        let Self { geometry, rule, parity, image } = self.clone();
        repeated(move || batch::encode(geometry, rule, &image, parity))
    }

    fn encode_plainly(&self) -> Repeated<'static> {
        let Self { geometry, rule, parity, image } = self.clone();
        repeated(move || batch::encode_plainly(geometry, rule, &image, parity))
    }

    /// Fragments that come through at one loss in ten, and a few more parity fragments than are lost.
    fn received(&self) -> Result<Received, Box<dyn Error>> {
        let encoder = Encoder::new(self.geometry, self.rule, &self.image)?;
        let (mut random, mut lost, mut received) = (Random(11), 0, Vec::new());
        let m = self.geometry.nb_frag();
        for n in 1.. {
            if n <= m && random.next() % 10 == 0 {
                lost += 1;
                continue;
            }
            if n > m + lost + 12 {
                return Ok(received);
            }
            let mut fragment = vec![0; self.geometry.frag_size().into()];
            let n = FragmentNumber::try_from(n)?;
            encoder.fragment(n, &mut fragment)?;
            received.push((n, fragment));
        }
        Ok(received)
    }
}

/// All comparisons; under valgrind without those that would take it many minutes.
pub(super) fn all(quick: bool) -> Result<Vec<Case>, Box<dyn Error>> {
    let small = Work::new(205, 50, 61, ParityRule::V1)?;
    let middle = Work::new(1024, 100, 307, ParityRule::V1)?;
    let mut cases = vec![
        small.against_lrwn("encode", None, small.encode())?,
        middle.against_lrwn("encode", Some((45.0, 65.0)), middle.encode())?,
        middle.against_lrwn("encode, rows cached,", Some((100.0, 100.0)), {
            let Work { geometry, rule, parity, image } = middle.clone();
            let rows = ParityRows::first(geometry, rule, parity);
            repeated(move || batch::encode_with(&rows, geometry, &image))
        })?,
        middle.against_lrwn("encode, no SIMD detection,", Some((12.0, 12.0)), middle.encode_plainly())?,
    ];
    for (rule, target) in [(ParityRule::V1, 45.0), (ParityRule::V2, 38.0)] {
        let large = Work::new(4267, 48, 1280, rule)?;
        cases.push(large.against_lrwn("encode", Some((target, target)), large.encode())?);
        cases.push(large.against_lrwn(
            "encode, no SIMD detection,",
            Some((12.0, 12.0)),
            large.encode_plainly(),
        )?);
    }
    cases.push(Case {
        name: format!("{} / raptorq", middle.name("encode")),
        ours: middle.encode(),
        peer: raptorq_encode(&middle),
        target: None,
    });
    cases.push(Case {
        name: format!("{} / reed-solomon-simd", middle.name("encode")),
        ours: middle.encode(),
        peer: reed_solomon_encode(&middle),
        target: None,
    });
    let decoded = [(1024, 100, 15.0), (4267, 48, 60.0), (14600, 50, 150.0)];
    for (nb_frag, frag_size, target) in
        decoded.into_iter().filter(|(nb_frag, ..)| !quick || *nb_frag < 10_000)
    {
        cases.push(decode(&Work::new(nb_frag, frag_size, 0, ParityRule::V1)?, target)?);
    }
    Ok(cases)
}

fn raptorq_encode(work: &Work) -> Repeated<'static> {
    let Work { geometry, parity, image, .. } = work.clone();
    repeated(move || {
        let config = raptorq::ObjectTransmissionInformation::new(
            image.len() as u64,
            geometry.frag_size().into(),
            1,
            1,
            1,
        );
        let encoder = raptorq::SourceBlockEncoder::new(0, &config, &image);
        encoder.repair_packets(0, parity.into()).len()
    })
}

fn reed_solomon_encode(work: &Work) -> Repeated<'static> {
    let Work { geometry, parity, image, .. } = work.clone();
    repeated(move || {
        let original = image.chunks(geometry.frag_size().into());
        reed_solomon_simd::encode(geometry.nb_frag().into(), parity.into(), original)
    })
}

fn decode(work: &Work, target: f64) -> Result<Case, Box<dyn Error>> {
    let Work { geometry, rule, image, .. } = work.clone();
    let received = work.received()?;
    let (m, size) = (usize::from(geometry.nb_frag()), usize::from(geometry.frag_size()));
    let stand_in = {
        let received = received.clone();
        move || {
            let mut decoder = StandIn::new(m, size);
            let whole = received.iter().any(|(n, data)| decoder.insert(n.get().into(), data));
            (whole, decoder)
        }
    };
    let (whole, decoder) = stand_in();
    let ours = move || batch::decode(geometry, rule, received.iter().map(|(n, data)| (*n, &data[..])));
    if !whole || decoder.block() != image || ours()? != image {
        return Err("the decoders don't agree on the data block".into());
    }
    Ok(Case {
        name: format!("decode {m}x{size}, 10 % lost, V1 / stand-in"),
        ours: repeated(ours),
        peer: repeated(move || stand_in().0),
        target: Some((target, target)),
    })
}

/// What is held against a number rather than a peer.
pub(super) fn limits() -> Result<Vec<Row>, Box<dyn Error>> {
    let ram = 4 * words(Mode::Triangular, 1000, 100) + size_of::<Decoder<&mut [u32]>>();
    let (deferred_ram, reads) = deferred_reads()?;
    Ok(vec![
        limit("rank-only, M = 429, R = 129, p ~ Beta(2,18)", rank_speed()?, "receptions/s and core", 3e8),
        limit("device RAM, M = 1000, L = 100, triangular", ram as f64, "octets", 1100.0),
        limit("device RAM, M = 1000, L = 100, deferred", deferred_ram as f64, "octets", 8192.0),
        limit("fragment reads in it, 100 lost of FragSize 50", reads as f64, "reads", 3500.0),
    ])
}

fn limit(name: &str, ours: f64, unit: &'static str, limit: f64) -> Row {
    Row {
        name: name.to_owned(),
        figures: vec![Figure::new("ours", ours, unit), Figure::new("limit", limit, unit)],
        comparisons: vec![Comparison::with_limit(ours, limit, unit)],
    }
}

/// Fragment receptions per second of the rank-only path, with losses drawn for each receiver.
fn rank_speed() -> Result<f64, Box<dyn Error>> {
    const RECEIVERS: u64 = 20_000;
    let geometry = Geometry::from_session(429, 1, 0)?;
    let columns = ParityColumns::new(geometry, ParityRule::V1, 129);
    let (mut random, mut scratch) = (Random(5), RankScratch::default());
    let mut lost = vec![0; columns.lost_words()];
    let mut speeds = Vec::new();
    for _ in 0..9 {
        let start = Instant::now();
        let mut complete = 0_u32;
        for _ in 0..RECEIVERS {
            let loss = random.beta_2_18();
            lost.fill_with(|| random.bits(loss));
            complete += u32::from(columns.complete_at(&lost, &mut scratch).is_some());
        }
        black_box(complete);
        speeds.push((RECEIVERS * (429 + 129)) as f64 / start.elapsed().as_secs_f64());
    }
    Ok(median(speeds))
}

/// RAM and fragment reads of the deferred decoder with 8 KB, 100 of 1000 lost.
fn deferred_reads() -> Result<(usize, usize), Box<dyn Error>> {
    const ACCUMULATORS: u16 = 34;
    let geometry = Geometry::from_session(1000, 50, 0)?;
    let fixed = size_of::<DeferredDecoder<&mut [u32]>>() + 50 * usize::from(ACCUMULATORS);
    let memory = vec![0; (8192 - fixed) / 4];
    let ram = fixed + 4 * memory.len();
    let mut decoder = DeferredDecoder::new(geometry, ParityRule::V1, 100, memory)?;
    let mut store = Counting { inner: MemoryStore::with_accumulators(geometry, ACCUMULATORS), reads: 0 };
    let image: Vec<u8> = (0..50_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    let encoder = Encoder::new(geometry, ParityRule::V1, &image)?;
    let mut fragment = [0; 50];
    for n in (1..).filter(|n| *n > 1000 || n % 10 != 3) {
        let n = FragmentNumber::try_from(n)?;
        encoder.fragment(n, &mut fragment)?;
        decoder.insert(n, &fragment, &mut store)?;
        if decoder.is_complete() {
            break;
        }
    }
    if store.inner.image() != image {
        return Err("the deferred decoder gives another data block".into());
    }
    Ok((ram, store.reads))
}

struct Counting {
    inner: MemoryStore,
    reads: usize,
}

impl FragmentStore for Counting {
    type Error = <MemoryStore as FragmentStore>::Error;

    fn accumulators(&self) -> u16 {
        self.inner.accumulators()
    }

    fn load(&mut self, fragment: &[u8]) {
        self.inner.load(fragment);
    }

    fn read(&mut self, slot: Slot) -> Result<(), Self::Error> {
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

    fn save(&mut self, acc: u16, slot: Slot, entry: Entry) -> Result<(), Self::Error> {
        self.inner.save(acc, slot, entry)
    }
}

fn repeated<T>(mut operation: impl FnMut() -> T + 'static) -> Repeated<'static> {
    Box::new(move |times| {
        for _ in 0..times {
            black_box(operation());
        }
    })
}

/// A counter, mixed: draws depend on their index alone.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The second smallest of 19 uniform draws is Beta(2, 18).
    fn beta_2_18(&mut self) -> f64 {
        let (mut least, mut second) = (1.0, 1.0);
        for _ in 0..19 {
            let draw = self.unit();
            if draw < least {
                (least, second) = (draw, least);
            } else if draw < second {
                second = draw;
            }
        }
        second
    }

    /// 64 bits, each a one with this probability, to 16 binary places: one draw per place, from the last on.
    fn bits(&mut self, probability: f64) -> u64 {
        // The probability is a number between 0 and 1.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let places = (probability * 65536.0) as u32;
        let mut bits = 0;
        for place in places.trailing_zeros().min(16)..16 {
            let random = self.next();
            bits = if places >> place & 1 != 0 { bits | random } else { bits & random };
        }
        bits
    }
}
