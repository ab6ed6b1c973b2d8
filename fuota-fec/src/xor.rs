//! The one hot loop: adding fragments over GF(2).

use bytemuck::{try_cast_slice, try_cast_slice_mut};

/// Whether words may lie anywhere. The cores that cannot load them unaligned are those without atomic exchange,
/// which is what can be asked for.
const ANYWHERE: bool = cfg!(target_has_atomic = "32");

/// XORs `source` into `target`, over the shorter of the two lengths.
pub fn xor(target: &mut [u8], source: &[u8]) {
    let len = target.len().min(source.len());
    let (target, source) = (target.get_mut(..len).unwrap_or_default(), source.get(..len).unwrap_or_default());
    if ANYWHERE {
        anywhere(target, source);
    } else {
        aligned(target, source);
    }
}

/// In pieces that the compiler turns into the widest registers there are.
fn anywhere(target: &mut [u8], source: &[u8]) {
    let (targets, target) = target.as_chunks_mut::<16>();
    let (sources, source) = source.as_chunks::<16>();
    for (t, s) in targets.iter_mut().zip(sources) {
        *t = (u128::from_ne_bytes(*t) ^ u128::from_ne_bytes(*s)).to_ne_bytes();
    }
    one_by_one(target, source);
}

/// In words where both lie at a multiple of four, in half words where they lie at one of two. Of the same length.
fn aligned(target: &mut [u8], source: &[u8]) {
    let words = target.len() & !7;
    let (target, target_rest) = target.split_at_mut_checked(words).unwrap_or_default();
    let (source, source_rest) = source.split_at_checked(words).unwrap_or_default();
    if let (Ok(target), Ok(source)) =
        (try_cast_slice_mut::<u8, [u32; 2]>(target), try_cast_slice::<u8, [u32; 2]>(source))
    {
        for (target, source) in target.iter_mut().zip(source) {
            let ([t0, t1], [s0, s1]) = (*target, *source);
            *target = [t0 ^ s0, t1 ^ s1];
        }
    } else if let (Ok(target), Ok(source)) =
        (try_cast_slice_mut::<u8, [u16; 4]>(target), try_cast_slice::<u8, [u16; 4]>(source))
    {
        for ([t0, t1, t2, t3], [s0, s1, s2, s3]) in target.iter_mut().zip(source) {
            *t0 ^= s0;
            *t1 ^= s1;
            *t2 ^= s2;
            *t3 ^= s3;
        }
    } else {
        one_by_one(target, source);
    }
    one_by_one(target_rest, source_rest);
}

fn one_by_one(target: &mut [u8], source: &[u8]) {
    for (t, s) in target.iter_mut().zip(source) {
        *t ^= s;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lengths at all places against octets one by one.
    #[test]
    fn every_length_is_covered_to_the_last_octet() {
        let source: [u8; 48] = core::array::from_fn(|i| u8::try_from(i * 5).unwrap() + 1);
        for path in [anywhere, aligned, xor] {
            for (start, from) in (0..4).flat_map(|start| (0..4).map(move |from| (start, from))) {
                for len in 0..40 {
                    let mut target = [0x55; 48];
                    path(&mut target[start..start + len], &source[from..from + len]);
                    for (i, octet) in target.iter().enumerate() {
                        let inside = (start..start + len).contains(&i);
                        assert_eq!(*octet, if inside { 0x55 ^ source[i - start + from] } else { 0x55 });
                    }
                }
            }
        }
    }

    #[test]
    fn unequal_lengths_stop_at_the_shorter() {
        let mut target = [1; 20];
        xor(&mut target, &[1; 9]);
        assert_eq!(target[..9], [0; 9]);
        assert_eq!(target[9..], [1; 11]);
    }
}
