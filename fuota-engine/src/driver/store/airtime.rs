//! Time on air, as campaigns share it.

use std::fmt;
use std::time::Duration;

use crate::driver::transport::Gateway;
use crate::region::SubBand;
use crate::time::GpsInstant;

/// What transmissions share, whoever they are for: a gateway in a sub-band.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// The gateway.
    pub gateway: Gateway,
    /// Where it transmits.
    pub band: SubBand,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.gateway, self.band)
    }
}

/// A transmission that wants its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Where it goes on air: everywhere at the same time.
    pub channels: Vec<Channel>,
    /// How long nothing else goes on air there, from its beginning: its time on air divided by the duty cycle.
    pub taken: Duration,
    /// It does not begin before.
    pub from: GpsInstant,
    /// It does not begin after.
    pub latest: GpsInstant,
}

/// What a campaign will need of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Which channel.
    pub channel: Channel,
    /// How long it keeps everything else from it, in all.
    pub taken: Duration,
}
