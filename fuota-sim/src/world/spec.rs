//! The campaign and the fleet that a scenario describes.

use std::sync::Arc;

use fuota_engine::campaign::io::GroupParameters;
use fuota_engine::campaign::plan::{Block, GroupPlan, Plan, PlanError};
use fuota_engine::campaign::spec::{CampaignSpec, DeviceSpec, GroupSpec};
use fuota_engine::ids::GroupId;
use fuota_proto::{McAddr, McGroupId};
use sha2::{Digest, Sha256};

use super::KEEP_BYTES;
use crate::external::StartError;
use crate::fleet::Fleet;
use crate::node::{Blocks, Common, External, Keeps, Node, Pace};
use crate::scenario::{DeviceGroup, Scenario};

/// Address of the multicast group.
const MC_ADDR: McAddr = McAddr(0x01FF_0000);

/// The fleet; devices beyond [`KEEP_BYTES`] keep no octets.
///
/// # Errors
/// [`StartError`] if the processes of external devices cannot be started.
pub(super) fn nodes(scenario: &Scenario, fleet: &Fleet, pace: Pace) -> Result<Vec<Node>, StartError> {
    let mut processes = match &scenario.external {
        Some(external) => external.start(fleet)?.into_iter(),
        None => Vec::new().into_iter(),
    };
    let common = Common {
        image_sha256: hex::encode(Sha256::digest(&scenario.image)),
        mc_key: fleet.mc_key(),
        fragment_port: scenario.config.fmcport,
        max_uplink: scenario
            .region
            .uplink(scenario.uplink_data_rate)
            .map_or(0, |rate| rate.max_payload.into()),
    };
    let blocks = Arc::new(Blocks::new(&scenario.image));
    let of_group = scenario.fleet.iter().flat_map(|group| (0..group.devices).map(move |_| group));
    let node = |(device, group)| {
        let keeps = if device < KEEP_BYTES { Keeps::Bytes } else { Keeps::Rank };
        let node = Node::new(scenario, group, fleet, device, (keeps, &blocks), pace);
        match processes.next() {
            Some(process) => node.with_packages(External::new(device, process, common.clone())),
            None => node,
        }
    };
    Ok((0..).zip(of_group).map(node).collect())
}

/// The data block as the campaign would send it, however large the fleet: only kinds of devices matter.
///
/// # Errors
/// [`PlanError`] for a campaign that cannot be carried out.
pub(crate) fn block(scenario: &Scenario) -> Result<Option<Block>, PlanError> {
    let mut small = scenario.clone();
    for group in &mut small.fleet {
        group.devices = group.devices.min(1);
    }
    let plan = Plan::new(spec(&small))?;
    Ok(plan.groups().first().and_then(GroupPlan::block).copied())
}

/// The campaign that the scenario describes.
pub(crate) fn spec(scenario: &Scenario) -> CampaignSpec {
    let parameters = GroupParameters {
        id: GroupId(0),
        mc_group_id: McGroupId::MIN,
        mc_addr: MC_ADDR,
        key_id: 0,
        class: scenario.class,
        frequency: scenario.region.rx2_frequency(),
        data_rate: scenario.data_rate,
    };
    let mut spec = CampaignSpec::new(scenario.kind, scenario.region, scenario.image.clone());
    let of_group = scenario.fleet.iter().flat_map(|group| (0..group.devices).map(move |_| group));
    let device = |(device, group): (u32, &DeviceGroup)| {
        let mut spec = DeviceSpec::new(Fleet::dev_eui(device), group.uplink_period);
        let version = Some(scenario.package_version_of(group));
        spec.multicast = version;
        spec.fragmentation = version;
        spec.clock_sync = true;
        spec.firmware = Some(group.firmware);
        spec
    };
    spec.devices = (0..).zip(of_group).map(device).collect();
    spec.session_start = scenario.session_start;
    spec.ack_reception = scenario.ack_reception;
    spec.groups = vec![GroupSpec { parameters, redundancy: scenario.redundancy }];
    spec.multicast_duty = scenario.multicast_duty;
    spec.framing = scenario.framing;
    spec.uplink_data_rate = scenario.uplink_data_rate;
    spec.max_duration = scenario.max_duration;
    spec.config = scenario.config.clone();
    spec
}
