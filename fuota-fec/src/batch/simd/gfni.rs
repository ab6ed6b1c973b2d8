//! Products of bit matrices: GFNI, in registers of four words.

use core::arch::x86_64::{
    __m256i, _mm_setr_epi8, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_gf2p8affine_epi64_epi8,
    _mm256_set1_epi64x, _mm256_shuffle_epi8, _mm256_unpackhi_epi16, _mm256_unpackhi_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi16, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256,
};

use super::avx2::Avx2;

/// Work that gains from multiplying bit matrices. `run` has to be `#[inline(always)]`, all the way down.
pub(crate) trait GfniJob {
    fn run(self, gfni: Gfni);
}

/// Two lanes of two words. What moves octets moves them within a lane.
pub(crate) type Register = __m256i;

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

    #[inline(always)]
    pub(crate) fn zero(self) -> Register {
        self.splat(0)
    }

    /// The same word everywhere.
    #[inline(always)]
    pub(crate) fn splat(self, word: u64) -> Register {
        // SAFETY: `self` proves that the instructions of AVX2 are there.
        unsafe { _mm256_set1_epi64x(word.cast_signed()) }
    }

    /// The bits that both have.
    #[inline(always)]
    pub(crate) fn common(self, a: Register, b: Register) -> Register {
        // SAFETY: `self` proves that the instructions of AVX2 are there.
        unsafe { _mm256_and_si256(a, b) }
    }

    /// Adds to `sum` the product of each octet of `rows` with the matrix of 8×8 bits in the same word.
    #[inline(always)]
    pub(crate) fn add_product(self, sum: Register, rows: Register, matrices: Register) -> Register {
        // SAFETY: `self` proves that the instructions of AVX2 and GFNI are there.
        unsafe { _mm256_xor_si256(sum, _mm256_gf2p8affine_epi64_epi8::<0>(rows, matrices)) }
    }

    /// Matrices with rows and columns exchanged.
    #[inline(always)]
    pub(crate) fn transposed(self, matrices: Register) -> Register {
        // The product with a unit is a column.
        const UNITS: u64 = 0x0102_0408_1020_4080;
        self.add_product(self.zero(), self.splat(UNITS), matrices)
    }

    /// The first words of both lanes of both registers, in turns, and the second ones.
    #[inline(always)]
    pub(crate) fn zipped(self, a: Register, b: Register) -> [Register; 2] {
        // SAFETY: `self` proves that the instructions of AVX2 are there.
        unsafe { [_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)] }
    }

    /// Of the eight words in a lane of all four registers, octet i of word j becomes octet j of word i.
    #[inline(always)]
    pub(crate) fn turned(self, pairs: [Register; 4]) -> [Register; 4] {
        // SAFETY: `self` proves that the instructions of AVX2 are there.
        unsafe { turned(pairs) }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn turned([a, b, c, d]: [Register; 4]) -> [Register; 4] {
    // Octets of two words in turns, then those of four, then those of eight.
    let order = _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
    let order = _mm256_broadcastsi128_si256(order);
    let (a, b) = (_mm256_shuffle_epi8(a, order), _mm256_shuffle_epi8(b, order));
    let (c, d) = (_mm256_shuffle_epi8(c, order), _mm256_shuffle_epi8(d, order));
    let (a, b) = (_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b));
    let (c, d) = (_mm256_unpacklo_epi16(c, d), _mm256_unpackhi_epi16(c, d));
    [
        _mm256_unpacklo_epi32(a, c),
        _mm256_unpackhi_epi32(a, c),
        _mm256_unpacklo_epi32(b, d),
        _mm256_unpackhi_epi32(b, d),
    ]
}
