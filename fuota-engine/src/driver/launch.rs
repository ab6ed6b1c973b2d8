//! What a campaign is started with.

use super::store::{CampaignId, Claim, Tenant};
use crate::campaign::plan::Plan;
use crate::campaign::spec::{CampaignSpec, Kind};

/// A campaign to be started.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Launch {
    /// Whose it is.
    pub tenant: Tenant,
    /// What people call it.
    pub name: String,
    /// What it shall do.
    pub spec: CampaignSpec,
    /// Who starts it, for the audit.
    pub actor: String,
    /// An earlier campaign whose groups' keys are used again. By default every campaign has keys of its own.
    pub keys_of: Option<CampaignId>,
}

impl Launch {
    /// A campaign with keys of its own.
    #[must_use]
    pub fn new(
        tenant: Tenant,
        name: impl Into<String>,
        actor: impl Into<String>,
        spec: CampaignSpec,
    ) -> Self {
        Self { tenant, name: name.into(), spec, actor: actor.into(), keys_of: None }
    }
}

/// What a campaign takes of its devices.
pub(super) fn claims(plan: &Plan) -> Vec<Claim> {
    let sends = plan.kind() != Kind::MulticastSetup;
    let devices = plan.devices().iter();
    devices
        .map(|device| Claim {
            dev_eui: device.dev_eui,
            frag_index: sends.then(|| plan.frag_index().get()),
            mc_group_id: plan.mc_group_id(device).get(),
        })
        .collect()
}
