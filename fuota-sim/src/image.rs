//! Images to distribute where no file is named.

use sha2::{Digest, Sha256};

/// Length of the built-in image: 50 KiB, a typical firmware image for a sensor.
const LENGTH: usize = 50 * 1024;

/// The image that is distributed when nothing else is asked for.
pub(crate) fn built_in() -> Vec<u8> {
    made_up(LENGTH)
}

/// Octets that look random and are always the same: SHA-256 over a counter.
pub(crate) fn made_up(len: usize) -> Vec<u8> {
    let blocks = (0u32..).map(|counter| Sha256::digest(counter.to_be_bytes()));
    blocks.flatten().take(len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_image_never_changes() {
        let image = built_in();
        assert_eq!(image.len(), 51_200);
        let digest = Sha256::digest(&image);
        assert_eq!(hex::encode(digest), "4268e953e6d436a785c17697522b003ee10d733a335384b0d6f79c35392d098f");
        assert_eq!(made_up(100), image[..100]);
    }
}
