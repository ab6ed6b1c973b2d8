//! One class C session of a group (TS005-1.0.0 §3.5).
//!
//! ```text
//!   McClassCSessionReq ──▶ scheduled ──start──▶ running ──end, or block whole and reported──▶ gone
//! ```

use core::time::Duration;

use fuota_proto::McGroupId;
use fuota_proto::multicast::v1::McClassCSessionReq;
use fuota_proto::{DataRate, Frequency};

use super::output::ClassCWindow;
use crate::time::GpsInstant;

/// When and where a group listens in class C.
#[derive(Debug)]
pub(super) struct ClassCSession {
    state: State,
    end: GpsInstant,
    frequency: Frequency,
    data_rate: DataRate,
}

#[derive(Debug)]
enum State {
    Scheduled { start: GpsInstant },
    Running,
}

impl ClassCSession {
    /// The session that `req` asks for, from `start` by the device's clock.
    pub(super) fn scheduled(start: GpsInstant, req: &McClassCSessionReq) -> Self {
        Self {
            state: State::Scheduled { start },
            end: start + Duration::from_secs(req.time_out.class_c_duration_s().into()),
            frequency: req.dl_frequency_hz,
            data_rate: req.dr,
        }
    }

    /// What has become of it at `now`.
    pub(super) fn at(self, now: GpsInstant) -> Option<Self> {
        match self.state {
            _ if self.end <= now => None,
            State::Scheduled { start } if start <= now => Some(Self { state: State::Running, ..self }),
            _ => Some(self),
        }
    }

    /// Whether it listens.
    pub(super) const fn is_running(&self) -> bool {
        matches!(self.state, State::Running)
    }

    /// When it starts or ends, whichever comes next.
    pub(super) const fn due(&self) -> GpsInstant {
        match self.state {
            State::Scheduled { start } => start,
            State::Running => self.end,
        }
    }

    /// Where it listens.
    pub(super) const fn window(&self, mc_group_id: McGroupId) -> ClassCWindow {
        ClassCWindow { mc_group_id, frequency: self.frequency, data_rate: self.data_rate }
    }
}
