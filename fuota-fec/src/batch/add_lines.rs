//! Adding many lines to one.

use bytemuck::cast;

use super::simd::{Job, Registers, Simd};
use crate::xor::xor;

/// Four words that are added at once.
type Chunk = [u64; 4];
/// Octets of a chunk.
const CHUNK: usize = size_of::<Chunk>();

/// XORs every source into `target`, over the shorter of the two lengths. Up to eight whole chunks stay in registers
/// from the first source to the last.
pub(crate) fn add_lines<'a>(target: &mut [u8], sources: impl Iterator<Item = &'a [u8]>) {
    let registers = Registers::Widest;
    match target.len() {
        32 => registers.run(InRegisters::<_, 1> { target, sources }),
        64 => registers.run(InRegisters::<_, 2> { target, sources }),
        96 => registers.run(InRegisters::<_, 3> { target, sources }),
        128 => registers.run(InRegisters::<_, 4> { target, sources }),
        160 => registers.run(InRegisters::<_, 5> { target, sources }),
        192 => registers.run(InRegisters::<_, 6> { target, sources }),
        224 => registers.run(InRegisters::<_, 7> { target, sources }),
        256 => registers.run(InRegisters::<_, 8> { target, sources }),
        _ => sources.for_each(|source| xor(target, source)),
    }
}

/// A target of `C` chunks.
struct InRegisters<'t, I, const C: usize> {
    target: &'t mut [u8],
    sources: I,
}

impl<'a, I: Iterator<Item = &'a [u8]>, const C: usize> Job for InRegisters<'_, I, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let Some(target) = self.target.as_chunks_mut::<CHUNK>().0.first_chunk_mut::<C>() else { return };
        let mut sum: [Chunk; C] = target.map(cast);
        for source in self.sources {
            if let Some(chunks) = source.as_chunks::<CHUNK>().0.first_chunk::<C>() {
                for (sum, chunk) in sum.iter_mut().zip(chunks) {
                    let ([a, b, c, d], [e, f, g, h]): (Chunk, Chunk) = (*sum, cast(*chunk));
                    *sum = [a ^ e, b ^ f, c ^ g, d ^ h];
                }
            } else {
                *target = sum.map(cast);
                xor(target.as_flattened_mut(), source);
                sum = target.map(cast);
            }
        }
        *target = sum.map(cast);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Against adding one after the other, for lengths with a path of their own and lengths without, and sources of
    /// all lengths.
    #[test]
    fn every_length_gives_the_obvious_sum() {
        let line = |seed: usize, len: usize| -> Vec<u8> {
            (0..len).map(|at| (((at + 7) * (seed * 31 + 5)) >> 3).to_le_bytes()[0]).collect()
        };
        for len in (0..=300).filter(|len| len % 32 <= 1) {
            let lines: Vec<Vec<u8>> = (1..20).map(|seed| line(seed, len + 6 - seed % 7)).collect();
            for count in [0, 1, 5, 19] {
                let (mut sum, mut obvious) = (line(0, len), line(0, len));
                add_lines(&mut sum, lines.iter().take(count).map(Vec::as_slice));
                for line in lines.iter().take(count) {
                    obvious.iter_mut().zip(line).for_each(|(sum, octet)| *sum ^= octet);
                }
                assert_eq!(sum, obvious, "{count} lines of {len}");
            }
        }
    }
}
