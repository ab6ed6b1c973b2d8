//! One group's share of the plan: how the image is cut for it, and how its frames are paced.

use core::time::Duration;

use fuota_fec::Geometry;

use super::MAX_FRAGMENTS;
use super::cut::{Cut, Finding, cut, largest_image, most_parity};
use super::error::{Bound, PlanError};
use super::pacing::{Pacing, slot_wait};
use crate::airtime::Modulation;
use crate::campaign::adaptive::Adaptive;
use crate::campaign::event::Warning;
use crate::campaign::io::{GroupParameters, SessionClass};
use crate::campaign::policy::{Batch, Carousel, Fixed, Policy, RedundancyPolicy};
use crate::campaign::spec::{CampaignSpec, DeviceSpec, GroupSpec, PackageVersion, Redundancy};

/// Octets of a DataFragment before its data: CID, and Index&N (TS004-1.0.0 §3.6).
pub const DATA_FRAGMENT_OVERHEAD: u8 = 3;

/// The data block as one group carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// How the image is cut.
    pub geometry: Geometry,
    /// Parity fragments of the first round, R.
    pub parity: u16,
    /// Time on air of one fragment.
    pub airtime: Duration,
    /// Least time between the starts of two fragments.
    pub gap: Duration,
}

impl Block {
    /// Fragments of the first round, parity included.
    #[must_use]
    pub const fn frames(&self) -> u16 {
        self.geometry.nb_frag() + self.parity
    }
}

/// What the devices of one group allow and need.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    pub(super) devices: u32,
    /// The longest fragment that all of them take, octets.
    pub(super) frag_size: u8,
    /// Most uncoded fragments that all of them take.
    pub(super) nb_frag: u16,
    /// Whether there may be devices of version 1 among them, and of version 2.
    pub(super) v1: bool,
    pub(super) v2: bool,
}

impl Needs {
    /// What nobody needs.
    pub(super) const NONE: Self =
        Self { devices: 0, frag_size: u8::MAX, nb_frag: u16::MAX, v1: false, v2: false };

    /// Adds a device.
    pub(super) fn add(&mut self, device: &DeviceSpec) {
        self.devices += 1;
        self.frag_size = self.frag_size.min(device.limits.frag_size.unwrap_or(u8::MAX));
        self.nb_frag = self.nb_frag.min(device.limits.nb_frag.unwrap_or(u16::MAX));
        // A device whose version is not known yet may have either.
        self.v1 |= device.fragmentation != Some(PackageVersion::V2);
        self.v2 |= device.fragmentation != Some(PackageVersion::V1);
    }
}

/// One group of a plan.
#[derive(Clone, Copy, Debug)]
pub struct GroupPlan {
    pub(in crate::campaign) parameters: GroupParameters,
    policy: Policy,
    finding: Option<Finding>,
    pub(in crate::campaign) block: Option<Block>,
    pub(in crate::campaign) downlink: Modulation,
    /// How often each fragment is sent: once per parity rule that its devices need.
    pub(in crate::campaign) copies: u32,
    devices: u32,
}

impl GroupPlan {
    /// The group.
    #[must_use]
    pub const fn parameters(&self) -> &GroupParameters {
        &self.parameters
    }

    /// How many devices it has.
    #[must_use]
    pub const fn devices(&self) -> u32 {
        self.devices
    }

    /// The data block as this group carries it; `None` in a multicast setup campaign.
    #[must_use]
    pub const fn block(&self) -> Option<&Block> {
        self.block.as_ref()
    }

    /// What an operator should know of the number of fragments.
    pub(super) fn cut_warning(&self) -> Option<Warning> {
        let geometry = self.block?.geometry;
        let (nb_frag, frag_size) = (geometry.nb_frag(), geometry.frag_size());
        Some(match self.finding? {
            Finding::Avoided(avoided) => Warning::FragSizeChosen { frag_size, nb_frag, avoided },
            Finding::Weak { weakness, better } => Warning::WeakNbFrag { nb_frag, weakness, better },
        })
    }

    /// How losses in it are made good.
    pub(in crate::campaign) fn policy(&self) -> &dyn RedundancyPolicy {
        self.policy.get()
    }

    /// How much the adaptive policy sends, if the group follows it.
    pub(in crate::campaign) const fn adaptive(&self) -> Option<&Adaptive> {
        self.policy.adaptive()
    }

    /// The fragments of a round, counted from 1; `None` if there is no such round.
    pub(in crate::campaign) fn batch(&self, round: u16) -> Option<Batch> {
        self.block.and_then(|block| self.policy().batch(block.geometry.nb_frag(), round))
    }

    /// The group of `spec`, with its block if the campaign has one.
    ///
    pub(super) fn new(
        spec: &CampaignSpec,
        group: &GroupSpec,
        needs: Needs,
        has_block: bool,
    ) -> Result<Self, PlanError> {
        let parameters = group.parameters;
        let data_rate = parameters.data_rate;
        let undefined = PlanError::DownlinkDataRate { dr: data_rate.get(), region: spec.region };
        let rate = spec.region.downlink(data_rate).ok_or(undefined)?;
        // In class B frequency 0 means the region's hopping (TS005-1.0.0 §3.6); in class C it is reserved.
        let hopping = matches!(parameters.class, SessionClass::B { .. }) && parameters.frequency.hz() == 0;
        if parameters.frequency.is_reserved() && !hopping {
            return Err(PlanError::Frequency { hz: parameters.frequency.hz() });
        }
        let mut plan = Self {
            parameters,
            policy: Policy::NONE,
            finding: None,
            block: None,
            downlink: rate.modulation,
            copies: 1,
            devices: needs.devices,
        };
        if has_block {
            let max = (rate.max_payload - DATA_FRAGMENT_OVERHEAD).min(needs.frag_size);
            let Cut { geometry, parity, finding } = cut(spec, group.redundancy, max, needs.nb_frag)?;
            plan.finding = finding;
            let frame = usize::from(geometry.frag_size()) + usize::from(DATA_FRAGMENT_OVERHEAD);
            plan.policy = match group.redundancy {
                Redundancy::Fec(_) => Policy::Fixed(Fixed { parity }),
                Redundancy::Adaptive => {
                    let most = most_parity(spec, geometry.nb_frag(), parity);
                    Policy::Adaptive(Adaptive { first: parity, most })
                }
                Redundancy::Rounds => {
                    Policy::Carousel(Carousel { rounds_max: spec.config.datafrag_loops_max })
                }
            };
            let (airtime, gap) = (plan.downlink.framed(frame, spec.framing), plan.gap(spec, frame));
            plan.block = Some(Block { geometry, parity, airtime, gap });
            if plan.policy().has_parity() && needs.v1 && needs.v2 {
                plan.copies = 2;
            }
        }
        Ok(plan)
    }

    /// Least time from the start of a multicast downlink with `frm_payload` octets to the start of the next.
    pub(super) fn gap(&self, spec: &CampaignSpec, frm_payload: usize) -> Duration {
        let duty = spec.multicast_duty.gap(self.downlink.framed(frm_payload, spec.framing));
        let gap = duty.max(spec.config.mcast_msg_delay);
        match self.parameters.class {
            // Nobody says when a frame went on air, so each gets the time of a slot that it may have to itself.
            class @ SessionClass::B { .. } if spec.config.summary_reports_disabled => class.paced(gap),
            SessionClass::B { .. } | SessionClass::C => gap,
        }
    }

    /// How fragments follow one another; `None` in a multicast setup campaign.
    fn pacing(&self) -> Option<Pacing> {
        self.block.map(|block| Pacing::new(self.parameters.class, block.gap))
    }

    /// From the moment when a round's first fragment may be sent to the moment when the poll after it may be.
    pub(in crate::campaign) fn fragments_duration(&self) -> Duration {
        self.time_for(self.frames())
    }

    /// Fragments of the first round, as often as they are sent.
    pub(in crate::campaign) fn frames(&self) -> u32 {
        self.block.map_or(0, |block| u32::from(block.frames()).saturating_mul(self.copies))
    }

    /// Most time that so many fragments take.
    pub(in crate::campaign) fn time_for(&self, frames: u32) -> Duration {
        self.pacing().map_or(Duration::ZERO, |pacing| pacing.duration(frames))
    }

    /// Most fragments that take no longer than this, of `most`.
    pub(in crate::campaign) fn frames_within(&self, time: Duration, most: u32) -> u32 {
        let fitting =
            |pacing: Pacing| pacing.frames_within(time, most.saturating_mul(self.copies)) / self.copies;
        self.pacing().map_or(0, fitting)
    }

    /// Longest time that a frame may have to wait for the moment when its devices listen.
    pub(super) fn listening_wait(&self) -> Duration {
        match self.parameters.class {
            SessionClass::B { periodicity } => slot_wait(periodicity),
            SessionClass::C => Duration::ZERO,
        }
    }

    /// From SessionTime to the first fragment: clocks may be late and windows take time to open. In class B the
    /// beacon is already followed when the session starts.
    pub(super) fn first_fragment_offset(&self, spec: &CampaignSpec) -> Duration {
        match self.parameters.class {
            SessionClass::B { .. } => Duration::ZERO,
            SessionClass::C => {
                spec.config.time_sync_tolerance.saturating_add(spec.config.first_fragment_delay)
            }
        }
    }

    /// The longest session of the group's class (TS005-1.0.0 §3.5 and §3.6).
    pub(super) const fn longest_session(&self) -> Duration {
        self.parameters.class.longest_session()
    }

    /// One round and what is `around` it must fit the longest session and the campaign.
    pub(super) fn check_round(&self, spec: &CampaignSpec, around: Duration) -> Result<(), PlanError> {
        let (Some(block), Some(pacing)) = (&self.block, self.pacing()) else { return Ok(()) };
        let frames = self.frames();
        let needed = self.fragments_duration().saturating_add(around);
        let (allowed, bound) = if spec.max_duration < self.longest_session() {
            (spec.max_duration, Bound::MaxDuration)
        } else {
            (self.longest_session(), Bound::Session)
        };
        if needed <= allowed {
            return Ok(());
        }
        let most = MAX_FRAGMENTS.saturating_mul(self.copies);
        let fitting = pacing.frames_within(allowed.saturating_sub(around), most) / self.copies;
        let remedy = largest_image(spec, self.redundancy(spec), fitting, block.geometry.frag_size());
        Err(PlanError::RoundTooLong { frames, needed, allowed, bound, remedy })
    }

    fn redundancy(&self, spec: &CampaignSpec) -> Redundancy {
        let group = spec.groups.get(usize::from(self.parameters.id.0));
        group.map_or(Redundancy::Rounds, |group| group.redundancy)
    }
}
