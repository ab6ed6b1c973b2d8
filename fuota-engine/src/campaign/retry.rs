//! Another try for the devices that failed: the plan of a campaign that keeps what they have.
//!
//! A device that failed only for want of fragments, or because it was not heard in the end, may still have its
//! fragmentation session. Whether it does is asked first: its status says how much it is missing. If all devices of a
//! stream have kept theirs, fragments go on after the last that was sent; if not, all of them are sent again, and who
//! has kept something is complete the earlier.

use alloc::vec::Vec;

use super::event::{FailureReason, StageKind};
use super::member::{Mark, Member, Standing};
use super::spec::{CampaignSpec, DeviceSpec, Indices, Kept, Membership, Start};
use super::stream::Key;
use super::{Campaign, Phase};

/// Why there is nothing to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// Devices may still succeed, or be cleaned up.
    #[error("the campaign is not over")]
    NotOver,
    /// Every device succeeded, but for those that the operator took out.
    #[error("no device failed")]
    NobodyFailed,
}

impl Campaign {
    /// A campaign for the devices of this one that failed, those apart that the operator excluded. It starts at once and
    /// computes when its session starts; everything else is as it was, but for what has become known of the devices.
    ///
    /// Devices that are believed to have kept their group or their fragmentation session are not set up again. So the
    /// new campaign needs the keys of this one.
    ///
    /// # Errors
    /// [`RetryError`] if it is too early, or nobody failed.
    pub fn retry_plan(&self) -> Result<CampaignSpec, RetryError> {
        if self.phase != Phase::Over {
            return Err(RetryError::NotOver);
        }
        let (mut devices, mut kept) = (Vec::new(), Vec::new());
        for (spec, member) in self.plan.devices().iter().zip(self.roster.members()) {
            if !matches!(member.standing, Standing::Failed(..)) || member.standing.is_excluded() {
                continue;
            }
            let mut device = self.as_known(spec, member);
            if let Some(sent) = self.kept_fragments(member) {
                device.limits.frag_indices = Indices::only([member.frag_index().get()]);
                let device = u32::try_from(devices.len()).unwrap_or(u32::MAX);
                kept.push(Kept { device, sent });
            }
            devices.push(device);
        }
        if devices.is_empty() {
            return Err(RetryError::NobodyFailed);
        }
        let spec = &self.plan.spec;
        Ok(CampaignSpec {
            devices,
            kept,
            start: Start::AtOnce,
            session_start: None,
            // Who has to be set up again takes only a larger one (TS004-2.0.0 §3.3).
            session_cnt: spec.session_cnt.saturating_add(1),
            ..spec.clone()
        })
    }

    /// The device with what the campaign has learnt of it.
    fn as_known(&self, spec: &DeviceSpec, member: &Member) -> DeviceSpec {
        let mut device =
            DeviceSpec { multicast: member.multicast, fragmentation: member.fragmentation, ..*spec };
        let group = self.plan.group(member.group).zip(self.groups.get(usize::from(member.group)));
        if let Some((group, state)) = group.filter(|_| member.has(Mark::Group)) {
            let parameters = group.parameters();
            device.limits.mc_group_ids = Indices::only([member.mc_group_id().get()]);
            device.membership = Some(Membership {
                mc_addr: parameters.mc_addr,
                key_id: parameters.key_id,
                min_mc_fcnt: state.first_fcnt,
                max_mc_fcnt: self.plan.max_mc_fcnt(group, state.first_fcnt),
            });
        }
        device
    }

    /// Number of the last fragment that was sent in the session that a device has kept, if it may have.
    fn kept_fragments(&self, member: &Member) -> Option<u16> {
        let Standing::Failed(stage, reason) = member.standing else { return None };
        let lacks_fragments = matches!(
            reason,
            FailureReason::Incomplete(_)
                | FailureReason::NoAnswer
                | FailureReason::NotHeard
                | FailureReason::CampaignEnded
        );
        let kept = member.has(Mark::Session) && !member.has(Mark::Block);
        if !(lacks_fragments && kept && stage >= StageKind::DataFragment) {
            return None;
        }
        let key = Key::of(&self.plan, member);
        let stream = self.streams.iter().find(|stream| stream.key == key)?;
        // In rounds every number comes again.
        Some(stream.number().max(stream.resumed)).filter(|sent| *sent > 0)
    }
}
