//! The campaign that an ordeal is about.

use std::time::Duration;

use fuota_engine::campaign::io::{GroupParameters, SessionClass};
use fuota_engine::campaign::quirk::Quirk;
use fuota_engine::campaign::spec::{
    CampaignSpec, DeviceClass, DeviceSpec, FirmwareSpec, GroupSpec, Indices, Kind, PackageVersion,
    Redundancy, Start,
};
use fuota_engine::config::{AnswerSpread, CleanUp, Config, SessionDuration, StageEnd, StatusRounds};
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::percent::Percent;
use fuota_engine::region::Region;
use fuota_proto::{DataRate, McAddr, McGroupId, PingSlotPeriodicity, Version};

use super::{DEVICES, Ordeal, START};

impl Ordeal {
    /// What the operator hands in.
    pub(super) fn spec(&self) -> CampaignSpec {
        let kind = match self.kind % 4 {
            0 => Kind::MulticastSetup,
            1 => Kind::Binary,
            reboot => Kind::Firmware(FirmwareSpec {
                target: Version(2),
                hardware: None,
                reboot: (reboot == 3).then(|| START + Duration::from_secs(80_000)),
            }),
        };
        let mut spec = CampaignSpec::new(kind, Region::Eu868, (0..50).collect());
        spec.uplink_data_rate = DataRate::from_wire(5);
        spec.config.fsize = Some(10);
        spec.start = match (has(self.kind, 5), has(self.kind, 6)) {
            (true, true) => Start::OnOrder,
            (true, false) => Start::At(START + Duration::from_secs(500)),
            (false, _) => Start::AtOnce,
        };
        spec.config.success_threshold = Percent::whole(u32::from(self.threshold % 101));
        self.configure(&mut spec.config);
        let group = |id| GroupSpec {
            parameters: GroupParameters {
                id: GroupId(id),
                mc_group_id: McGroupId::MIN,
                mc_addr: McAddr(u32::from(id)),
                key_id: 0,
                class: if self.class_b {
                    SessionClass::B { periodicity: PingSlotPeriodicity::MIN }
                } else {
                    SessionClass::C
                },
                frequency: Region::Eu868.rx2_frequency(),
                data_rate: DataRate::from_wire(5),
            },
            redundancy: if has(self.kind, 7) {
                Redundancy::Adaptive
            } else if self.without_fec {
                Redundancy::Rounds
            } else {
                Redundancy::Fec(Percent::whole(20))
            },
        };
        spec.groups = (0..=u8::from(self.two_groups)).map(group).collect();
        let version = |bits: u8| match bits % 3 {
            0 => Some(PackageVersion::V1),
            1 => Some(PackageVersion::V2),
            _ => None,
        };
        spec.devices = (0..DEVICES)
            .map(|n| {
                let mut device = DeviceSpec::new(DevEui(n), Duration::from_secs(100));
                device.multicast = version(self.versions);
                device.fragmentation = version(self.versions / 3 + u8::from(n == 0));
                device.clock_sync = n == 1;
                device.group = GroupId(u8::from(self.two_groups && n > 1));
                if n == 2 && !self.class_b {
                    device.class = DeviceClass::C;
                }
                let model = self.models >> (8 * n);
                let quirks = Quirk::ALL.into_iter().enumerate().filter(|(bit, _)| model >> bit & 1 == 1);
                device.quirks = quirks.map(|(_, quirk)| quirk).collect();
                let unsupported = |bit: u32| u8::from(model >> bit & 1 == 1);
                device.limits.frag_indices = Indices::only(unsupported(4)..4 - unsupported(5));
                device.limits.mc_group_ids = Indices::only(unsupported(6)..4 - unsupported(7));
                device
            })
            .collect();
        spec
    }

    const fn configure(&self, config: &mut Config) {
        let options = self.options;
        config.probe_at_start = has(options, 0);
        config.documented_timers = has(options, 1);
        config.summary_reports_disabled = has(options, 2);
        if has(options, 3) {
            config.session_duration = Some(SessionDuration::Tight);
        }
        if has(options, 4) {
            config.block_ack_delay = Some(AnswerSpread::Sized);
        }
        if has(options, 5) {
            config.stage_end = StageEnd::Threshold;
        }
        if has(options, 6) {
            config.status_rounds = StatusRounds::Unicast;
        }
        if has(options, 7) {
            config.clean_up = CleanUp::Documented;
        }
    }
}

const fn has(options: u8, bit: u8) -> bool {
    options >> bit & 1 == 1
}
