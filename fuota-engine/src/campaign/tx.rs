//! Transmission identifiers that say what they carry, so that a report costs no look-up.

use crate::ids::TxId;

/// Marks a multicast transmission in the low half of the identifier; fleets are smaller than this.
const MULTICAST: u32 = 1 << 31;

/// What a transmission carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cargo {
    /// The current request of the member with this index.
    Request(u32),
    /// The status request to the group.
    Poll,
    /// The fragment with this number.
    Fragment(u16),
}

/// Names a transmission: a serial number that never repeats, and its cargo.
pub(super) fn tx_id(serial: u32, cargo: Cargo) -> TxId {
    let cargo = match cargo {
        Cargo::Request(member) => member,
        Cargo::Poll => MULTICAST,
        Cargo::Fragment(n) => MULTICAST | u32::from(n),
    };
    TxId(u64::from(serial) << 32 | u64::from(cargo))
}

/// The serial number and the cargo of a transmission.
#[allow(clippy::cast_possible_truncation)] // takes the identifier apart
pub(super) const fn parts(id: TxId) -> (u32, Cargo) {
    let (serial, cargo) = ((id.0 >> 32) as u32, id.0 as u32);
    let cargo = match cargo & !MULTICAST {
        member if cargo < MULTICAST => Cargo::Request(member),
        0 => Cargo::Poll,
        n => Cargo::Fragment(n as u16),
    };
    (serial, cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_come_apart_as_they_were_put_together() {
        for cargo in [
            Cargo::Request(0),
            Cargo::Request(999_999),
            Cargo::Poll,
            Cargo::Fragment(1),
            Cargo::Fragment(16_383),
        ] {
            for serial in [0, 1, u32::MAX] {
                assert_eq!(parts(tx_id(serial, cargo)), (serial, cargo));
            }
        }
    }
}
