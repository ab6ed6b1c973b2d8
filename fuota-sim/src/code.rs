//! The codes that are compared, each asked the same: with which fragment is a receiver complete?
//!
//! All send the M uncoded fragments first. Receivers are told apart by what they lose, so that all codes can be asked
//! about the same losses.

use clap::ValueEnum;
use fuota_fec::batch::{ParityColumns, RankScratch};
use fuota_fec::{Geometry, ParityRule};
use raptorq::{EncodingPacket, ObjectTransmissionInformation, SourceBlockDecoder, SourceBlockEncoder};
use serde::{Deserialize, Serialize};

/// A code, as it is named on the command line and in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Code {
    /// TS004-1.0.0
    Ts004V1,
    /// TS004-2.0.0
    Ts004V2,
    /// Random sums over GF(2)
    Rlnc2,
    /// Random linear combinations over GF(256)
    Rlnc256,
    /// Reed–Solomon: any M fragments
    Rs,
    /// RaptorQ (RFC 6330), decoded by the crate raptorq
    Raptorq,
    /// The uncoded fragments over and over
    Repetition,
}

impl Code {
    /// The code with this rule for parity fragments.
    #[must_use]
    pub const fn of_rule(rule: ParityRule) -> Self {
        match rule {
            ParityRule::V1 => Self::Ts004V1,
            ParityRule::V2 => Self::Ts004V2,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ts004V1 => "ts004-v1",
            Self::Ts004V2 => "ts004-v2",
            Self::Rlnc2 => "rlnc2",
            Self::Rlnc256 => "rlnc256",
            Self::Rs => "rs",
            Self::Raptorq => "raptorq",
            Self::Repetition => "repetition",
        }
    }

    /// What all receivers of a data block share.
    pub(crate) fn prepare(self, geometry: Geometry, parity: u16) -> Prepared {
        let m = geometry.nb_frag();
        match self {
            Self::Ts004V1 => Prepared::Ts004(ParityColumns::new(geometry, ParityRule::V1, parity)),
            Self::Ts004V2 => Prepared::Ts004(ParityColumns::new(geometry, ParityRule::V2, parity)),
            Self::Rlnc2 => Prepared::RandomLinear { m, field: 2.0 },
            Self::Rlnc256 => Prepared::RandomLinear { m, field: 256.0 },
            Self::Rs => Prepared::AnyM { m },
            Self::Raptorq => Prepared::RaptorQ(RaptorQ::new(m, parity)),
            Self::Repetition => Prepared::Repetition { m },
        }
    }
}

/// Which of the fragments 1, 2, … a receiver loses.
#[derive(Clone, Copy)]
pub(crate) struct Losses<'a> {
    /// Bit N − 1 is a one if fragment N is lost.
    pub(crate) words: &'a [u64],
    /// Fragments sent.
    pub(crate) count: u16,
}

impl<'a> Losses<'a> {
    /// Numbers of the fragments that come through, in order.
    pub(crate) fn received(self) -> impl Iterator<Item = u16> + 'a {
        (1..=self.count).filter(move |n| {
            let i = usize::from(n - 1);
            self.words.get(i / 64).is_some_and(|word| word >> (i % 64) & 1 == 0)
        })
    }

    /// How many of the first `m` fragments are lost.
    pub(crate) fn among_first(self, m: u16) -> u32 {
        let lost = |(place, word): (usize, &u64)| {
            let bits = usize::from(m).saturating_sub(64 * place).min(64);
            let mask = if bits == 0 { 0 } else { u64::MAX >> (64 - bits) };
            (word & mask).count_ones()
        };
        self.words.iter().enumerate().map(lost).sum()
    }
}

/// A code, and what all receivers of a data block share.
pub(crate) enum Prepared {
    /// The rows of its parity fragments.
    Ts004(ParityColumns),
    /// Every parity fragment a new random combination.
    RandomLinear {
        /// Uncoded fragments.
        m: u16,
        /// Elements of the field.
        field: f64,
    },
    /// Whichever M fragments come first.
    AnyM {
        /// Uncoded fragments.
        m: u16,
    },
    /// Packets, to be decoded.
    RaptorQ(RaptorQ),
    /// M fragments in turn.
    Repetition {
        /// Uncoded fragments.
        m: u16,
    },
}

impl Prepared {
    /// The number N of the fragment with which a receiver is complete that hears 1, 2, … but for `losses`.
    /// `draw` gives numbers from 0 to below 1 for codes that are random themselves.
    pub(crate) fn complete_at(
        &self,
        losses: Losses<'_>,
        scratch: &mut RankScratch,
        mut draw: impl FnMut() -> f64,
    ) -> Option<u16> {
        match self {
            Self::Ts004(columns) => columns.complete_at(losses.words, scratch),
            Self::AnyM { m } => losses.received().nth(usize::from(*m) - 1),
            Self::RandomLinear { m, field } => {
                // A random combination of the lost fragments lies in a space of the rank so far with probability
                // field^(rank − lost), and brings nothing then.
                let mut needed = losses.among_first(*m);
                if needed == 0 {
                    return Some(*m);
                }
                losses.received().filter(|n| n > m).find(|_| {
                    let free = i32::try_from(needed).unwrap_or(i32::MAX);
                    needed -= u32::from(draw() >= field.powi(-free));
                    needed == 0
                })
            }
            Self::RaptorQ(raptor) => raptor.complete_at(losses),
            Self::Repetition { m } => {
                let mut missing = vec![true; usize::from(*m)];
                let mut left = *m;
                losses.received().find(|n| {
                    let place = missing.get_mut(usize::from((n - 1) % m));
                    left -= u16::from(place.is_some_and(std::mem::take));
                    left == 0
                })
            }
        }
    }
}

/// Fragments of a data block by RFC 6330, and the block to hold the result against.
pub(crate) struct RaptorQ {
    m: u16,
    config: ObjectTransmissionInformation,
    block: Vec<u8>,
    packets: Vec<EncodingPacket>,
}

impl RaptorQ {
    /// Fragments of a few octets each: how long they are does not matter to what can be decoded.
    fn new(m: u16, parity: u16) -> Self {
        const FRAG_SIZE: u16 = 8;
        let block: Vec<u8> =
            (0..usize::from(m) * usize::from(FRAG_SIZE)).map(|i| (i * 7 + i / 11).to_le_bytes()[0]).collect();
        let config = ObjectTransmissionInformation::new(block.len() as u64, FRAG_SIZE, 1, 1, 1);
        let encoder = SourceBlockEncoder::new(0, &config, &block);
        let mut packets = encoder.source_packets();
        packets.extend(encoder.repair_packets(0, parity.into()));
        Self { m, config, block, packets }
    }

    fn complete_at(&self, losses: Losses<'_>) -> Option<u16> {
        let mut decoder = SourceBlockDecoder::new(0, &self.config, self.block.len() as u64);
        let mut waiting = Vec::new();
        for (count, n) in (1..).zip(losses.received()) {
            waiting.push(self.packets.get(usize::from(n) - 1)?.clone());
            // Fewer than M say nothing: no attempt is made.
            if count >= self.m && decoder.decode(waiting.drain(..)).is_some_and(|block| block == self.block) {
                return Some(n);
            }
        }
        None
    }
}
