//! The image that is distributed when no file is named.

use sha2::{Digest, Sha256};

/// Length of the built-in image: 50 KiB, a typical firmware image for a sensor.
const LENGTH: usize = 50 * 1024;

/// 50 KiB that look random and are always the same: SHA-256 over a counter.
pub(super) fn image() -> Vec<u8> {
    let blocks = (0u32..).map(|counter| Sha256::digest(counter.to_be_bytes()));
    blocks.flatten().take(LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_image_never_changes() {
        let image = image();
        assert_eq!(image.len(), 51_200);
        let digest = Sha256::digest(&image);
        assert_eq!(hex::encode(digest), "4268e953e6d436a785c17697522b003ee10d733a335384b0d6f79c35392d098f");
    }
}
