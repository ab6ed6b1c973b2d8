//! The codes that are compared, each asked the same: with which fragment is a receiver complete?
//!
//! All send the M uncoded fragments first.

use clap::ValueEnum;
use fuota_fec::batch::{ParityColumns, RankScratch};
use fuota_fec::{Geometry, ParityRule};
use raptorq::{EncodingPacket, ObjectTransmissionInformation, SourceBlockDecoder, SourceBlockEncoder};

use super::trials::Losses;

/// A code, as it is named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Code {
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
    pub(super) const fn name(self) -> &'static str {
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
    pub(super) fn prepare(self, geometry: Geometry, parity: u16) -> Prepared {
        let m = geometry.nb_frag();
        match self {
            Self::Ts004V1 => Prepared::Ts004(ParityColumns::new(geometry, ParityRule::V1, parity)),
            Self::Ts004V2 => Prepared::Ts004(ParityColumns::new(geometry, ParityRule::V2, parity)),
            Self::Rlnc2 => Prepared::RandomLinear { m, field: 2.0 },
            Self::Rlnc256 => Prepared::RandomLinear { m, field: 256.0 },
            Self::Rs => Prepared::AnyM { m },
            Self::Raptorq => Prepared::RaptorQ(RaptorQ::new(geometry, parity)),
            Self::Repetition => Prepared::Repetition { m },
        }
    }
}

pub(super) enum Prepared {
    Ts004(ParityColumns),
    RandomLinear { m: u16, field: f64 },
    AnyM { m: u16 },
    RaptorQ(RaptorQ),
    Repetition { m: u16 },
}

impl Prepared {
    /// The number N of the fragment with which a receiver is complete that hears 1, 2, … but for `losses`.
    /// `draw` gives numbers from 0 to below 1 for codes that are random themselves.
    pub(super) fn complete_at(
        &self,
        losses: &Losses,
        scratch: &mut RankScratch,
        mut draw: impl FnMut() -> f64,
    ) -> Option<u16> {
        match self {
            Self::Ts004(columns) => columns.complete_at(losses.words(), scratch),
            Self::AnyM { m } => losses.received().nth(usize::from(*m) - 1),
            Self::RandomLinear { m, field } => {
                // A random combination of the lost fragments lies in a space of the rank so far with probability
                // field^(rank − lost), and brings nothing then.
                let uncoded = losses.received().take_while(|n| n <= m).count();
                let mut needed = usize::from(*m) - uncoded;
                if needed == 0 {
                    return Some(*m);
                }
                losses.received().skip(uncoded).find(|_| {
                    let free = i32::try_from(needed).unwrap_or(i32::MAX);
                    needed -= usize::from(draw() >= field.powi(-free));
                    needed == 0
                })
            }
            Self::RaptorQ(raptor) => raptor.complete_at(losses),
            Self::Repetition { m } => {
                let mut missing = vec![true; usize::from(*m)];
                let mut left = *m;
                losses.received().find(|n| {
                    left -= u16::from(std::mem::take(&mut missing[usize::from((n - 1) % m)]));
                    left == 0
                })
            }
        }
    }
}

/// Fragments of a data block by RFC 6330, and the block to hold the result against.
pub(super) struct RaptorQ {
    m: u16,
    config: ObjectTransmissionInformation,
    block: Vec<u8>,
    packets: Vec<EncodingPacket>,
}

impl RaptorQ {
    fn new(geometry: Geometry, parity: u16) -> Self {
        let block: Vec<u8> = (0..geometry.padded_len()).map(|i| (i * 7 + i / 11).to_le_bytes()[0]).collect();
        let config =
            ObjectTransmissionInformation::new(block.len() as u64, geometry.frag_size().into(), 1, 1, 1);
        let encoder = SourceBlockEncoder::new(0, &config, &block);
        let mut packets = encoder.source_packets();
        packets.extend(encoder.repair_packets(0, parity.into()));
        Self { m: geometry.nb_frag(), config, block, packets }
    }

    fn complete_at(&self, losses: &Losses) -> Option<u16> {
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
