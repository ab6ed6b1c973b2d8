//! Reading and writing octets, and the bits within them.
//!
//! Every field of every command packs least significant bit first in little-endian order, so one pair of
//! functions serves all of them. Their positions are constants wherever a command has a fixed layout: the
//! compiler folds them to plain loads and stores.

use crate::error::{EncodeError, Truncated};

/// The octets of a payload that are not decoded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first octet of `payload`.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// How many octets are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Takes the next `N` octets.
    ///
    /// # Errors
    /// [`Truncated`] if fewer are left; nothing is taken then.
    #[inline]
    pub fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], Truncated> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(Truncated { expected: N, got: self.rest.len() }),
        }
    }

    /// Takes all that is left.
    #[inline]
    pub fn take_rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// Takes one octet, or none at the end.
    #[inline]
    pub(crate) fn next_octet(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }
}

/// Commands written one after another into a lent buffer.
///
/// ```
/// # #[cfg(feature = "ts005-v1")] {
/// use fuota_proto::multicast::v1::{McGroupSetupAns, Uplink};
/// use fuota_proto::{McGroupId, PackageVersionAns, Writer};
///
/// let mut buffer = [0; 51];
/// let mut out = Writer::new(&mut buffer);
/// let group = McGroupId::new(1).unwrap();
/// Uplink::from(PackageVersionAns { package_identifier: 2, package_version: 1 }).encode(&mut out).unwrap();
/// Uplink::from(McGroupSetupAns { mc_group_id: group, id_error: false }).encode(&mut out).unwrap();
/// assert_eq!(out.written(), [0x00, 2, 1, 0x02, 1]);
/// # }
/// ```
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    len: usize,
    /// How many octets may still follow without being taken for part of what is written already.
    may_follow: usize,
}

impl<'b> Writer<'b> {
    /// Starts at the first octet of `buffer`, which may be as long as the data rate's largest payload.
    #[must_use]
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0, may_follow: usize::MAX }
    }

    /// What has been written so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// What has been written, for as long as the buffer lives.
    #[must_use]
    pub fn into_written(self) -> &'b [u8] {
        let buffer: &'b [u8] = self.buffer;
        buffer.get(..self.len).unwrap_or_default()
    }

    /// How many octets have been written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many octets are left.
    #[must_use]
    pub const fn available(&self) -> usize {
        self.buffer.len().saturating_sub(self.len)
    }

    /// Whether the last command took the rest of the message as its own, so that no other may follow.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.may_follow == 0
    }

    /// Writes octets that belong together: all of them or none.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`] if they do not fit, [`EncodeError::AfterLast`] if the writer is closed.
    #[inline]
    pub fn push(&mut self, octets: &[u8]) -> Result<(), EncodeError> {
        let start = self.len;
        let room = self.buffer.get_mut(start..).and_then(|rest| rest.get_mut(..octets.len()));
        match room {
            Some(room) if octets.len() <= self.may_follow => {
                // Not `copy_from_slice`, which brings a panic that a device would have to carry.
                room.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
                self.len += octets.len();
                self.may_follow -= octets.len();
                Ok(())
            }
            _ => Err(self.refusal(octets.len())),
        }
    }

    /// As [`push`](Self::push), for a length known to the compiler.
    #[inline]
    pub(crate) fn push_array<const N: usize>(&mut self, octets: &[u8; N]) -> Result<(), EncodeError> {
        let start = self.len;
        match self.buffer.get_mut(start..).and_then(|rest| rest.first_chunk_mut()) {
            Some(room) if N <= self.may_follow => {
                *room = *octets;
                self.len += N;
                self.may_follow -= N;
                Ok(())
            }
            _ => Err(self.refusal(N)),
        }
    }

    /// Why `needed` octets cannot be written.
    #[cold]
    const fn refusal(&self, needed: usize) -> EncodeError {
        if needed > self.may_follow {
            EncodeError::AfterLast
        } else {
            EncodeError::BufferTooSmall { needed, available: self.available() }
        }
    }

    /// Makes sure that `len` octets can be pushed, in however many pieces.
    #[allow(dead_code, reason = "only some packages have commands of several pieces")]
    pub(crate) fn ensure(&self, len: usize) -> Result<(), EncodeError> {
        if len > self.may_follow.min(self.available()) { Err(self.refusal(len)) } else { Ok(()) }
    }

    /// Writes the octet that ends a message, even after a command that takes the rest of it but that octet.
    #[allow(dead_code, reason = "only multi-package access has such an octet")]
    pub(crate) fn push_last(&mut self, octet: u8) -> Result<(), EncodeError> {
        let may_follow = core::mem::replace(&mut self.may_follow, 1);
        self.push_array(&[octet]).inspect_err(|_| self.may_follow = may_follow)
    }

    /// Takes back what was written after the first `len` octets.
    #[allow(dead_code, reason = "only multi-package access writes two things that belong together")]
    pub(crate) fn rewind(&mut self, len: usize) {
        self.may_follow = self.may_follow.saturating_add(self.len.saturating_sub(len));
        self.len = self.len.min(len);
    }

    /// Marks that at most `octets` may follow: more would be taken for part of what has been written.
    #[allow(dead_code, reason = "only some packages have such commands")]
    pub(crate) fn let_follow(&mut self, octets: usize) {
        self.may_follow = self.may_follow.min(octets);
    }
}

/// Reads `width` bits (at most 32, spread over at most 4 octets) from bit `at` on. Bits beyond the end are 0.
#[inline]
pub(crate) fn load_bits(octets: &[u8], at: usize, width: usize) -> u32 {
    let (first, shift) = (at / 8, at % 8);
    let spanned = (shift + width).div_ceil(8);
    let octet = |i: usize| {
        if i < spanned { u32::from(octets.get(first + i).copied().unwrap_or(0)) << (8 * i) } else { 0 }
    };
    // Written out, not looped: an optimiser for size keeps loops, and with them the bounds checks.
    let word = octet(0) | octet(1) | octet(2) | octet(3);
    (word >> shift) & mask(width)
}

/// Sets `width` bits from bit `at` on, which were 0 before, to the low bits of `value`.
#[inline]
pub(crate) fn store_bits(octets: &mut [u8], at: usize, width: usize, value: u32) {
    let (first, shift) = (at / 8, at % 8);
    let spanned = (shift + width).div_ceil(8);
    let word = ((value & mask(width)) << shift).to_le_bytes();
    let mut set = |i: usize| {
        if i < spanned
            && let Some(octet) = octets.get_mut(first + i)
        {
            *octet |= word[i];
        }
    };
    set(0);
    set(1);
    set(2);
    set(3);
}

/// The `width` low bits.
const fn mask(width: usize) -> u32 {
    if width >= 32 { u32::MAX } else { (1 << width) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The obvious way: one bit at a time.
    fn load_slowly(octets: &[u8], at: usize, width: usize) -> u32 {
        (0..width).fold(0, |value, i| {
            let bit = at + i;
            value | u32::from(octets[bit / 8] >> (bit % 8) & 1) << i
        })
    }

    fn fitting() -> impl Iterator<Item = (usize, usize)> {
        (0..40)
            .flat_map(|at| (1..=32).map(move |width| (at, width)))
            .filter(|(at, width)| at % 8 + width <= 32)
    }

    #[test]
    fn bits_come_out_as_read_one_at_a_time() {
        let octets = [0xA5, 0x3C, 0xF0, 0x81, 0x7E, 0x19, 0xC3, 0x00, 0xFF];
        for (at, width) in fitting() {
            assert_eq!(
                load_bits(&octets, at, width),
                load_slowly(&octets, at, width),
                "{width} bits at {at}"
            );
        }
    }

    #[test]
    fn bits_stored_are_loaded_again_and_touch_nothing_else() {
        for (at, width) in fitting() {
            for value in [0xFFFF_FFFF, 0x5A5A_A5A5, 0x1234_5678] {
                let mut octets = [0; 9];
                store_bits(&mut octets, at, width, value);
                assert_eq!(load_slowly(&octets, at, width), value & mask(width), "{width} bits at {at}");
                let ones: u32 = octets.iter().map(|octet| octet.count_ones()).sum();
                assert_eq!(ones, (value & mask(width)).count_ones(), "{width} bits at {at}");
            }
        }
    }

    #[test]
    fn a_reader_takes_all_or_nothing() {
        let mut input = Reader::new(&[1, 2, 3]);
        assert_eq!(input.take::<2>(), Ok(&[1, 2]));
        assert_eq!(input.take::<2>(), Err(Truncated { expected: 2, got: 1 }));
        assert_eq!(input.take_rest(), [3]);
        assert_eq!((input.remaining(), input.next_octet()), (0, None));
    }

    #[test]
    fn a_writer_takes_all_or_nothing() {
        let mut buffer = [0; 3];
        let mut out = Writer::new(&mut buffer);
        assert!(out.is_empty() && !out.is_closed());
        assert_eq!(out.push(&[1, 2]), Ok(()));
        assert!(!out.is_empty() && !out.is_closed());
        assert_eq!(out.push(&[3, 4]), Err(EncodeError::BufferTooSmall { needed: 2, available: 1 }));
        assert_eq!((out.len(), out.available(), out.written()), (2, 1, &[1, 2][..]));
        out.let_follow(0);
        assert_eq!(out.push(&[3]), Err(EncodeError::AfterLast));
        assert!(out.is_closed());
        assert_eq!(out.into_written(), [1, 2]);
    }

    #[test]
    fn what_may_follow_is_used_up_whichever_way_it_is_written() {
        let mut buffer = [0; 8];
        let mut out = Writer::new(&mut buffer);
        out.let_follow(2);
        assert_eq!(out.push_array(&[1, 2, 3]), Err(EncodeError::AfterLast));
        assert_eq!(out.push_array(&[1, 2]), Ok(()));
        assert_eq!(out.push_array(&[3]), Err(EncodeError::AfterLast));
        // Both at an end: what may follow would still be allowed, there is only no room for it.
        let mut out = Writer::new(&mut buffer[..1]);
        out.let_follow(2);
        assert_eq!(out.push(&[1, 2]), Err(EncodeError::BufferTooSmall { needed: 2, available: 1 }));
    }
}
