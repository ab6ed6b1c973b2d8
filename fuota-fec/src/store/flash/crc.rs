//! Check values of journal entries and of the bytes they announce.

/// CRC-16 with polynomial 0x1021 over all pieces one after the other.
pub(super) fn crc16(pieces: &[&[u8]]) -> u16 {
    let mut crc = 0xffff;
    for octet in pieces.iter().copied().flatten() {
        crc ^= u16::from(*octet) << 8;
        for _ in 0..8 {
            let carry = crc & 0x8000 != 0;
            crc <<= 1;
            if carry {
                crc ^= 0x1021;
            }
        }
    }
    crc
}

/// CRC-32 with the reflected polynomial 0xedb88320.
pub(super) fn crc32(octets: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for octet in octets {
        crc ^= u32::from(*octet);
        for _ in 0..8 {
            let carry = crc & 1 != 0;
            crc >>= 1;
            if carry {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_catalogue() {
        assert_eq!(crc16(&[b"1234", b"56789"]), 0x29b1);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
