//! Which vector instructions there are, found out at run time.
//!
//! The work itself is plain safe code over arrays: compiled once more with wider registers allowed, it
//! becomes several times as fast. `unsafe` is needed for entering such a second version, and for the few
//! instructions that plain code does not find; each time a value proves that the machine has been asked.

use super::eliminate::{Four, Lanes};
use super::remainder::{Block, Modulus};

/// Work that gains from wide registers. `run` has to be `#[inline(always)]`, all the way down.
pub(super) trait Job {
    type Output;

    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// What a set of instructions offers beyond what the compiler finds by itself.
pub(super) trait Simd: Copy {
    /// Bit i becomes the highest bit of octet i.
    fn signs(self, octets: &[u8; 32]) -> u32;

    /// Does work in a function of its own, where it has all registers for itself.
    fn apart<J: Job>(self, job: J) -> J::Output;

    /// [`Modulus::of_states`].
    fn remainders(self, window: u64, modulus: Modulus, count: usize) -> Block;

    /// [`Four::take_off`].
    fn take_off<const W: usize>(self, columns: &mut [[Lanes; W]], four: &Four<W>);
}

/// No assumption at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain;

impl Simd for Plain {
    #[inline(always)]
    fn signs(self, octets: &[u8; 32]) -> u32 {
        let (eights, _) = octets.as_chunks::<8>();
        let mut bits = 0;
        for eight in eights.iter().rev() {
            // The product gathers the highest bits of all eight octets in the topmost one.
            let ones = u64::from_le_bytes(*eight) >> 7 & 0x0101_0101_0101_0101;
            bits = bits << 8 | u64::from((ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8);
        }
        bits as u32
    }

    #[inline(never)]
    fn apart<J: Job>(self, job: J) -> J::Output {
        job.run(self)
    }

    #[inline(always)]
    fn remainders(self, window: u64, modulus: Modulus, count: usize) -> Block {
        modulus.of_states(window, count)
    }

    #[inline(always)]
    fn take_off<const W: usize>(self, columns: &mut [[Lanes; W]], four: &Four<W>) {
        four.take_off(columns);
    }
}

/// Which registers to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Registers {
    /// The widest that this machine is found to have (feature `std`).
    #[default]
    Widest,
    /// Those that every machine of the target has: what `no_std` gets, and what the others are tested against.
    Common,
}

impl Registers {
    /// Does the work with them.
    pub(super) fn run<J: Job>(self, job: J) -> J::Output {
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        if self == Self::Widest
            && let Some(avx2) = x86::Avx2::detect()
        {
            return avx2.run(job);
        }
        job.run(Plain)
    }
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[allow(unsafe_code, reason = "entering code that was compiled for instructions found at run time")]
pub(super) mod x86 {
    use core::arch::x86_64::{
        __m256i, _mm_setr_epi8, _mm256_add_epi16, _mm256_add_ps, _mm256_and_si256, _mm256_andnot_si256,
        _mm256_blend_epi16, _mm256_broadcastsi128_si256, _mm256_castps_si256, _mm256_cmpeq_epi64,
        _mm256_cmpgt_epi16, _mm256_cvtepi32_ps, _mm256_gf2p8affine_epi64_epi8, _mm256_min_epu16,
        _mm256_movemask_epi8, _mm256_mul_ps, _mm256_mullo_epi16, _mm256_or_si256, _mm256_permute2x128_si256,
        _mm256_permutevar8x32_epi32, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi64x,
        _mm256_set1_ps, _mm256_setr_epi16, _mm256_setr_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8,
        _mm256_slli_epi32, _mm256_srlv_epi32, _mm256_sub_epi16, _mm256_unpackhi_epi16, _mm256_unpacklo_epi16,
        _mm256_xor_si256,
    };

    use super::{Job, Simd};
    use crate::batch::eliminate::{Four, LANES, Lanes};
    use crate::batch::remainder::{BLOCK, Block, Modulus, STATE, WHOLE};

    /// Proof that this machine has AVX2, and what has always come with it: [`detect`](Self::detect) is the only way to one.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Avx2(());

    impl Avx2 {
        pub(super) fn detect() -> Option<Self> {
            let found = std::is_x86_feature_detected!("avx2")
                && std::is_x86_feature_detected!("bmi1")
                && std::is_x86_feature_detected!("bmi2")
                && std::is_x86_feature_detected!("popcnt");
            found.then_some(Self(()))
        }

        pub(super) fn run<J: Job>(self, job: J) -> J::Output {
            // SAFETY: `self` proves that the instructions of AVX2 are there.
            unsafe { run(self, job) }
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn run<J: Job>(simd: Avx2, job: J) -> J::Output {
        job.run(simd)
    }

    /// Work that gains from multiplying bit matrices. `run` has to be `#[inline(always)]`, all the way down.
    pub(crate) trait GfniJob {
        fn run(self, gfni: Gfni);
    }

    /// Four words.
    pub(crate) type Quad = __m256i;

    /// Proof that this machine has AVX2 and GFNI: [`detect`](Self::detect) is the only way to one.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Gfni(());

    impl Gfni {
        pub(crate) fn detect() -> Option<Self> {
            let found = std::is_x86_feature_detected!("gfni") && Avx2::detect().is_some();
            found.then_some(Self(()))
        }

        pub(crate) fn run(self, job: impl GfniJob) {
            #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,gfni")]
            fn run(gfni: Gfni, job: impl GfniJob) {
                job.run(gfni);
            }
            // SAFETY: `self` proves that all these instructions are there.
            unsafe { run(self, job) }
        }

        /// The same word four times.
        #[inline(always)]
        pub(crate) fn splat(self, word: u64) -> Quad {
            // SAFETY: `self` proves that the instructions of AVX2 are there.
            unsafe { _mm256_set1_epi64x(word.cast_signed()) }
        }

        #[inline(always)]
        pub(crate) fn quad(self, words: [u64; 4]) -> Quad {
            bytemuck::cast(words)
        }

        #[inline(always)]
        pub(crate) fn words(self, quad: Quad) -> [u64; 4] {
            bytemuck::cast(quad)
        }

        /// Adds to `sum` the product of each octet of `rows` with the matrix of 8×8 bits in the same word.
        #[inline(always)]
        pub(crate) fn add_product(self, sum: Quad, rows: Quad, matrices: Quad) -> Quad {
            // SAFETY: `self` proves that the instructions of AVX2 and GFNI are there.
            unsafe { _mm256_xor_si256(sum, _mm256_gf2p8affine_epi64_epi8::<0>(rows, matrices)) }
        }

        /// Octet i of word j becomes octet j of word i.
        #[inline(always)]
        pub(crate) fn turned(self, words: [u64; 8]) -> [u64; 8] {
            // SAFETY: `self` proves that the instructions of AVX2 are there.
            unsafe { turned(words) }
        }

        /// Four matrices with rows and columns exchanged.
        #[inline(always)]
        pub(crate) fn transposed(self, matrices: [u64; 4]) -> [u64; 4] {
            // The product with a unit is a column.
            const UNITS: u64 = 0x0102_0408_1020_4080;
            self.words(self.add_product(self.splat(0), self.splat(UNITS), self.quad(matrices)))
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn turned(words: [u64; 8]) -> [u64; 8] {
        let [low, high]: [Quad; 2] = bytemuck::cast(words);
        // Octets of two words in turns, then those of four, then those of eight.
        let pairs =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
        let (low, high) = (_mm256_shuffle_epi8(low, pairs), _mm256_shuffle_epi8(high, pairs));
        let even = _mm256_permute2x128_si256::<0x20>(low, high);
        let odd = _mm256_permute2x128_si256::<0x31>(low, high);
        let fours = [_mm256_unpacklo_epi16(even, odd), _mm256_unpackhi_epi16(even, odd)];
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let [low, high] = fours;
        bytemuck::cast([_mm256_permutevar8x32_epi32(low, order), _mm256_permutevar8x32_epi32(high, order)])
    }

    impl Simd for Avx2 {
        #[inline(always)]
        fn signs(self, octets: &[u8; 32]) -> u32 {
            // SAFETY: `self` proves that the instructions of AVX2 are there.
            unsafe { signs(octets) }
        }

        #[inline(never)]
        fn apart<J: Job>(self, job: J) -> J::Output {
            self.run(job)
        }

        #[inline(always)]
        fn remainders(self, window: u64, modulus: Modulus, count: usize) -> Block {
            // SAFETY: `self` proves that the instructions of AVX2 are there.
            unsafe { remainders(window, modulus, count) }
        }

        #[inline(always)]
        fn take_off<const W: usize>(self, columns: &mut [[Lanes; W]], four: &Four<W>) {
            // SAFETY: `self` proves that the instructions of AVX2 are there.
            unsafe { take_off(columns, four) }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn signs(octets: &[u8; 32]) -> u32 {
        _mm256_movemask_epi8(bytemuck::cast(*octets)).cast_unsigned()
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn take_off<const W: usize>(columns: &mut [[Lanes; W]], four: &Four<W>) {
        let zero = _mm256_setzero_si256();
        let (mut added, mut pivots) = ([[zero; W]; LANES], [[zero; W]; LANES]);
        for i in 0..LANES {
            for word in 0..W {
                added[i][word] = _mm256_set1_epi64x(four.added[i][word].cast_signed());
                pivots[i][word] = _mm256_set1_epi64x(four.pivots[i][word].cast_signed());
            }
        }
        for lanes in columns {
            let mut sums = [zero; W];
            for (sum, lanes) in sums.iter_mut().zip(&*lanes) {
                *sum = bytemuck::cast(*lanes);
            }
            for (added, pivot) in added.iter().zip(&pivots) {
                let mut hits = zero;
                for (sum, pivot) in sums.iter().zip(pivot) {
                    hits = _mm256_or_si256(hits, _mm256_and_si256(*sum, *pivot));
                }
                let misses = _mm256_cmpeq_epi64(hits, zero);
                for (sum, added) in sums.iter_mut().zip(added) {
                    *sum = _mm256_xor_si256(*sum, _mm256_andnot_si256(misses, *added));
                }
            }
            for (lanes, sum) in lanes.iter_mut().zip(sums) {
                *lanes = bytemuck::cast(sum);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn remainders(window: u64, modulus: Modulus, count: usize) -> Block {
        let window = _mm256_set1_epi64x(window.cast_signed());
        bytemuck::cast([
            sixteen_remainders::<0>(window, modulus, count),
            sixteen_remainders::<2>(window, modulus, count),
        ])
    }

    /// The remainders of the states that begin in octets `AT` and `AT + 1`.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn sixteen_remainders<const AT: i32>(window: Quad, modulus: Modulus, count: usize) -> __m256i {
        let (low, high) = (0x0302_0100 + 0x0101_0101 * AT, 0x0403_0201 + 0x0101_0101 * AT);
        let octets = _mm256_setr_epi32(low, low, low, low, high, high, high, high);
        let bits = _mm256_shuffle_epi8(window, octets);
        let even = _mm256_srlv_epi32(bits, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
        let odd = _mm256_srlv_epi32(bits, _mm256_setr_epi32(1, 3, 5, 7, 1, 3, 5, 7));
        let quotients = in_turns(quotients(even, modulus), quotients(odd, modulus));
        let value = _mm256_set1_epi16(modulus.value.cast_signed());
        let rests = _mm256_sub_epi16(in_turns(even, odd), _mm256_mullo_epi16(quotients, value));
        let rests = _mm256_min_epu16(rests, _mm256_add_epi16(rests, value));
        if count >= BLOCK {
            return rests;
        }
        let places = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let last = _mm256_set1_epi16(count as i16 - 8 * AT as i16 - 1);
        _mm256_or_si256(rests, _mm256_cmpgt_epi16(places, last))
    }

    /// The quotients of states, in the low halves. Above a state there may be anything.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn quotients(states: __m256i, modulus: Modulus) -> __m256i {
        let states = _mm256_and_si256(states, _mm256_set1_epi32(STATE.cast_signed()));
        let quotients = _mm256_mul_ps(_mm256_cvtepi32_ps(states), _mm256_set1_ps(modulus.inverse));
        _mm256_castps_si256(_mm256_add_ps(quotients, _mm256_set1_ps(WHOLE)))
    }

    /// The low halves of both, in turns.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn in_turns(even: __m256i, odd: __m256i) -> __m256i {
        _mm256_blend_epi16::<0xaa>(even, _mm256_slli_epi32::<16>(odd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Signs([u8; 32]);

    impl Job for Signs {
        type Output = u32;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> u32 {
            simd.signs(&self.0)
        }
    }

    #[test]
    fn both_ways_gather_the_same_bits() {
        for bit in 0..32 {
            let mut octets = [0x7f; 32];
            octets[bit] = 0xff;
            assert_eq!(Registers::Common.run(Signs(octets)), 1 << bit);
            assert_eq!(Registers::Widest.run(Signs(octets)), 1 << bit);
        }
    }
}
