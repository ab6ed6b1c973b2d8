//! The requests of the set-up stages and what their answers mean.

use alloc::vec::Vec;
use core::time::Duration;

use fuota_proto::fragmentation::v1::{FragSessionSetupAns, FragSessionSetupReq, FragSessionStatusReq};
use fuota_proto::multicast::v1::{McClassCSessionAns, McClassCSessionReq, McGroupSetupAns, McGroupSetupReq};
use fuota_proto::{Command, Descriptor, EncryptedMcKey, FragAlgo, FragIndex, GpsSeconds, GroupMask, NbFrag};

use super::event::{CampaignStatus, Cause, Event, FailureReason, Warning};
use super::exchange::Question;
use super::member::State;
use super::{Campaign, Session};
use crate::time::GpsInstant;

/// The one fragmentation session that a campaign uses on a device.
pub(super) const FRAG_INDEX: FragIndex = FragIndex::MIN;
/// Slack between a device's idea of the session's start and the server's, besides clock tolerance and airtime.
const START_SLACK: Duration = Duration::from_secs(2);

impl Campaign {
    /// FPort and octets of the request that asks `question`.
    pub(super) fn encode_request(
        &self,
        question: Question,
        key: Option<EncryptedMcKey>,
    ) -> Option<(u8, Vec<u8>)> {
        let (config, group) = (self.plan.config(), self.plan.group());
        let payload = match question {
            Question::McGroupSetup => encode(&McGroupSetupReq {
                mc_group_id: group.mc_group_id,
                mc_addr: group.mc_addr,
                mc_key_encrypted: key?,
                min_mc_fcnt: self.first_fcnt,
                max_mc_fcnt: self.plan.max_mc_fcnt(self.first_fcnt),
            }),
            Question::FragSessionSetup => encode(&FragSessionSetupReq {
                mc_group_bit_mask: GroupMask::default().with(group.mc_group_id),
                frag_index: FRAG_INDEX,
                nb_frag: NbFrag::from_wire(self.plan.geometry().nb_frag()),
                frag_size: self.plan.geometry().frag_size(),
                block_ack_delay: self.plan.block_ack_delay(),
                fragmentation_matrix: FragAlgo::FEC,
                padding: self.plan.geometry().padding(),
                descriptor: Descriptor(self.plan.spec.descriptor),
            }),
            Question::McClassCSession => {
                let session = self.session?;
                encode(&McClassCSessionReq {
                    mc_group_id: group.mc_group_id,
                    session_time: GpsSeconds(session.start.wire_secs()),
                    time_out: session.time_out,
                    dl_frequency_hz: group.frequency,
                    dr: group.data_rate,
                })
            }
            // A complete device would be silent to Participants = 0 (TS004-1.0.0 §3.2).
            Question::FragSessionStatus => {
                encode(&FragSessionStatusReq { frag_index: FRAG_INDEX, participants: true })
            }
        };
        let port = match question {
            Question::McGroupSetup | Question::McClassCSession => config.fucport,
            Question::FragSessionSetup | Question::FragSessionStatus => config.fmcport,
        };
        Some((port, payload))
    }

    pub(super) fn on_mc_group_setup_ans(&mut self, index: u32, ans: &McGroupSetupAns) {
        if ans.mc_group_id != self.plan.group().mc_group_id
            || !self.admit_answer(index, Question::McGroupSetup)
        {
            return;
        }
        self.judge(index, if ans.is_ok() { Ok(()) } else { Err(status_octet(ans)) });
    }

    pub(super) fn on_frag_session_setup_ans(&mut self, index: u32, ans: &FragSessionSetupAns) {
        if ans.frag_index != FRAG_INDEX || !self.admit_answer(index, Question::FragSessionSetup) {
            return;
        }
        self.judge(index, if ans.is_ok() { Ok(()) } else { Err(status_octet(ans)) });
    }

    /// Besides error bits, an answer shows whether the device's clock agrees with the server's: `received` plus
    /// TimeToStart should be the session's start.
    pub(super) fn on_class_c_session_ans(
        &mut self,
        index: u32,
        ans: &McClassCSessionAns,
        payload_len: usize,
        received: GpsInstant,
    ) {
        let Some(session) = self.session else { return };
        if ans.mc_group_id != self.plan.group().mc_group_id
            || !self.admit_answer(index, Question::McClassCSession)
        {
            return;
        }
        let Some(time_to_start) = ans.time_to_start() else {
            self.judge(index, Err(status_octet(ans)));
            return;
        };
        let claimed = received + Duration::from_secs(u64::from(time_to_start.get()));
        let off = claimed.abs_diff(session.start);
        let tolerance =
            self.plan.config().time_sync_tolerance + self.plan.uplink_airtime(payload_len) + START_SLACK;
        if off <= tolerance {
            self.judge(index, Ok(()));
            return;
        }
        if let Some(device) = self.roster.get(index).map(|member| member.dev_eui) {
            self.warn(Warning::ClockOff { device, by: off });
        }
        self.retry(index, FailureReason::ClockMismatch);
    }

    /// A device accepted, or refused with this status octet.
    fn judge(&mut self, index: u32, verdict: Result<(), u8>) {
        match verdict {
            Ok(()) => self.roster.set(index, State::Done, None),
            Err(status) => self.fail(index, FailureReason::Refused(status)),
        }
    }

    /// Fixes the class C session, the same for every device, and opens its stage.
    pub(super) fn schedule_session(&mut self) {
        let start = GpsInstant::from_secs((self.now + self.plan.session_delay()).ceil_secs());
        match self.plan.session(start, self.deadline) {
            Some((time_out, end)) => {
                self.session = Some(Session { start, time_out, end });
                self.ask(Question::McClassCSession);
                self.tell(Event::SessionScheduled { start, duration: end.since(start) });
            }
            None => {
                let stage = super::StageKind::McClassCSession;
                self.begin_stage(stage, self.roster.counts().done);
                self.close(CampaignStatus::Failed, Some(Cause::NoTimeLeft { stage }));
            }
        }
    }
}

/// The octets of a command that is alone in its payload.
pub(super) fn encode<'a>(command: &impl Command<'a>) -> Vec<u8> {
    let mut payload = alloc::vec![0; command.encoded_len()];
    let mut out = fuota_proto::Writer::new(&mut payload);
    // The buffer is as long as the command says it is, so nothing can be missing.
    let fits = command.encode(&mut out);
    debug_assert!(fits.is_ok());
    payload
}

/// The octet after the CID, in which all three set-up answers carry their error bits.
fn status_octet<'a>(ans: &impl Command<'a>) -> u8 {
    encode(ans).get(1).copied().unwrap_or_default()
}
