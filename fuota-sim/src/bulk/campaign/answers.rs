//! What devices say: yes to every request of the set-up stages, and their status when its moment has come.

use fuota_engine::campaign::io::{Dest, Input, Report, Transmit};
use fuota_engine::ids::DevEui;
use fuota_proto::fragmentation::v1 as frag;
use fuota_proto::multicast::v1 as mc;
use fuota_proto::{Command, FragCount, TimeToStart};

use super::Stage;
use crate::fleet::Fleet;

impl Stage<'_> {
    /// A status answer reaches the campaign.
    pub(super) fn report(&mut self, device: u32) {
        let missing =
            if self.liars.include(device) { self.liars.missing.into() } else { self.bits.missing(device) };
        let answer = frag::FragSessionStatusAns {
            nb_frag_received: FragCount::MIN,
            frag_index: fuota_proto::FragIndex::MIN,
            missing_frag: u8::try_from(missing).unwrap_or(u8::MAX),
            not_enough_matrix_memory: false,
        };
        self.uplink(Fleet::dev_eui(device), self.scenario.config.fmcport, &answer);
    }

    fn uplink<'c>(&mut self, from: DevEui, port: u8, command: &impl Command<'c>) {
        let mut buffer = [0; 16];
        let Ok(len) = command.encode_to_slice(&mut buffer) else { return };
        let payload = buffer.get(..len).unwrap_or_default();
        self.campaign.handle(self.now, Input::Uplink { from, port, payload, received: self.now });
    }

    /// Answers a request of the set-up stages as a device that accepts everything.
    pub(super) fn answer(&mut self, request: &Transmit) {
        let Dest::Unicast(from) = request.dest else { return };
        let report = Report::Sent { at: self.now };
        self.campaign.handle(self.now, Input::Downlink { id: request.id, report });
        let config = &self.scenario.config;
        let (fucport, fmcport) = (config.fucport, config.fmcport);
        if request.port == fmcport {
            if let Some(Ok(frag::Downlink::FragSessionSetupReq(setup))) =
                frag::Downlink::commands(&request.payload).next()
            {
                let answer = frag::FragSessionSetupAns {
                    encoding_unsupported: false,
                    not_enough_memory: false,
                    frag_session_index_not_supported: false,
                    wrong_descriptor: false,
                    frag_index: setup.frag_index,
                };
                self.uplink(from, fmcport, &answer);
            }
            return;
        }
        match mc::Downlink::commands(&request.payload).next() {
            Some(Ok(mc::Downlink::McGroupSetupReq(setup))) => {
                let answer = mc::McGroupSetupAns { mc_group_id: setup.mc_group_id, id_error: false };
                self.uplink(from, fucport, &answer);
            }
            Some(Ok(mc::Downlink::McClassCSessionReq(session))) => {
                let start = self.now.nearest(session.session_time.get());
                let seconds = u32::try_from(start.since(self.now).as_secs()).unwrap_or(u32::MAX);
                let starts_in = TimeToStart::saturating(seconds);
                self.uplink(
                    from,
                    fucport,
                    &mc::McClassCSessionAns::accepting(session.mc_group_id, starts_in),
                );
            }
            _ => {}
        }
    }
}
