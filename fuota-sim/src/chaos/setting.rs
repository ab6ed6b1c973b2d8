//! What a case is in the simulator's and the engine's own words.

use std::time::Duration;

use fuota_engine::campaign::io::{Order, SessionClass};
use fuota_engine::campaign::spec::{
    CampaignSpec, FirmwareSpec, Indices, Kind, PackageVersion, Redundancy, Start,
};
use fuota_engine::config::{AnswerSpread, CleanUp, Config, SessionDuration, StageEnd, StatusRounds};
use fuota_engine::percent::Percent;
use fuota_proto::{PingSlotPeriodicity, Version};

use super::case::{Case, DeviceCase, KindCase, NetworkCase, OrderCase, PolicyCase, StartCase, Switch};
use crate::fleet::Fleet;
use crate::node::{FACTORY_FIRMWARE, HARDWARE};
use crate::rng::{Draws, Stream};
use crate::scenario::{Backhaul, DeviceGroup, ErrorBit, Joins, Link, RadioEffects, Scenario};
use crate::world::{START, spec};

/// What a firmware update leads to.
pub(super) const TARGET: Version = Version::from_parts([2, 0, 0, 0]);
/// What devices are that are something else.
const OTHER_HARDWARE: Version = Version::from_parts([9, 0, 0, 0]);
/// When devices reboot that are told to.
const REBOOT: Duration = Duration::from_secs(30_000);
/// How long requests may stay unsent where that is limited.
const DELIVERY: Duration = Duration::from_secs(900);

impl Case {
    /// The world that it happens in.
    pub(super) fn scenario(&self) -> Scenario {
        let campaign = &self.campaign;
        let mut draws = Draws::new(self.seed, 1, Stream::Chaos);
        let octet = |draws: &mut Draws| u8::try_from(draws.below(256)).unwrap_or_default();
        let NetworkCase { uplink_twice, uplink_delay, stale, .. } = self.network;
        Scenario {
            kind: self.kind(),
            class: match campaign.class_b.and_then(|exponent| PingSlotPeriodicity::new(exponent).ok()) {
                Some(periodicity) => SessionClass::B { periodicity },
                None => SessionClass::C,
            },
            ack_reception: campaign.ack_reception,
            image: (0..campaign.image.max(1)).map(|_| octet(&mut draws)).collect(),
            fleet: self.devices.iter().map(group).collect(),
            radio: RadioEffects {
                collisions: campaign.half_duplex,
                half_duplex: campaign.half_duplex,
                beacon_loss: share(campaign.beacon_loss),
                ..RadioEffects::default()
            },
            backhaul: Backhaul {
                copies: 1 + u8::from(uplink_twice),
                delay: Duration::from_secs(uplink_delay.into()),
                stale: share(stale),
                stale_delay: Duration::from_secs(3_600),
            },
            redundancy: match campaign.policy {
                PolicyCase::Fec { percent } => Redundancy::Fec(Percent::whole(percent)),
                PolicyCase::Rounds => Redundancy::Rounds,
                PolicyCase::Adaptive => Redundancy::Adaptive,
            },
            max_duration: Duration::from_secs(campaign.max_duration.into()),
            config: self.config(),
            seed: self.seed,
            ..Scenario::default()
        }
    }

    fn kind(&self) -> Kind {
        let firmware =
            |reboot| Kind::Firmware(FirmwareSpec { target: TARGET, hardware: Some(HARDWARE), reboot });
        match self.campaign.kind {
            KindCase::MulticastSetup => Kind::MulticastSetup,
            KindCase::Binary => Kind::Binary,
            KindCase::Firmware => firmware(None),
            KindCase::FirmwareAtTime => firmware(Some(START + REBOOT)),
        }
    }

    fn config(&self) -> Config {
        let campaign = &self.campaign;
        let has = |switch| campaign.switches.contains(&switch);
        let mut config = Config::default();
        config.fsize = Some(campaign.frag_size);
        config.success_threshold = Percent::whole(campaign.threshold);
        config.msg_retries = campaign.msg_retries;
        config.datafrag_loops_max = campaign.rounds;
        if has(Switch::CleanUpAsDocumented) {
            config.clean_up = CleanUp::Documented;
        }
        if has(Switch::StageEndsAtThreshold) {
            config.stage_end = StageEnd::Threshold;
        }
        if has(Switch::StatusByUnicast) {
            config.status_rounds = StatusRounds::Unicast;
        }
        config.summary_reports_disabled = has(Switch::ReportsDisabled);
        config.documented_timers = has(Switch::DocumentedTimers);
        config.probe_at_start = has(Switch::ProbeAtStart);
        config.session_duration = has(Switch::TightSession).then_some(SessionDuration::Tight);
        config.block_ack_delay = has(Switch::SizedAnswers).then_some(AnswerSpread::Sized);
        config.delivery_timeout = has(Switch::DeliveryTimeout).then_some(DELIVERY);
        config
    }

    /// What the operator hands in: the scenario's campaign, and what only the operator knows or gets wrong.
    pub(super) fn spec(&self, scenario: &Scenario) -> CampaignSpec {
        let mut spec = spec(scenario);
        spec.sample_seed = self.seed;
        spec.session_cnt = 1;
        spec.start = match self.campaign.start {
            StartCase::AtOnce => Start::AtOnce,
            StartCase::After(seconds) => Start::At(START + Duration::from_secs(seconds.into())),
            StartCase::OnOrder => Start::OnOrder,
        };
        for (device, case) in spec.devices.iter_mut().zip(&self.devices) {
            if case.asked {
                (device.multicast, device.fragmentation) = (None, None);
            }
            if let Some(index) = case.only_index {
                device.limits.frag_indices = Indices::only([index]);
                device.limits.mc_group_ids = Indices::only([index]);
            }
            device.limits.redundancy = case.decoder_lost;
            device.quirks = case.quirks().collect();
        }
        spec
    }
}

impl OrderCase {
    /// The order in the engine's words.
    pub(super) fn order(self) -> Order {
        match self {
            Self::Start => Order::Start { at: None },
            Self::Stop => Order::Stop,
            Self::Pause => Order::Pause,
            Self::Resume => Order::Resume,
            Self::Exclude(device) => Order::Exclude { device: Fleet::dev_eui(device) },
            Self::Require(percent) => Order::Require { share: Percent::whole(percent) },
        }
    }
}

/// A percentage as a probability.
pub(super) fn share(percent: u32) -> f64 {
    f64::from(percent) / 100.0
}

/// A kind of device with one device.
fn group(case: &DeviceCase) -> DeviceGroup {
    let loss = share(case.downlink_loss.min(90));
    // Bursts of three frames on average.
    let bursts = Link::GilbertElliott { good_to_bad: loss / (3.0 * (1.0 - loss)), bad_to_good: 1.0 / 3.0 };
    let joins = Duration::from_secs(case.joins.into());
    let bit = |name: &String| ErrorBit::NAMES.iter().find(|(known, _)| known == name).map(|(_, bit)| *bit);
    DeviceGroup {
        devices: 1,
        downlink: if case.bursts { bursts } else { Link::Independent { loss } },
        uplink: Link::Independent { loss: share(case.uplink_loss) },
        uplink_period: Duration::from_secs(case.period.max(1).into()),
        clock_drift_ppm: case.drift_ppm.into(),
        joins: (case.joins > 0).then_some(Joins { share: 1.0, between: (joins, joins) }),
        decoder_lost: case.decoder_lost,
        refuses: case.refuses.iter().filter_map(bit).map(|bit| (bit, 1.0)).collect(),
        package_version: Some(if case.v2 { PackageVersion::V2 } else { PackageVersion::V1 }),
        firmware: if case.up_to_date { TARGET } else { FACTORY_FIRMWARE },
        hardware: if case.other_hardware { OTHER_HARDWARE } else { HARDWARE },
        boots: case.rolls_back.then_some(FACTORY_FIRMWARE),
        ..DeviceGroup::default()
    }
}
