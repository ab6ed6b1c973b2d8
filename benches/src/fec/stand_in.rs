//! A stand-in for the decoders that devices in the field run: rows made bit by bit, bits in octets behind get
//! and set, and every fragment XORed octet by octet as it arrives. It expects uncoded fragments first.

/// Bits, one at a time.
#[derive(Clone)]
struct Bits(Vec<u8>);

impl Bits {
    fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(8)])
    }

    #[inline(never)]
    fn get(&self, i: usize) -> bool {
        self.0[i / 8] & (1 << (i % 8)) != 0
    }

    #[inline(never)]
    fn set(&mut self, i: usize, bit: bool) {
        let mask = 1 << (i % 8);
        if bit {
            self.0[i / 8] |= mask;
        } else {
            self.0[i / 8] &= !mask;
        }
    }
}

/// A session of version 1.
pub(crate) struct StandIn {
    m: usize,
    size: usize,
    slots: Vec<u8>,
    present: Vec<bool>,
    /// Lost fragments, fixed when the first parity fragment comes.
    lost: Vec<usize>,
    rows: Vec<Option<Bits>>,
    /// Place of a fragment among the lost ones.
    column: Vec<usize>,
    rank: usize,
}

impl StandIn {
    pub(crate) fn new(m: usize, size: usize) -> Self {
        Self {
            m,
            size,
            slots: vec![0; m * size],
            present: vec![false; m],
            lost: Vec::new(),
            rows: Vec::new(),
            column: vec![0; m],
            rank: 0,
        }
    }

    /// Takes fragment N and says whether the block is whole.
    pub(crate) fn insert(&mut self, n: usize, data: &[u8]) -> bool {
        if n <= self.m {
            self.slots[(n - 1) * self.size..n * self.size].copy_from_slice(data);
            self.present[n - 1] = true;
            return false;
        }
        if self.rows.is_empty() {
            self.lost = (0..self.m).filter(|i| !self.present[*i]).collect();
            for (column, index) in self.lost.iter().enumerate() {
                self.column[*index] = column;
            }
            self.rows = vec![None; self.lost.len()];
        }
        let row = row(self.m, n - self.m);
        let mut data = data.to_vec();
        let mut bits = Bits::new(self.lost.len());
        for i in 0..self.m {
            if row.get(i) {
                if self.present[i] {
                    self.add_slot(i, &mut data);
                } else {
                    bits.set(self.column[i], true);
                }
            }
        }
        for column in 0..self.lost.len() {
            if !bits.get(column) {
                continue;
            }
            let Some(other) = &self.rows[column] else {
                let slot = self.lost[column] * self.size;
                self.slots[slot..slot + self.size].copy_from_slice(&data);
                self.rows[column] = Some(bits);
                self.rank += 1;
                break;
            };
            for i in column..self.lost.len() {
                bits.set(i, bits.get(i) ^ other.get(i));
            }
            self.add_slot(self.lost[column], &mut data);
        }
        if self.rank < self.lost.len() {
            return false;
        }
        for column in (0..self.lost.len()).rev() {
            let slot = self.lost[column] * self.size;
            let mut data = self.slots[slot..slot + self.size].to_vec();
            for i in column + 1..self.lost.len() {
                if self.rows[column].as_ref().is_some_and(|row| row.get(i)) {
                    self.add_slot(self.lost[i], &mut data);
                }
            }
            self.slots[slot..slot + self.size].copy_from_slice(&data);
        }
        true
    }

    pub(crate) fn block(&self) -> &[u8] {
        &self.slots
    }

    fn add_slot(&self, index: usize, data: &mut [u8]) {
        let slot = &self.slots[index * self.size..(index + 1) * self.size];
        for i in 0..self.size {
            // Octet by octet, as the deployed code does it.
            data[i] = std::hint::black_box(data[i] ^ slot[i]);
        }
    }
}

fn row(m: usize, k: usize) -> Bits {
    let modulus = if m.is_power_of_two() { m + 1 } else { m };
    let mut x = 1 + 1001 * k;
    let mut row = Bits::new(m);
    for _ in 0..m / 2 {
        let mut draw = m;
        while draw >= m {
            x = (x >> 1) + (((x ^ x >> 5) & 1) << 22);
            draw = x % modulus;
        }
        row.set(draw, true);
    }
    row
}
