//! A code of one's own beside those of TS004, on the same losses: how likely a block is complete after so many more
//! fragments than M, and how long the parity takes to make.
//!
//! ```text
//! cargo run --release -p fuota-fec --example compare > curve.csv
//! ```
//!
//! [`Sparse`] stands for the code of one's own: every parity fragment is the sum of twelve fragments. For more codes,
//! plots and intervals see `fuota fec curve`.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use fuota_fec::batch::{ParityColumns, RankScratch, encode};
use fuota_fec::{Geometry, ParityRule, xor};

const NB_FRAG: u16 = 200;
const FRAG_SIZE: u8 = 50;
const PARITY: u16 = 100;
/// Probability that a fragment is lost.
const LOSS: f64 = 0.2;
const RECEIVERS: u32 = 5_000;
/// Fragments received beyond M, in the last line.
const MOST: u16 = 12;

/// What is compared.
trait Code {
    fn name(&self) -> &'static str;

    /// Parity fragments of a block, one behind the other.
    fn encode(&self, block: &[u8]) -> Vec<u8>;

    /// The number of the fragment with which a receiver is complete that loses those (bit N − 1 for fragment N), if it
    /// ever is.
    fn complete_at(&mut self, lost: &[u64]) -> Option<u16>;
}

fn main() -> Result<(), Box<dyn Error>> {
    let geometry = Geometry::from_session(NB_FRAG, FRAG_SIZE, 0)?;
    let block: Vec<u8> = (0..geometry.image_len()).map(|i| (i * i).to_le_bytes()[0]).collect();
    let mut codes: [Box<dyn Code>; 3] = [
        Box::new(Ts004::new(geometry, ParityRule::V1)),
        Box::new(Ts004::new(geometry, ParityRule::V2)),
        Box::new(Sparse::new()),
    ];
    let mut random = Random(1);
    let mut complete = [[0_u32; MOST as usize + 1]; 3];
    for _ in 0..RECEIVERS {
        let lost = losses(&mut random);
        for (code, complete) in codes.iter_mut().zip(&mut complete) {
            let Some(last) = code.complete_at(&lost) else { continue };
            let extra = received(&lost, last) - NB_FRAG;
            for count in complete.iter_mut().skip(extra.into()) {
                *count += 1;
            }
        }
    }

    println!("extra,{}", codes.each_ref().map(|code| code.name()).join(","));
    for extra in 0..=MOST {
        let shares = complete.map(|counts| f64::from(counts[usize::from(extra)]) / f64::from(RECEIVERS));
        println!("{extra},{}", shares.map(|share| format!("{share:.4}")).join(","));
    }
    for code in &codes {
        let began = Instant::now();
        black_box(code.encode(black_box(&block)));
        eprintln!("{}: {PARITY} parity fragments in {:?}", code.name(), began.elapsed());
    }
    Ok(())
}

fn losses(random: &mut Random) -> Vec<u64> {
    let mut lost = vec![0; usize::from(NB_FRAG + PARITY).div_ceil(64)];
    for n in (0..usize::from(NB_FRAG + PARITY)).filter(|_| random.unit() < LOSS) {
        lost[n / 64] |= 1 << (n % 64);
    }
    lost
}

fn is_lost(lost: &[u64], n: u16) -> bool {
    let i = usize::from(n - 1);
    lost[i / 64] >> (i % 64) & 1 == 1
}

/// Fragments that have come through by the `last`-th.
fn received(lost: &[u64], last: u16) -> u16 {
    (1..=last).map(|n| u16::from(!is_lost(lost, n))).sum()
}

/// The code of the standard.
struct Ts004 {
    geometry: Geometry,
    rule: ParityRule,
    columns: ParityColumns,
    scratch: RankScratch,
}

impl Ts004 {
    fn new(geometry: Geometry, rule: ParityRule) -> Self {
        let columns = ParityColumns::new(geometry, rule, PARITY);
        Self { geometry, rule, columns, scratch: RankScratch::default() }
    }
}

impl Code for Ts004 {
    fn name(&self) -> &'static str {
        match self.rule {
            ParityRule::V1 => "ts004-v1",
            ParityRule::V2 => "ts004-v2",
        }
    }

    fn encode(&self, block: &[u8]) -> Vec<u8> {
        encode(self.geometry, self.rule, block, PARITY).unwrap_or_default()
    }

    fn complete_at(&mut self, lost: &[u64]) -> Option<u16> {
        self.columns.complete_at(lost, &mut self.scratch)
    }
}

/// A row with a bit for each fragment.
type Row = [u64; (NB_FRAG as usize).div_ceil(64)];

/// A code of one's own.
struct Sparse {
    rows: Vec<Row>,
}

impl Sparse {
    fn new() -> Self {
        let mut random = Random(2);
        let mut row = || {
            let mut row = Row::default();
            while row.iter().map(|word| word.count_ones()).sum::<u32>() < 12 {
                let i = random.below(NB_FRAG);
                row[i / 64] |= 1 << (i % 64);
            }
            row
        };
        Self { rows: (0..PARITY).map(|_| row()).collect() }
    }
}

impl Code for Sparse {
    fn name(&self) -> &'static str {
        "sparse"
    }

    fn encode(&self, block: &[u8]) -> Vec<u8> {
        let mut parity = vec![0; usize::from(PARITY) * usize::from(FRAG_SIZE)];
        for (sum, row) in parity.chunks_exact_mut(FRAG_SIZE.into()).zip(&self.rows) {
            for (i, fragment) in block.chunks_exact(FRAG_SIZE.into()).enumerate() {
                if row[i / 64] >> (i % 64) & 1 == 1 {
                    xor(sum, fragment);
                }
            }
        }
        parity
    }

    fn complete_at(&mut self, lost: &[u64]) -> Option<u16> {
        // What is unknown: the uncoded fragments that are lost.
        let mut unknown: Row = std::array::from_fn(|word| lost[word]);
        if let Some(last) = unknown.last_mut() {
            *last &= (1 << (NB_FRAG % 64)) - 1;
        }
        let mut missing = unknown.iter().map(|word| word.count_ones()).sum::<u32>();
        if missing == 0 {
            return Some(NB_FRAG);
        }
        let mut echelon: Vec<(usize, Row)> = Vec::new();
        for (n, row) in (NB_FRAG + 1..).zip(&self.rows).filter(|&(n, _)| !is_lost(lost, n)) {
            let mut row: Row = std::array::from_fn(|word| row[word] & unknown[word]);
            for (pivot, other) in &echelon {
                if row[pivot / 64] >> (pivot % 64) & 1 == 1 {
                    row = std::array::from_fn(|word| row[word] ^ other[word]);
                }
            }
            let Some(word) = row.iter().position(|&word| word != 0) else { continue };
            echelon.push((64 * word + row[word].trailing_zeros() as usize, row));
            missing -= 1;
            if missing == 0 {
                return Some(n);
            }
        }
        None
    }
}

/// Numbers by xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: u16) -> usize {
        (self.next() >> 32) as usize % usize::from(end)
    }
}
