//! What a campaign gets of the gateways' time on air.
//!
//! A campaign is planned for what the operator's reserve leaves of the duty cycle, and for having to wait for what is
//! promised to others. While it runs, each of its multicast downlinks takes its turn with theirs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::node::StartError;
use super::store::{Channel, Promise};
use super::surroundings::Surroundings;
use super::transport::{Gateway, Transport, TransportError};
use crate::campaign::plan::Plan;
use crate::campaign::spec::CampaignSpec;
use crate::ids::{DevEui, GroupId};
use crate::region::SubBand;

/// Where a group of these devices goes on air.
pub(super) async fn channels(
    transport: &dyn Transport,
    devices: &[DevEui],
    band: SubBand,
) -> Result<Vec<Channel>, TransportError> {
    let mut gateways = transport.gateways(devices).await?;
    if gateways.is_empty() {
        gateways.push(Gateway::all());
    }
    Ok(gateways.into_iter().map(|gateway| Channel { gateway, band }).collect())
}

/// A campaign as it is planned beside the others.
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// Its specification.
    pub(super) octets: Vec<u8>,
    /// What it is promised.
    pub(super) airtime: Vec<Promise>,
    /// What was promised to others.
    pub(super) beside: Duration,
}

/// Plans a campaign beside the others.
pub(super) async fn planned(around: &Surroundings, mut spec: CampaignSpec) -> Result<Planned, StartError> {
    let reserve = around.settings.airtime_reserve;
    spec.multicast_duty = spec.multicast_duty.without(reserve).ok_or(StartError::NoAirtime { reserve })?;
    let mut of_groups = Vec::with_capacity(spec.groups.len());
    for group in &spec.groups {
        let band = spec.region.sub_band(group.parameters.frequency);
        let devices = devices(&spec, group.parameters.id);
        of_groups.push(channels(&*around.transport, &devices, band).await?);
    }
    let beside = around.store.promised_airtime(&of_groups.concat()).await?;
    spec.shared_airtime = spec.shared_airtime.saturating_add(beside);
    let octets = spec.to_octets();
    let plan = Plan::new(spec)?;
    let mut promises = BTreeMap::<_, Duration>::new();
    for (group, channels) in plan.groups().iter().zip(of_groups) {
        for channel in channels {
            let taken = promises.entry(channel).or_default();
            *taken = taken.saturating_add(plan.airtime_of_round(group));
        }
    }
    let airtime = promises.into_iter().map(|(channel, taken)| Promise { channel, taken }).collect();
    Ok(Planned { plan, octets, airtime, beside })
}

fn devices(spec: &CampaignSpec, group: GroupId) -> Vec<DevEui> {
    spec.devices.iter().filter(|device| device.group == group).map(|device| device.dev_eui).collect()
}
