//! Transmission identifiers that say what they carry, so that a report costs no look-up.

use crate::ids::TxId;

/// Marks a transmission that is not a member's request; fleets are smaller than this.
const OTHER: u32 = 1 << 31;
/// Marks an answer to a device among those.
const REPLY: u32 = 1 << 30;
/// Bits of a fragment number.
const N_BITS: u32 = 14;

/// What a transmission carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Cargo {
    /// The current request of the member with this index.
    Request(u32),
    /// An answer to something that a device asked; nobody waits for its report.
    Reply,
    /// The status request of a stream.
    Poll { stream: u16 },
    /// A fragment of a stream, by its number.
    Fragment { stream: u16, n: u16 },
}

/// Names a transmission: a serial number that never repeats, and its cargo.
pub(super) fn tx_id(serial: u32, cargo: Cargo) -> TxId {
    let of_stream = |stream: u16, n: u16| OTHER | u32::from(stream) << N_BITS | u32::from(n);
    let cargo = match cargo {
        Cargo::Request(member) => member,
        Cargo::Reply => OTHER | REPLY,
        Cargo::Poll { stream } => of_stream(stream, 0),
        Cargo::Fragment { stream, n } => of_stream(stream, n),
    };
    TxId(u64::from(serial) << 32 | u64::from(cargo))
}

/// The serial number and the cargo of a transmission.
#[allow(clippy::cast_possible_truncation)] // takes the identifier apart
pub(super) const fn parts(id: TxId) -> (u32, Cargo) {
    let (serial, cargo) = ((id.0 >> 32) as u32, id.0 as u32);
    let stream = ((cargo & !OTHER & !REPLY) >> N_BITS) as u16;
    let cargo = match (cargo & ((1 << N_BITS) - 1)) as u16 {
        _ if cargo & OTHER == 0 => Cargo::Request(cargo),
        _ if cargo & REPLY != 0 => Cargo::Reply,
        0 => Cargo::Poll { stream },
        n => Cargo::Fragment { stream, n },
    };
    (serial, cargo)
}

/// Whether this is a request that a member has to answer.
pub(super) fn awaits_answer(id: TxId) -> bool {
    matches!(parts(id).1, Cargo::Request(_))
}

/// Whether this is a request of the member with this index.
pub(super) fn is_request(id: TxId, index: u32) -> bool {
    parts(id).1 == Cargo::Request(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_come_apart_as_they_were_put_together() {
        let streams = [0, 1, 1000, u16::MAX];
        let polls = streams.map(|stream| Cargo::Poll { stream });
        let fragments = streams.map(|stream| Cargo::Fragment { stream, n: 16_383 });
        let others =
            [Cargo::Request(0), Cargo::Request(999_999), Cargo::Reply, Cargo::Fragment { stream: 3, n: 1 }];
        for cargo in polls.into_iter().chain(fragments).chain(others) {
            for serial in [0, 1, u32::MAX] {
                assert_eq!(parts(tx_id(serial, cargo)), (serial, cargo));
            }
        }
    }
}
