//! Session answers for people and for records.
//!
//! For people they are flat: a flag per error bit of the version, and TimeToStart or null. Binary formats keep the
//! status octet as it is, bits without a name included.

use serde::de::Error as _;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::session::{SessionAns, SessionErrors, SessionOutcome};
use crate::ids::McGroupId;
use crate::units::TimeToStart;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    mc_group_id: McGroupId,
    dr_error: bool,
    freq_error: bool,
    mc_group_undefined: bool,
    start_missed: Option<bool>,
    time_to_start: Option<TimeToStart>,
}

#[derive(Serialize, Deserialize)]
struct Compact {
    mc_group_id: McGroupId,
    errors: u8,
    time_to_start: Option<TimeToStart>,
}

impl<const VERSION: u8, const CID: u8> Serialize for SessionAns<VERSION, CID> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mc_group_id, time_to_start) = (self.mc_group_id, self.time_to_start());
        if !serializer.is_human_readable() {
            let errors = self.errors().map_or(0, SessionErrors::bits);
            return Compact { mc_group_id, errors, time_to_start }.serialize(serializer);
        }
        let has = |error| self.errors().is_some_and(|errors| errors.contains(error));
        let mut flat = serializer.serialize_struct("SessionAns", if VERSION == 1 { 5 } else { 6 })?;
        flat.serialize_field("mc_group_id", &mc_group_id)?;
        flat.serialize_field("dr_error", &has(SessionErrors::DR_ERROR))?;
        flat.serialize_field("freq_error", &has(SessionErrors::FREQ_ERROR))?;
        flat.serialize_field("mc_group_undefined", &has(SessionErrors::MC_GROUP_UNDEFINED))?;
        if VERSION != 1 {
            flat.serialize_field("start_missed", &has(SessionErrors::START_MISSED))?;
        }
        flat.serialize_field("time_to_start", &time_to_start)?;
        flat.end()
    }
}

impl<'de, const VERSION: u8, const CID: u8> Deserialize<'de> for SessionAns<VERSION, CID> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mc_group_id, errors, time_to_start) = if deserializer.is_human_readable() {
            let flat = Flat::deserialize(deserializer)?;
            let start_missed = match (VERSION, flat.start_missed) {
                (1, Some(_)) => return Err(D::Error::custom("version 1 has no start_missed")),
                (1, None) => false,
                (_, flag) => flag.ok_or_else(|| D::Error::missing_field("start_missed"))?,
            };
            let errors = SessionErrors::from_flags(
                flat.dr_error,
                flat.freq_error,
                flat.mc_group_undefined,
                start_missed,
            );
            (flat.mc_group_id, errors, flat.time_to_start)
        } else {
            let compact = Compact::deserialize(deserializer)?;
            (compact.mc_group_id, SessionErrors::from_bits(compact.errors), compact.time_to_start)
        };
        let outcome = match (errors, time_to_start) {
            (None, Some(time_to_start)) => SessionOutcome::Starts(time_to_start),
            (Some(errors), None) => SessionOutcome::Refused(errors),
            (Some(_), Some(_)) => return Err(D::Error::custom("time_to_start beside an error")),
            (None, None) => return Err(D::Error::custom("neither time_to_start nor an error")),
        };
        Ok(Self::from_parts(mc_group_id, outcome))
    }
}
