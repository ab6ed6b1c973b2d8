//! Moments on the command line: absolute, or counted from the start of the campaign.

use std::time::{Duration, UNIX_EPOCH};

use fuota_engine::time::GpsInstant;

use crate::world::START;

/// From the Unix epoch to the GPS epoch, in seconds.
const GPS_EPOCH: u64 = 315_964_800;
/// GPS time is ahead of UTC by so many leap seconds, the same since 2017.
const LEAP_SECONDS: u64 = 18;

/// Reads a moment: an offset such as `+6h`, seconds of GPS time, or a date and time as RFC 3339 has it.
pub(super) fn moment(text: &str) -> Result<GpsInstant, String> {
    let moment = match text.strip_prefix('+') {
        Some(offset) => {
            START + humantime::parse_duration(offset).map_err(|error| format!("`{offset}`: {error}"))?
        }
        None => match text.parse() {
            Ok(seconds) => GpsInstant::from_secs(seconds),
            Err(_) => from_rfc3339(text)?,
        },
    };
    let shown = humantime::format_rfc3339_seconds(
        UNIX_EPOCH + Duration::from_secs(START.as_secs() + GPS_EPOCH - LEAP_SECONDS),
    );
    if moment <= START || moment.as_secs() >= u64::from(u32::MAX) {
        return Err(format!("a moment after the start of the simulated campaign, {shown}, is expected"));
    }
    Ok(moment)
}

fn from_rfc3339(text: &str) -> Result<GpsInstant, String> {
    const EXPECTED: &str =
        "an offset such as +6h, GPS seconds, or a time such as 2024-05-18T06:00:00Z is expected";
    let time = humantime::parse_rfc3339_weak(text).map_err(|_| EXPECTED.to_owned())?;
    let unix = time.duration_since(UNIX_EPOCH).map_err(|_| EXPECTED.to_owned())?;
    let gps = (unix + Duration::from_secs(LEAP_SECONDS)).checked_sub(Duration::from_secs(GPS_EPOCH));
    Ok(GpsInstant::EPOCH + gps.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_ways_lead_to_the_same_moment() {
        let expected = Ok(START + Duration::from_secs(6 * 3600));
        assert_eq!(moment("+6h"), expected);
        assert_eq!(moment("1400021600"), expected);
        // 1400000000 s of GPS time is 2024-05-17T16:53:02Z.
        assert_eq!(moment("2024-05-17T22:53:02Z"), expected);
        assert_eq!(moment("2024-05-17 22:53:02"), expected);
    }

    #[test]
    fn what_is_no_moment_after_the_start_is_refused() {
        for text in
            ["", "+", "+6 apples", "tomorrow", "1400000000", "+0s", "1999-01-01T00:00:00Z", "9999999999"]
        {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
