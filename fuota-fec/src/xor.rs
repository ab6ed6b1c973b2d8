//! The one hot loop: adding fragments over GF(2).

/// XORs `source` into `target`, over the shorter of the two lengths.
pub fn xor(target: &mut [u8], source: &[u8]) {
    // Whole machine words first: the compiler turns them into the widest registers there are.
    let (target_words, target_rest) = target.as_chunks_mut::<8>();
    let (source_words, source_rest) = source.as_chunks::<8>();
    if target_words.len() != source_words.len() {
        return xor_octets(target, source);
    }
    for (t, s) in target_words.iter_mut().zip(source_words) {
        *t = (u64::from_ne_bytes(*t) ^ u64::from_ne_bytes(*s)).to_ne_bytes();
    }
    xor_octets(target_rest, source_rest);
}

fn xor_octets(target: &mut [u8], source: &[u8]) {
    for (t, s) in target.iter_mut().zip(source) {
        *t ^= s;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_covered_to_the_last_octet() {
        for len in 0..40_u8 {
            let source: [u8; 40] = core::array::from_fn(|i| u8::try_from(i * 6).unwrap() + 1);
            let mut target = [0x55; 40];
            xor(&mut target[..usize::from(len)], &source[..usize::from(len)]);
            for (i, (t, s)) in target.iter().zip(source).enumerate() {
                assert_eq!(*t, if i < usize::from(len) { 0x55 ^ s } else { 0x55 });
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
