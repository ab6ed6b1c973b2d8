//! What a subscriber is told about a campaign.

use super::clock::ClockStep;
use super::store::Obstacle;
use crate::campaign::event::{Event, Outcome};
use crate::time::GpsInstant;

/// Something that happened to a campaign. Its own events come in order, each once it is durable.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// The campaign says something.
    Event {
        /// When.
        at: GpsInstant,
        /// What.
        event: Event,
    },
    /// The store cannot be used: the campaign stands still and sends nothing.
    Paused(Obstacle),
    /// The store is back: the campaign goes on.
    Resumed,
    /// The network server does not take downlinks; they are held back.
    TransportLost,
    /// The network server takes downlinks again.
    TransportBack,
    /// The clock was set.
    ClockStepped(ClockStep),
    /// Another node has the campaign, or may have it: this one does no more for it.
    HandedOver,
    /// The campaign is over.
    Finished(Outcome),
}
