//! The validated plan: everything that can be known before the first frame is computed and checked here.

mod cut;
mod error;
mod group;
pub(super) mod pacing;
mod spread;
pub(super) mod timing;

use alloc::vec::Vec;
use core::time::Duration;

use fuota_proto::{BlockAckDelay, Descriptor, FragIndex, McGroupId};
use hashbrown::HashSet;

pub use self::error::{Bound, PlanError, Remedy};
use self::group::Needs;
pub use self::group::{Block, DATA_FRAGMENT_OVERHEAD, GroupPlan};
use super::event::Warning;
use super::io::SessionClass;
use super::spec::{CampaignSpec, DeviceClass, DeviceSpec, Kind, Redundancy};
use crate::airtime::Modulation;
use crate::config::Config;
use crate::percent::Percent;
use crate::region::SubBand;

/// Fragment numbers have 14 bits (TS004-1.0.0 §3.6).
pub const MAX_FRAGMENTS: u32 = 16_383;
/// Longest class C session: 2^15 s (TS005-1.0.0 §3.5).
pub const LONGEST_CLASS_C_SESSION: Duration = Duration::from_secs(1 << 15);
/// Longest class B session: 128 · 2^15 s (TS005-1.0.0 §3.6).
pub const LONGEST_CLASS_B_SESSION: Duration = Duration::from_secs(128 << 15);

/// A campaign that can be run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) spec: CampaignSpec,
    groups: Vec<GroupPlan>,
    required: u32,
    block_ack_delay: BlockAckDelay,
    uplink: Modulation,
    rx1: Modulation,
    longest_period: Duration,
}

impl Plan {
    /// Checks what the operator wants and computes what follows from it.
    ///
    /// # Errors
    /// [`PlanError`] says what does not fit, and what would.
    pub fn new(spec: CampaignSpec) -> Result<Self, PlanError> {
        check_spec(&spec)?;
        let devices = check_devices(&spec)?;
        let uplink = spec.region.uplink(spec.uplink_data_rate);
        let undefined = PlanError::UplinkDataRate { dr: spec.uplink_data_rate.get(), region: spec.region };
        let uplink = uplink.ok_or(undefined)?.modulation;
        let rx1 = spec.region.downlink(spec.region.rx1_data_rate(spec.uplink_data_rate));
        let rx1 = rx1.ok_or(undefined)?.modulation;
        let groups = plan_groups(&spec)?;
        check_limits(&spec, &groups)?;

        let required = spec.config.success_threshold.of_ceil(devices);
        let plan = Self {
            required: u32::try_from(required).unwrap_or(devices),
            block_ack_delay: spread::block_ack_delay(&spec, uplink, devices),
            uplink,
            rx1,
            longest_period: spec.devices.iter().map(|d| d.uplink_period).max().unwrap_or_default(),
            groups,
            spec,
        };
        for group in &plan.groups {
            group.check_round(&plan.spec, plan.around_round(group))?;
        }
        Ok(plan)
    }

    /// Devices that have to succeed in every stage.
    #[must_use]
    pub const fn required(&self) -> u32 {
        self.required
    }

    /// What the campaign is for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.spec.kind
    }

    /// Devices of the campaign.
    #[must_use]
    pub fn devices(&self) -> &[DeviceSpec] {
        &self.spec.devices
    }

    /// The multicast groups.
    #[must_use]
    pub fn groups(&self) -> &[GroupPlan] {
        &self.groups
    }

    /// The data block.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        &self.spec.image
    }

    /// The agent's parameters.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.spec.config
    }

    /// What an operator should know before the start.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let (setup, max_duration) = (self.setup_estimate(), self.spec.max_duration);
        let outlasts = self.transfer_estimate() > max_duration;
        let mut warnings = Vec::new();
        if outlasts {
            warnings.push(Warning::SetupOutlastsCampaign { setup, max_duration });
        }
        for group in &self.groups {
            warnings.extend(group.cut_warning());
            warnings.extend(self.redundancy_warning(group));
        }
        warnings
    }

    /// Parity beyond what a decoder can make good is lost on it.
    fn redundancy_warning(&self, group: &GroupPlan) -> Option<Warning> {
        let parity = group.block()?.parity;
        let of_group = self.spec.devices.iter().filter(|device| device.group == group.parameters().id);
        let short = of_group.filter_map(|device| device.limits.redundancy.filter(|most| *most < parity));
        let (devices, redundancy) = short.fold((0, u16::MAX), |(n, least), most| (n + 1, least.min(most)));
        (devices > 0).then_some(Warning::RedundancyBeyondDecoder { devices, redundancy, parity })
    }

    /// The description of the data block as it travels.
    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor(self.spec.wire_descriptor())
    }

    /// How long devices spread their status answers.
    #[must_use]
    pub const fn block_ack_delay(&self) -> BlockAckDelay {
        self.block_ack_delay
    }

    /// The fragmentation session that devices use first.
    #[must_use]
    pub const fn frag_index(&self) -> FragIndex {
        self.spec.frag_index
    }

    /// A device's first name for its group: the group's own, or the next that it supports.
    #[must_use]
    pub fn mc_group_id(&self, device: &DeviceSpec) -> McGroupId {
        let group = self.group(device.group.0).map(|group| group.parameters().mc_group_id);
        let first = group.unwrap_or(McGroupId::MIN).get();
        McGroupId::from_wire(device.limits.mc_group_ids.first_from(first, 1).unwrap_or(first))
    }

    /// Where a group's downlinks go on air.
    #[must_use]
    pub fn sub_band(&self, group: &GroupPlan) -> SubBand {
        self.spec.region.sub_band(group.parameters().frequency)
    }

    /// Time on air of a multicast downlink with `frm_payload` octets.
    #[must_use]
    pub fn airtime(&self, group: &GroupPlan, frm_payload: usize) -> Duration {
        group.downlink.framed(frm_payload, self.spec.framing)
    }

    /// How long a multicast downlink with `frm_payload` octets keeps a gateway from the next: its time on air, divided by
    /// the duty cycle. Nothing else that paces downlinks is in it.
    #[must_use]
    pub fn airtime_taken(&self, group: &GroupPlan, frm_payload: usize) -> Duration {
        self.spec.multicast_duty.gap(self.airtime(group, frm_payload))
    }

    /// How long the fragments of a group's first round keep a gateway from anything else.
    #[must_use]
    pub fn airtime_of_round(&self, group: &GroupPlan) -> Duration {
        let fragment = |block: &Block| {
            let payload = usize::from(block.geometry.frag_size()) + usize::from(DATA_FRAGMENT_OVERHEAD);
            self.airtime_taken(group, payload)
        };
        group.block().map_or(Duration::ZERO, |block| fragment(block).saturating_mul(group.frames()))
    }

    /// Time on air of a fragment to a device of a group alone; `None` if no such frame is as long: that of RX1, which is
    /// as fast as the devices' uplinks.
    pub(super) fn airtime_alone(&self, group: &GroupPlan) -> Option<Duration> {
        let region = self.spec.region;
        let frame = group.block()?.geometry.frag_size().checked_add(DATA_FRAGMENT_OVERHEAD)?;
        let rate = region.downlink(region.rx1_data_rate(self.spec.uplink_data_rate))?;
        (frame <= rate.max_payload).then(|| rate.modulation.downlink(frame.into()))
    }

    /// The device at this place of the plan.
    pub(super) fn device(&self, index: u32) -> Option<&DeviceSpec> {
        self.spec.devices.get(index as usize)
    }

    /// Number of the last fragment sent in the session that a device may have kept.
    pub(super) fn kept(&self, index: u32) -> Option<u16> {
        let kept = &self.spec.kept;
        let at = kept.binary_search_by_key(&index, |kept| kept.device).ok()?;
        kept.get(at).map(|kept| kept.sent)
    }

    /// The group at this place of the plan.
    pub(super) fn group(&self, index: u8) -> Option<&GroupPlan> {
        self.groups.get(usize::from(index))
    }
}

/// What concerns neither a device nor a group alone.
fn check_spec(spec: &CampaignSpec) -> Result<(), PlanError> {
    if spec.config.success_threshold > Percent::whole(100) {
        return Err(PlanError::Threshold(spec.config.success_threshold));
    }
    if spec.max_duration.is_zero() {
        return Err(PlanError::NoDuration);
    }
    if spec.kind != Kind::MulticastSetup && spec.image.is_empty() {
        return Err(PlanError::EmptyImage);
    }
    let rounds = spec.groups.iter().any(|group| group.redundancy == Redundancy::Rounds);
    if rounds && spec.config.datafrag_loops_max == 0 {
        return Err(PlanError::NoRounds);
    }
    Ok(())
}

/// Every device once, each with an uplink period and a group whose class it can follow; returns how many.
fn check_devices(spec: &CampaignSpec) -> Result<u32, PlanError> {
    let mut seen = HashSet::with_capacity(spec.devices.len());
    for device in &spec.devices {
        if !seen.insert(device.dev_eui) {
            return Err(PlanError::DuplicateDevice(device.dev_eui));
        }
        if device.uplink_period.is_zero() {
            return Err(PlanError::NoUplinkPeriod(device.dev_eui));
        }
        let unknown = PlanError::UnknownGroup { device: device.dev_eui, group: device.group };
        let group = spec.groups.get(usize::from(device.group.0)).ok_or(unknown)?;
        // TS005-1.0.0 §3.6: a class C device cannot join a class B session.
        if device.class == DeviceClass::C && matches!(group.parameters.class, SessionClass::B { .. }) {
            return Err(PlanError::ClassConflict(device.dev_eui));
        }
    }
    let mut next = 0;
    for (at, kept) in spec.kept.iter().enumerate() {
        let numbered = (1..=MAX_FRAGMENTS).contains(&u32::from(kept.sent));
        if kept.device < next || kept.device as usize >= spec.devices.len() || !numbered {
            return Err(PlanError::Kept { at });
        }
        next = kept.device + 1;
    }
    match u32::try_from(spec.devices.len()) {
        Ok(0) | Err(_) => Err(PlanError::NoDevices),
        Ok(count) => Ok(count),
    }
}

fn plan_groups(spec: &CampaignSpec) -> Result<Vec<GroupPlan>, PlanError> {
    let mut needs = alloc::vec![Needs::NONE; spec.groups.len()];
    for device in &spec.devices {
        if let Some(needs) = needs.get_mut(usize::from(device.group.0)) {
            needs.add(device);
        }
    }
    let has_block = spec.kind != Kind::MulticastSetup;
    let mut groups = Vec::with_capacity(spec.groups.len());
    for (at, (group, needs)) in spec.groups.iter().zip(needs).enumerate() {
        if usize::from(group.parameters.id.0) != at {
            return Err(PlanError::GroupOrder { id: group.parameters.id, at });
        }
        groups.push(GroupPlan::new(spec, group, needs, has_block)?);
    }
    Ok(groups)
}

/// Every device must be able to take what its group sends.
fn check_limits(spec: &CampaignSpec, groups: &[GroupPlan]) -> Result<(), PlanError> {
    for device in &spec.devices {
        let (limits, dev_eui) = (&device.limits, device.dev_eui);
        if limits.mc_group_ids.is_empty() {
            return Err(PlanError::NoIndex { device: dev_eui, what: "McGroupID" });
        }
        let Some(block) = groups.get(usize::from(device.group.0)).and_then(GroupPlan::block) else {
            continue;
        };
        if limits.frag_indices.is_empty() {
            return Err(PlanError::NoIndex { device: dev_eui, what: "FragIndex" });
        }
        if let Some(limit) = limits.nb_frag.filter(|limit| block.geometry.nb_frag() > *limit) {
            let (nb_frag, frag_size) = (block.geometry.nb_frag(), block.geometry.frag_size());
            let remedy = Remedy::LargestImage(usize::from(limit) * usize::from(frag_size));
            return Err(PlanError::DeviceLimit { device: dev_eui, nb_frag, frag_size, limit, remedy });
        }
        let descriptor = spec.wire_descriptor();
        if let Some(accepted) = limits.descriptor.filter(|accepted| *accepted != descriptor) {
            return Err(PlanError::Descriptor { device: dev_eui, accepted, descriptor });
        }
    }
    Ok(())
}
