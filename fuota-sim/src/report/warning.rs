//! Warnings in words.

use fuota_engine::campaign::event::Warning;
use fuota_engine::campaign::io::Refusal;

use super::humanise;

/// The warning's name in reports.
#[must_use]
pub const fn warning_name(warning: &Warning) -> &'static str {
    match warning {
        Warning::SetupOutlastsCampaign { .. } => "SetupOutlastsCampaign",
        Warning::Malformed { .. } => "Malformed",
        Warning::ClockOff { .. } => "ClockOff",
        Warning::ReportMissing => "ReportMissing",
        Warning::Refused(_) => "Refused",
        Warning::UnknownInput => "UnknownInput",
        Warning::LegacyReboot { .. } => "LegacyReboot",
        Warning::PossiblyRepeated { .. } => "PossiblyRepeated",
        _ => "Other",
    }
}

/// The warning in words.
#[must_use]
pub fn warning_text(warning: &Warning) -> String {
    match warning {
        Warning::SetupOutlastsCampaign { setup, max_duration } => format!(
            "set-up will take about {} behind one gateway, but the campaign may last only {}: it is expected to FAIL",
            humanise(*setup),
            humanise(*max_duration)
        ),
        Warning::Malformed { device, port, offset } => {
            format!("{device}: payload on port {port} makes no sense from octet {offset} on")
        }
        Warning::ClockOff { device, by } => format!("{device}: clock off by {}", humanise(*by)),
        Warning::ReportMissing => "no report on a multicast downlink came in time".into(),
        Warning::Refused(refusal) => format!("the network server refused a downlink: {}", cause(*refusal)),
        Warning::UnknownInput => "an input named something that the campaign does not know".into(),
        Warning::LegacyReboot { device } => {
            format!("{device}: echoed the reboot time, as before edition 1.0.0 of firmware management")
        }
        Warning::PossiblyRepeated { id } => {
            format!("transmission {:#x} was repeated after a restart and may have been on air twice", id.0)
        }
        other => format!("{other:?}"),
    }
}

fn cause(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Busy => "its queue is full",
        Refusal::DutyCycle => "no gateway may transmit now",
        Refusal::TooLong => "the payload is too long for the data rate",
        Refusal::Unknown => "it does not know the device or group",
        _ => "for a reason of its own",
    }
}
