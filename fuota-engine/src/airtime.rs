//! Time on air of a LoRa frame, exact to the microsecond.

use core::time::Duration;

/// Octets around the FRMPayload of a data frame without FOpts: MHDR 1, FHDR 7, FPort 1, MIC 4.
pub const FRAME_OVERHEAD: usize = 13;
/// Preamble symbols of a data frame.
const PREAMBLE: u32 = 8;
/// Preamble symbols of a beacon (LoRaWAN 1.0.3 §15.1).
const BEACON_PREAMBLE: u32 = 10;
/// Coding rate 4/5: one redundant bit in four.
const CODING_RATE: u32 = 1;

/// A LoRa modulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Modulation {
    /// Spreading factor, 7 to 12.
    pub spreading_factor: u8,
    /// Bandwidth in kHz: 125, 250 or 500.
    pub bandwidth_khz: u16,
}

/// What surrounds the payload of a downlink on air. The default is what LoRaWAN says; other figures are for comparing
/// with servers and simulators that count differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Framing {
    /// Whether a payload CRC follows. LoRaWAN downlinks have none (LoRaWAN 1.0.3 §3.2).
    pub crc: bool,
    /// Octets of the frame beside its FRMPayload.
    pub overhead: u8,
}

impl Default for Framing {
    fn default() -> Self {
        Self { crc: false, overhead: 13 }
    }
}

impl Modulation {
    /// Time on air of a data frame without payload CRC (as downlinks are) that carries `frm_payload` octets.
    #[must_use]
    pub fn downlink(self, frm_payload: usize) -> Duration {
        self.frame(frm_payload + FRAME_OVERHEAD, false)
    }

    /// Time on air of a downlink that carries `frm_payload` octets within this framing.
    #[must_use]
    pub fn framed(self, frm_payload: usize, framing: Framing) -> Duration {
        self.frame(frm_payload + usize::from(framing.overhead), framing.crc)
    }

    /// Time on air of a data frame with payload CRC (as uplinks are) that carries `frm_payload` octets.
    #[must_use]
    pub fn uplink(self, frm_payload: usize) -> Duration {
        self.frame(frm_payload + FRAME_OVERHEAD, true)
    }

    /// Length of a symbol: 2^SF / BW.
    #[must_use]
    pub fn symbol(self) -> Duration {
        Duration::from_micros(self.quarter_symbol_micros() * 4)
    }

    /// Time on air of a frame of `phy_payload` octets with explicit header.
    #[must_use]
    pub fn frame(self, phy_payload: usize, crc: bool) -> Duration {
        self.on_air(phy_payload, crc, Header::Explicit)
    }

    /// Time on air of a class B beacon of `phy_payload` octets: ten preamble symbols, implicit header, no CRC of the
    /// physical layer (LoRaWAN 1.0.3 §15.1).
    #[must_use]
    pub fn beacon(self, phy_payload: usize) -> Duration {
        self.on_air(phy_payload, false, Header::Implicit)
    }

    /// The symbol time is 2^SF / BW and the preamble ends in a quarter symbol, so counting quarter symbols keeps
    /// every figure a whole number of microseconds.
    fn on_air(self, phy_payload: usize, crc: bool, header: Header) -> Duration {
        let sf = i64::from(self.spreading_factor);
        let quarter_micros = self.quarter_symbol_micros();
        // Low data rate optimisation is due from symbols of 16 ms up.
        let optimised = quarter_micros * 4 >= 16_000;
        let bits = 8 * i64::try_from(phy_payload).unwrap_or(i64::from(u32::MAX)) - 4 * sf
            + 28
            + if crc { 16 } else { 0 }
            - if header == Header::Implicit { 20 } else { 0 };
        let per_block = 4 * (sf - if optimised { 2 } else { 0 });
        let blocks = u64::try_from(bits).unwrap_or(0).div_ceil(u64::try_from(per_block).unwrap_or(1).max(1));
        let symbols = 8 + blocks * u64::from(CODING_RATE + 4);
        let preamble = match header {
            Header::Explicit => PREAMBLE,
            Header::Implicit => BEACON_PREAMBLE,
        };
        let quarters = u64::from(preamble) * 4 + 17 + symbols * 4;
        Duration::from_micros(quarters * quarter_micros)
    }

    fn quarter_symbol_micros(self) -> u64 {
        (1u64 << self.spreading_factor) * 1000 / u64::from(self.bandwidth_khz) / 4
    }
}

/// Whether a frame says how long it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    Explicit,
    Implicit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_framing_is_a_downlink() {
        let modulation = Modulation { spreading_factor: 9, bandwidth_khz: 125 };
        assert_eq!(usize::from(Framing::default().overhead), FRAME_OVERHEAD);
        assert_eq!(modulation.framed(115, Framing::default()), modulation.downlink(115));
        let counted = Framing { crc: true, ..Framing::default() };
        assert_eq!(modulation.framed(115, counted), modulation.uplink(115));
    }

    #[test]
    fn a_beacon_of_17_octets_at_sf9_takes_152_576_ms() {
        let modulation = Modulation { spreading_factor: 9, bandwidth_khz: 125 };
        assert_eq!(modulation.beacon(17), Duration::from_micros(152_576));
    }

    /// The formula as the modem manual prints it, in floating point.
    fn by_the_book(sf: f64, bw_hz: f64, pl: f64, crc: f64) -> f64 {
        let ts = sf.exp2() / bw_hz;
        let de = if ts >= 0.016 { 1.0 } else { 0.0 };
        let n = 8.0
            + (((8.0 * pl - 4.0 * sf + 28.0 + 16.0 * crc) / (4.0 * (sf - 2.0 * de))).ceil() * 5.0).max(0.0);
        (8.0 + 4.25 + n) * ts
    }

    #[test]
    fn integers_agree_with_the_formula_everywhere() {
        for sf in 7..=12u8 {
            for bw in [125u16, 250, 500] {
                for pl in 0..=255usize {
                    for crc in [false, true] {
                        let ours = Modulation { spreading_factor: sf, bandwidth_khz: bw }.frame(pl, crc);
                        let book = by_the_book(
                            f64::from(sf),
                            f64::from(bw) * 1000.0,
                            pl as f64,
                            f64::from(u8::from(crc)),
                        );
                        assert!((ours.as_secs_f64() - book).abs() < 1e-9, "SF{sf}/{bw} {pl} {crc}");
                    }
                }
            }
        }
    }
}
