//! Whether devices have said, and have, what they count for.

use std::collections::BTreeSet;

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{DeviceReport, DeviceStatus, Event};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::ids::DevEui;
use fuota_proto::firmware::v1::{DevUpgradeImageAns, Uplink as Firmware};
use fuota_proto::fragmentation::{v1, v2};
use fuota_proto::multicast;

use super::{Invariant, Violation};
use crate::chaos::case::{Case, KindCase};
use crate::chaos::setting::TARGET;
use crate::fleet::Fleet;
use crate::world::World;

/// What the campaign heard of devices.
#[derive(Debug)]
pub(super) struct Devices {
    kind: KindCase,
    fleet: Vec<DevEui>,
    /// Those who said, or in whose name was said, that they have what the campaign is for.
    said_so: BTreeSet<DevEui>,
    /// Those in whose name somebody else spoke.
    impersonated: BTreeSet<DevEui>,
}

impl Devices {
    pub(super) fn new(case: &Case, plan: &Plan) -> Self {
        Self {
            kind: case.campaign.kind,
            fleet: plan.devices().iter().map(|device| device.dev_eui).collect(),
            said_so: BTreeSet::new(),
            impersonated: BTreeSet::new(),
        }
    }

    pub(super) fn heard(&mut self, from: DevEui, payload: &[u8], honest: bool) {
        if self.says_so(payload) {
            self.said_so.insert(from);
        }
        if !honest {
            self.impersonated.insert(from);
        }
    }

    /// Whether a payload can be read, in any version of any package, as the word that the campaign needs.
    fn says_so(&self, payload: &[u8]) -> bool {
        let complete_v1 = |command: v1::Uplink| match command {
            v1::Uplink::FragSessionStatusAns(status) => status.missing_frag == 0,
            _ => false,
        };
        let complete_v2 = |command: v2::Uplink| match command {
            v2::Uplink::FragSessionStatusAns(status) => status.is_complete(),
            v2::Uplink::FragDataBlockReceivedReq(_) => true,
            _ => false,
        };
        match self.kind {
            KindCase::MulticastSetup => {
                let session = |name: &str| name == "McClassBSessionAns" || name == "McClassCSessionAns";
                multicast::v1::Uplink::commands(payload).flatten().any(|command| session(command.name()))
                    || multicast::v2::Uplink::commands(payload)
                        .flatten()
                        .any(|command| session(command.name()))
            }
            KindCase::Binary => {
                v1::Uplink::commands(payload).flatten().any(complete_v1)
                    || v2::Uplink::commands(payload).flatten().any(complete_v2)
            }
            KindCase::Firmware | KindCase::FirmwareAtTime => {
                Firmware::commands(payload).flatten().any(|command| match command {
                    Firmware::DevVersionAns(version) => version.fw_version == TARGET,
                    Firmware::DevUpgradeImageAns(image) => {
                        matches!(image, DevUpgradeImageAns::Valid { .. })
                    }
                    _ => false,
                })
            }
        }
    }

    pub(super) fn told(&self, event: &Event, world: &World) -> Result<(), Violation> {
        match event {
            Event::Device(report) => self.check(report, world),
            _ => Ok(()),
        }
    }

    pub(super) fn over(&self, campaign: &Campaign, world: &World) -> Result<(), Violation> {
        campaign.devices().try_for_each(|report| self.check(&report, world))
    }

    fn check(&self, report: &DeviceReport, world: &World) -> Result<(), Violation> {
        let name = report.dev_eui;
        if report.status != DeviceStatus::Complete {
            return Ok(());
        }
        if !self.said_so.contains(&name) {
            let what = format!("device {name} counts as complete and never said so");
            return Err(Violation::new(Invariant::OwnWord, what));
        }
        let Some(device) = self.fleet.iter().position(|known| *known == name) else {
            return Err(Violation::new(Invariant::OwnWord, format!("device {name} is not of the fleet")));
        };
        let device = u32::try_from(device).unwrap_or(u32::MAX);
        if !self.impersonated.contains(&Fleet::dev_eui(device)) && !self.has_it(device, world) {
            let what = format!("device {name} counts as complete and has not what it counts for");
            return Err(Violation::new(Invariant::HasIt, what));
        }
        Ok(())
    }

    fn has_it(&self, device: u32, world: &World) -> bool {
        match self.kind {
            KindCase::MulticastSetup => true,
            KindCase::Binary => world.holds_block(device),
            KindCase::Firmware | KindCase::FirmwareAtTime => world.firmware(device) == Some(TARGET),
        }
    }
}
