//! Clock synchronisation during a campaign, and other answers that devices want from the server.

use alloc::vec::Vec;

use fuota_proto::NbTransmissions;
use fuota_proto::clock_sync::{AppTimeAns, AppTimeReq, ForceDeviceResyncReq};

use super::Campaign;
use super::io::{Dest, Output};
use super::question::encode;
use super::tx::Cargo;
use crate::time::GpsInstant;

impl Campaign {
    /// A device asks for the time. It is answered if it insists or if its clock is off by more than it may be
    /// (TS003-1.0.0 §2.2).
    pub(super) fn on_app_time(&mut self, index: u32, request: AppTimeReq, received: GpsInstant) {
        let ans = AppTimeAns::correcting(request.device_time, received.as_secs(), request.token_req);
        let tolerance = self.plan.config().time_sync_tolerance.as_secs();
        if request.ans_required || u64::from(ans.time_correction.unsigned_abs()) > tolerance {
            self.reply(index, self.plan.config().aclksynport, encode(&ans));
        }
    }

    /// Has a device ask for the time.
    pub(super) fn force_resync(&mut self, index: u32) {
        let request = ForceDeviceResyncReq { nb_transmissions: NbTransmissions::from_wire(1) };
        self.reply(index, self.plan.config().aclksynport, encode(&request));
    }

    /// Sends a device something that is not part of any exchange, unless nothing may be sent. If it is lost, the device
    /// asks again.
    pub(super) fn reply(&mut self, index: u32, port: u8, payload: Vec<u8>) {
        if self.paused {
            return;
        }
        let Some(dest) = self.plan.device(index).map(|device| Dest::Unicast(device.dev_eui)) else { return };
        let expires_at = self.now + self.plan.response_timeout(index, self.longest_period);
        let (_, transmit) = self.transmit(Cargo::Reply, dest, port, payload, expires_at, None);
        self.outputs.push_back(Output::Transmit(transmit));
    }
}
