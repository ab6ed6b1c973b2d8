//! The slow, obvious twin: everything here follows the standard's text line by line, one bit at a time.
//! The fast paths are tested against it.

use alloc::vec;
use alloc::vec::Vec;

use crate::ParityRule;

/// The row of parity fragment k over `m` uncoded fragments (TS004-1.0.0 and TS004-2.0.0, FEC annex).
#[must_use]
pub fn row(rule: ParityRule, m: usize, k: u32) -> Vec<bool> {
    let modulus = if m.is_power_of_two() { m + 1 } else { m };
    let mut x = 1 + 1001 * u64::from(k);
    let mut row = vec![false; m];
    let mut count = 0;
    while count < m / 2 {
        let position = loop {
            let feedback = (x & 1) ^ ((x >> 5) & 1);
            x = x / 2 + feedback * (1 << 22);
            let draw = usize::try_from(x).unwrap_or(usize::MAX) % modulus;
            if draw < m {
                break draw;
            }
        };
        match rule {
            ParityRule::V1 => {
                row[position] = true;
                count += 1;
            }
            ParityRule::V2 => {
                if !row[position] {
                    row[position] = true;
                    count += 1;
                }
            }
        }
    }
    row
}

/// Fragment N of a data block that has been cut and padded: 1 ≤ N.
#[must_use]
pub fn fragment(rule: ParityRule, uncoded: &[Vec<u8>], n: u32) -> Vec<u8> {
    let mut out = vec![0; uncoded.first().map_or(0, Vec::len)];
    for (taken, fragment) in full_row(rule, uncoded.len(), n).iter().zip(uncoded) {
        if *taken {
            for (o, f) in out.iter_mut().zip(fragment) {
                *o ^= f;
            }
        }
    }
    out
}

/// Cuts a data block into fragments, the last one filled up with zeros.
#[must_use]
pub fn cut(image: &[u8], frag_size: usize) -> Vec<Vec<u8>> {
    image
        .chunks(frag_size)
        .map(|piece| {
            let mut piece = piece.to_vec();
            piece.resize(frag_size, 0);
            piece
        })
        .collect()
}

/// Gauss–Jordan elimination over whole rows, bytes alongside: nothing saved, nothing skipped.
#[derive(Debug, Clone)]
pub struct Decoder {
    rule: ParityRule,
    m: usize,
    /// Per pivot column, the row and its bytes.
    rows: Vec<Option<(Vec<bool>, Vec<u8>)>>,
}

impl Decoder {
    /// A decoder of nothing yet.
    #[must_use]
    pub fn new(rule: ParityRule, m: usize) -> Self {
        Self { rule, m, rows: vec![None; m] }
    }

    /// Takes fragment N, and says whether it brought something.
    pub fn insert(&mut self, n: u32, data: &[u8]) -> bool {
        let mut row = full_row(self.rule, self.m, n);
        let mut data = data.to_vec();
        for column in 0..self.m {
            if row[column]
                && let Some((other, other_data)) = &self.rows[column]
            {
                add(&mut row, &mut data, other, other_data);
            }
        }
        let Some(pivot) = row.iter().position(|bit| *bit) else {
            return false;
        };
        for (other, other_data) in self.rows.iter_mut().flatten() {
            if other[pivot] {
                add(other, other_data, &row, &data);
            }
        }
        self.rows[pivot] = Some((row, data));
        true
    }

    /// Independent fragments still needed.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.rows.iter().filter(|row| row.is_none()).count()
    }

    /// The padded data block, once nothing is missing.
    #[must_use]
    pub fn image(&self) -> Option<Vec<u8>> {
        let mut image = Vec::new();
        for row in &self.rows {
            image.extend_from_slice(&row.as_ref()?.1);
        }
        Some(image)
    }
}

fn full_row(rule: ParityRule, m: usize, n: u32) -> Vec<bool> {
    let index = usize::try_from(n).unwrap_or(usize::MAX);
    if index > m {
        row(rule, m, n - u32::try_from(m).unwrap_or(0))
    } else {
        (1..=m).map(|i| i == index).collect()
    }
}

fn add(row: &mut [bool], data: &mut [u8], other: &[bool], other_data: &[u8]) {
    for (r, o) in row.iter_mut().zip(other) {
        *r ^= o;
    }
    for (d, o) in data.iter_mut().zip(other_data) {
        *d ^= o;
    }
}
