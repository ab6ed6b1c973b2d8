//! One session of a group, in class B or C (TS005-1.0.0 §3.5 and §3.6).
//!
//! ```text
//!   McClassB/CSessionReq ──▶ scheduled ──start──▶ running ──end, or block whole and reported──▶ gone
//! ```

use core::time::Duration;

use fuota_proto::multicast::{McClassBSessionReq, McClassCSessionReq, SessionErrors};
use fuota_proto::{DataRate, Frequency, GpsSeconds, McGroupId};

use super::output::{Window, WindowClass};
use crate::time::GpsInstant;

/// What a server asks for, in either class.
pub(super) struct SessionReq {
    pub(super) window: Window,
    pub(super) session_time: GpsSeconds,
    duration_s: u32,
    /// What is wrong with it whatever the device.
    pub(super) errors: Option<SessionErrors>,
}

impl From<McClassBSessionReq> for SessionReq {
    fn from(req: McClassBSessionReq) -> Self {
        let class = WindowClass::B { periodicity: req.periodicity };
        Self {
            window: window(req.mc_group_id, req.dl_frequency_hz, req.dr, class),
            session_time: req.session_time,
            duration_s: req.time_out.class_b_duration_s(),
            errors: req.validate().err(),
        }
    }
}

impl From<McClassCSessionReq> for SessionReq {
    fn from(req: McClassCSessionReq) -> Self {
        Self {
            window: window(req.mc_group_id, req.dl_frequency_hz, req.dr, WindowClass::C),
            session_time: req.session_time,
            duration_s: req.time_out.class_c_duration_s(),
            errors: req.validate().err(),
        }
    }
}

const fn window(
    mc_group_id: McGroupId,
    frequency: Frequency,
    data_rate: DataRate,
    class: WindowClass,
) -> Window {
    Window { mc_group_id, frequency, data_rate, class }
}

/// When and where a group listens.
#[derive(Debug)]
pub(super) struct Session {
    state: State,
    end: GpsInstant,
    window: Window,
}

#[derive(Debug)]
enum State {
    Scheduled { start: GpsInstant },
    Running,
}

impl Session {
    /// The session that `req` asks for, from `start` by the device's clock.
    pub(super) fn scheduled(start: GpsInstant, req: &SessionReq) -> Self {
        let end = start + Duration::from_secs(req.duration_s.into());
        Self { state: State::Scheduled { start }, end, window: req.window }
    }

    /// Starts it if it is time. Whether it is not over: a start that was overslept until the end is no start.
    pub(super) fn goes_on(&mut self, now: GpsInstant) -> bool {
        if let State::Scheduled { start } = self.state
            && start <= now
        {
            self.state = State::Running;
        }
        now < self.end
    }

    /// Where it listens, if it does.
    pub(super) const fn open_window(&self) -> Option<Window> {
        match self.state {
            State::Scheduled { .. } => None,
            State::Running => Some(self.window),
        }
    }

    /// When it starts or ends, whichever comes next.
    pub(super) const fn due(&self) -> GpsInstant {
        match self.state {
            State::Scheduled { start } => start,
            State::Running => self.end,
        }
    }
}
