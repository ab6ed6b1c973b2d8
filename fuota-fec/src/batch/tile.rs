//! Octets of eight fragments, or of eight rows, side by side in registers that move octets only within their lanes.
//!
//! A tile is what eight registers hold of eight sources: of each, 16 octets in a lane. Where fewer are left, it has no more
//! registers than it needs, and a lane two octets for each of them.

use super::simd::gfni::{Gfni, Register};

/// Lanes of a register.
const LANES: usize = 2;

/// The most registers of a tile.
pub(super) const TILE: usize = 8;

/// The octets that a register of a tile has of each source.
pub(super) const OCTETS: usize = 2 * LANES;

/// The octets of each source that a tile has.
pub(super) type Octets = [u8; TILE * OCTETS];

/// Eight words, each with one octet of every source: in register k, lane l begins with the octets at
/// `2·registers·l + 2·k` and has the next ones in its second word. Behind the end of a source there are zeros. Registers
/// beyond those asked for hold nothing that counts.
#[inline(always)]
pub(super) fn side_by_side(gfni: Gfni, source: impl Fn(usize) -> Register) -> [Register; TILE] {
    let [a, b] = gfni.zipped(source(0), source(1));
    let [c, d] = gfni.zipped(source(2), source(3));
    let [e, f] = gfni.zipped(source(4), source(5));
    let [g, h] = gfni.zipped(source(6), source(7));
    let ([a, c, e, g], [b, d, f, h]) = (gfni.turned([a, c, e, g]), gfni.turned([b, d, f, h]));
    [a, c, e, g, b, d, f, h]
}

/// The reverse: of eight rows whose octets are side by side, those of each row.
#[inline(always)]
pub(super) fn apart(
    gfni: Gfni,
    sums: [Register; TILE],
    registers: usize,
    mut add: impl FnMut(usize, [u64; 4]),
) {
    let [a, b, c, d, e, f, g, h] = sums;
    let (low, high) = (gfni.turned([a, b, c, d]), gfni.turned([e, f, g, h]));
    for (i, (low, high)) in low.into_iter().zip(high).enumerate() {
        let [even, odd] = gfni.zipped(low, high);
        add(2 * i, gathered(even, registers));
        add(2 * i + 1, gathered(odd, registers));
    }
}

/// The first octets of a source, lane by lane, zeros behind its end. What a lane holds beyond its own is the next one's.
#[inline(always)]
pub(super) fn spread(source: &[u8], registers: usize) -> Register {
    match source.first_chunk() {
        Some(octets) => spread_whole(octets, registers),
        None => {
            let mut octets = Octets::default();
            octets[..source.len()].copy_from_slice(source);
            spread_whole(&octets, registers)
        }
    }
}

#[inline(always)]
fn spread_whole(octets: &Octets, registers: usize) -> Register {
    let lane = |at: usize| octets.get(at..).and_then(<[u8]>::first_chunk::<16>).copied().unwrap_or_default();
    bytemuck::cast([lane(0), lane(2 * registers)])
}

/// The lanes' own octets, one lane after the other, where there are zeros behind them.
#[inline(always)]
fn gathered(register: Register, registers: usize) -> [u64; 4] {
    if registers == TILE {
        return bytemuck::cast(register);
    }
    let [first, second]: [u128; LANES] = bytemuck::cast(register);
    let shift = 16 * registers;
    bytemuck::cast([first | second << shift, second >> 1 >> (127 - shift)])
}
