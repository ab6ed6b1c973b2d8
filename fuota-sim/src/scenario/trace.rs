//! Recorded receptions: `device,gateway,t,seq,rx,rssi,snr`, a row for each frame that was on air.

use std::collections::BTreeMap;
use std::io;

use serde::Deserialize;

/// What devices received of a series of frames, device by device in the order of their names.
///
/// A frame counts as received if any gateway's row says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Whether each frame was lost, in the order of their numbers.
    series: Vec<Vec<bool>>,
}

/// Why a file is not a trace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// A row that cannot be read.
    #[error("{0}")]
    Row(#[from] csv::Error),
    /// Nothing but a header.
    #[error("a trace has a row for each frame, with the columns device, seq and rx")]
    Empty,
}

/// What is used of a row.
#[derive(Deserialize)]
struct Row {
    device: String,
    seq: u64,
    /// 1: received, 0: lost.
    rx: u8,
}

impl Trace {
    /// Reads a table with the columns `device`, `seq` and `rx`; further columns are left alone.
    ///
    /// # Errors
    /// [`TraceError`] with the line of the first row that is wrong.
    pub fn read(table: impl io::Read) -> Result<Self, TraceError> {
        let mut received: BTreeMap<String, BTreeMap<u64, bool>> = BTreeMap::new();
        for row in csv::Reader::from_reader(table).deserialize() {
            let Row { device, seq, rx } = row?;
            *received.entry(device).or_default().entry(seq).or_default() |= rx != 0;
        }
        if received.is_empty() {
            return Err(TraceError::Empty);
        }
        let series = received.into_values().map(|frames| frames.into_values().map(|rx| !rx).collect());
        Ok(Self { series: series.collect() })
    }

    /// Devices on record.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Whether a device's record says that the frame at this place was lost; records repeat.
    #[must_use]
    pub fn is_lost(&self, series: usize, place: usize) -> bool {
        let frames = self.series.get(series).map_or(&[][..], Vec::as_slice);
        frames.get(place % frames.len().max(1)).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_received_if_any_gateway_has_it() {
        let table = "device,gateway,t,seq,rx,rssi,snr\n\
                     b,g1,0,1,1,-80,7\nb,g1,1,2,0,,\n\
                     a,g1,0,1,0,,\na,g2,0,1,1,-100,1\na,g1,1,2,0,,\na,g2,1,2,0,,\na,g1,2,3,1,-90,2\n";
        let trace = Trace::read(table.as_bytes()).unwrap();
        assert_eq!(trace.len(), 2);
        let of = |series, frames| (0..frames).map(|place| trace.is_lost(series, place)).collect::<Vec<_>>();
        assert_eq!(of(0, 4), [false, true, false, false], "device a, from the beginning after its third");
        assert_eq!(of(1, 2), [false, true]);
    }

    #[test]
    fn what_is_no_trace_is_told_with_its_line() {
        let error = Trace::read(&b"device,seq,rx\na,1,yes\n"[..]).unwrap_err().to_string();
        assert!(error.contains("line: 2"), "{error}");
        assert!(matches!(Trace::read(&b"device,seq,rx\n"[..]), Err(TraceError::Empty)));
    }
}
