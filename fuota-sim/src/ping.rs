//! Ping slots: when a class B group listens, known to its devices and to the server alike.
//!
//! ```text
//!   beacon ├─ 2.120 s reserved ─┼─ 4096 slots of 30 ms ─┼─ 3 s guard ─┤ beacon
//!                               └ offset, offset + period, offset + 2 · period, …
//! ```

use std::time::Duration;

use fuota_engine::time::GpsInstant;
use fuota_proto::keys::{Aes128 as _, SoftwareAes};
use fuota_proto::{GpsSeconds, McAddr, PingSlotPeriodicity};

/// From the beacon to the first slot (LoRaWAN 1.0.3 §11).
const RESERVED: Duration = Duration::from_millis(2120);
/// Length of a slot.
const SLOT: Duration = Duration::from_millis(30);
/// Slots in a beacon period.
const SLOTS: u32 = 4096;

/// The first ping slot of the group that starts at `wanted` or after.
pub(crate) fn next_slot(mc_addr: McAddr, periodicity: PingSlotPeriodicity, wanted: GpsInstant) -> GpsInstant {
    let beacon = wanted.as_secs() - wanted.as_secs() % u64::from(GpsSeconds::BEACON_PERIOD_S);
    let of_period = |beacon| {
        let beacon = GpsInstant::from_secs(beacon);
        slots(mc_addr, periodicity, beacon).find(|&slot| slot >= wanted)
    };
    let following = beacon + u64::from(GpsSeconds::BEACON_PERIOD_S);
    // Every beacon period has slots, so the following one has one.
    of_period(beacon).or_else(|| of_period(following)).unwrap_or(GpsInstant::MAX)
}

/// The ping slots of one beacon period, in order.
fn slots(
    mc_addr: McAddr,
    periodicity: PingSlotPeriodicity,
    beacon: GpsInstant,
) -> impl Iterator<Item = GpsInstant> {
    let period = SLOTS / periodicity.pings_per_beacon_period();
    let first = offset(mc_addr, beacon) % period;
    (first..SLOTS).step_by(period as usize).map(move |slot| beacon + RESERVED + SLOT * slot)
}

/// Where the slots of a beacon period begin: differs from beacon to beacon, so that no two groups collide for ever
/// (LoRaWAN 1.0.3 §13.1).
fn offset(mc_addr: McAddr, beacon: GpsInstant) -> u32 {
    let [a, b, c, d] = beacon.wire_secs().to_le_bytes();
    let [e, f, g, h] = mc_addr.get().to_le_bytes();
    let mut block = [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0];
    let encrypted = SoftwareAes::new(&[0; 16]).encrypt_block(&mut block);
    // In software nothing can go wrong.
    debug_assert!(encrypted.is_ok());
    let [low, high, ..] = block;
    u16::from_le_bytes([low, high]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEACON: GpsInstant = GpsInstant::from_secs(1_400_000_000);
    const MC_ADDR: McAddr = McAddr(0x01FF_0000);

    #[test]
    fn every_period_has_its_slots_at_equal_distances_within_the_window() {
        for exponent in 0..=7 {
            let periodicity = PingSlotPeriodicity::new(exponent).unwrap();
            let slots: Vec<_> = slots(MC_ADDR, periodicity, BEACON).collect();
            assert_eq!(slots.len(), periodicity.pings_per_beacon_period() as usize);
            let distance = Duration::from_millis(960) * (1 << exponent);
            assert!(slots.windows(2).all(|pair| pair[1].since(pair[0]) == distance), "0.96 · 2^k s");
            assert!(slots[0] >= BEACON + RESERVED);
            assert!(slots[slots.len() - 1] + SLOT <= BEACON + Duration::from_secs(125), "before the guard");
        }
    }

    #[test]
    fn the_next_slot_is_the_first_that_is_not_over() {
        let periodicity = PingSlotPeriodicity::new(7).unwrap();
        let first = next_slot(MC_ADDR, periodicity, BEACON);
        assert_eq!(next_slot(MC_ADDR, periodicity, first), first);
        let second = next_slot(MC_ADDR, periodicity, first + Duration::from_micros(1));
        assert!(second >= BEACON + Duration::from_secs(128), "one slot a period, so in the next one");
        assert_ne!(second.since(first), Duration::from_secs(128), "the offset differs from beacon to beacon");
    }

    #[test]
    fn the_offset_is_the_cipher_s_first_two_octets() {
        // AES-128 under the zero key of beaconTime 1400000000, DevAddr 01FF0000, computed with OpenSSL.
        assert_eq!(offset(MC_ADDR, BEACON), 0xE91F);
    }
}
