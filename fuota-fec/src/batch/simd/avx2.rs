//! Wide registers: AVX2.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_add_ps, _mm256_and_si256, _mm256_andnot_si256, _mm256_blend_epi16,
    _mm256_castps_si256, _mm256_cmpeq_epi64, _mm256_cmpgt_epi16, _mm256_cvtepi32_ps, _mm256_min_epu16,
    _mm256_movemask_epi8, _mm256_mul_ps, _mm256_mullo_epi16, _mm256_or_si256, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_set1_ps, _mm256_setr_epi16, _mm256_setr_epi32,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srlv_epi32, _mm256_sub_epi16,
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
fn sixteen_remainders<const AT: i32>(window: __m256i, modulus: Modulus, count: usize) -> __m256i {
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
