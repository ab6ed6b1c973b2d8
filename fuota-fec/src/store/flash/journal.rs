//! What is written before the bytes: one entry for each slot, and the header of the session.

use super::crc::crc16;
use crate::store::Entry;
use crate::{FragmentNumber, Geometry, Mode, ParityRule};

/// Octets of an entry before it is rounded up to what the flash can write.
pub(super) const ENTRY_LEN: usize = 8;

/// Octets of a header before it is rounded up.
pub(super) const HEADER_LEN: usize = 16;

/// The sign of a header, and the version of everything after it.
const MAGIC: [u8; 4] = *b"FUO\x01";

/// What a session was set up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlashSession {
    /// The shape of the data block.
    pub geometry: Geometry,
    /// The rule that parity rows are drawn by.
    pub rule: ParityRule,
    /// Which decoder works on it.
    pub mode: Mode,
    /// Unknown fragments that the decoder has room for.
    pub max_lost: u16,
}

/// An entry as it is kept: what, the check value of its bytes, and where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) entry: Entry,
    pub(super) crc: u32,
    /// The bytes are in the next spare slot, since the slot itself is burned.
    pub(super) in_spare: bool,
}

/// What is found at a place of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Erased,
    Torn,
    Record(Record),
}

const SOLVED: u16 = 1 << 14;
const IN_SPARE: u16 = 1 << 15;

impl Record {
    /// Number and flags (2 octets), CRC-32 of the bytes (4), CRC-16 of these and of the position (2).
    pub(super) fn encode(self, position: u32, out: &mut [u8]) {
        let number = match self.entry {
            Entry::Fragment(n) => n.get(),
            Entry::Solved(index) => index | SOLVED,
        };
        let number = number | if self.in_spare { IN_SPARE } else { 0 };
        let ([a, b], [c, d, e, f]) = (number.to_le_bytes(), self.crc.to_le_bytes());
        let checked = [a, b, c, d, e, f];
        let [g, h] = check(&checked, position).to_le_bytes();
        out.fill(0xff);
        for (out, octet) in out.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *out = octet;
        }
    }

    pub(super) fn decode(position: u32, octets: &[u8]) -> Found {
        if octets.iter().all(|octet| *octet == 0xff) {
            return Found::Erased;
        }
        let [a, b, c, d, e, f, g, h, ..] = *octets else {
            return Found::Torn;
        };
        if check(&[a, b, c, d, e, f], position) != u16::from_le_bytes([g, h]) {
            return Found::Torn;
        }
        let number = u16::from_le_bytes([a, b]);
        let index = number & (SOLVED - 1);
        let entry = match FragmentNumber::new(index) {
            _ if number & SOLVED != 0 => Entry::Solved(index),
            Some(n) => Entry::Fragment(n),
            None => return Found::Torn,
        };
        let crc = u32::from_le_bytes([c, d, e, f]);
        Found::Record(Self { entry, crc, in_spare: number & IN_SPARE != 0 })
    }
}

/// The position is part of what is checked, so that an entry is valid in its own place only.
fn check(octets: &[u8; 6], position: u32) -> u16 {
    crc16(&[octets, &position.to_le_bytes()])
}

impl FlashSession {
    pub(super) fn encode(&self, spares: u16, out: &mut [u8]) {
        let mut header = [0xff; HEADER_LEN];
        let rule = match self.rule {
            ParityRule::V1 => 1,
            ParityRule::V2 => 2,
        };
        let mode = match self.mode {
            Mode::Triangular => 0,
            Mode::Deferred => 1,
        };
        let ([a, b], [c, d], [e, f]) =
            (self.geometry.nb_frag().to_le_bytes(), self.max_lost.to_le_bytes(), spares.to_le_bytes());
        let [m0, m1, m2, m3] = MAGIC;
        let fields = [
            m0,
            m1,
            m2,
            m3,
            a,
            b,
            self.geometry.frag_size(),
            self.geometry.padding(),
            rule,
            mode,
            c,
            d,
            e,
            f,
        ];
        let [g, h] = crc16(&[&fields]).to_le_bytes();
        for (out, octet) in header.iter_mut().zip(fields.into_iter().chain([g, h])) {
            *out = octet;
        }
        out.fill(0xff);
        for (out, octet) in out.iter_mut().zip(header) {
            *out = octet;
        }
    }

    /// The session and its number of spare slots, if the header is whole.
    pub(super) fn decode(octets: &[u8]) -> Option<(Self, u16)> {
        let (fields, check) = octets.get(..HEADER_LEN)?.split_last_chunk::<2>()?;
        if crc16(&[fields]) != u16::from_le_bytes(*check) {
            return None;
        }
        let [m0, m1, m2, m3, a, b, frag_size, padding, rule, mode, c, d, e, f] = *fields else {
            return None;
        };
        if [m0, m1, m2, m3] != MAGIC {
            return None;
        }
        let rule = match rule {
            1 => ParityRule::V1,
            2 => ParityRule::V2,
            _ => return None,
        };
        let mode = match mode {
            0 => Mode::Triangular,
            1 => Mode::Deferred,
            _ => return None,
        };
        let geometry = Geometry::from_session(u16::from_le_bytes([a, b]), frag_size, padding).ok()?;
        let session = Self { geometry, rule, mode, max_lost: u16::from_le_bytes([c, d]) };
        Some((session, u16::from_le_bytes([e, f])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_valid_in_their_place_only() {
        let entry = Entry::Fragment(FragmentNumber::new(16383).unwrap());
        let record = Record { entry, crc: 0xdead_beef, in_spare: true };
        let mut octets = [0; 12];
        record.encode(7, &mut octets);
        assert_eq!(Record::decode(7, &octets), Found::Record(record));
        assert_eq!(Record::decode(8, &octets), Found::Torn);
        octets[0] ^= 1;
        assert_eq!(Record::decode(7, &octets), Found::Torn);
        assert_eq!(Record::decode(7, &[0xff; 12]), Found::Erased);
        let record = Record { entry: Entry::Solved(0), crc: 1, in_spare: false };
        record.encode(0, &mut octets);
        assert_eq!(Record::decode(0, &octets), Found::Record(record));
    }

    #[test]
    fn a_header_comes_back_or_not_at_all() {
        let geometry = Geometry::from_session(1000, 50, 3).unwrap();
        let session = FlashSession { geometry, rule: ParityRule::V2, mode: Mode::Deferred, max_lost: 100 };
        let mut octets = [0; 16];
        session.encode(8, &mut octets);
        assert_eq!(FlashSession::decode(&octets), Some((session, 8)));
        for bit in 0..128 {
            let mut torn = octets;
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FlashSession::decode(&torn), None);
        }
    }
}
