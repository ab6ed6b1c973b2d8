//! Adding many lines to one.

use bytemuck::cast;

use super::simd::{Job, Registers, Simd};
use crate::xor::xor;

/// Four words that are added at once.
type Chunk = [u64; 4];
/// Octets of a chunk.
const CHUNK: usize = size_of::<Chunk>();

/// XORs every source into `target`, over the shorter of the two lengths.
pub(crate) fn xor_all<'a>(target: &mut [u8], sources: impl Iterator<Item = &'a [u8]>) {
    Registers::Widest.run(XorAll { target, sources });
}

struct XorAll<'t, I> {
    target: &'t mut [u8],
    sources: I,
}

impl<'a, I: Iterator<Item = &'a [u8]>> Job for XorAll<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        for source in self.sources {
            let (targets, rest) = self.target.as_chunks_mut::<CHUNK>();
            let (sources, last) = source.as_chunks::<CHUNK>();
            for (target, source) in targets.iter_mut().zip(sources) {
                let ([a, b, c, d], [e, f, g, h]): (Chunk, Chunk) = (cast(*target), cast(*source));
                *target = cast([a ^ e, b ^ f, c ^ g, d ^ h]);
            }
            xor(rest, last);
        }
    }
}
