//! The fleet's keys, which follow from its seed: they need not be kept.

use async_trait::async_trait;
use fuota_engine::campaign::io::GroupParameters;
use fuota_engine::driver::KeyProvider;
use fuota_engine::driver::keys::{Block, GroupKeys, KeyError};
use fuota_engine::driver::store::CampaignId;
use fuota_engine::ids::DevEui;
use fuota_proto::keys::RootKey;
use fuota_proto::{EncryptedMcKey, Mic};

use crate::fleet::Fleet;
use crate::scenario::Scenario;

/// Whoever holds the keys of a simulated fleet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FleetKeys(Fleet);

impl FleetKeys {
    /// The keys of a scenario's fleet, as the network knows them.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self(Fleet::new(scenario.seed, scenario.devices(), scenario.faults))
    }

    fn root_key(&self, device: DevEui) -> Result<RootKey, KeyError> {
        let index = self.0.find(device).ok_or(KeyError::NoRootKey(device))?;
        Ok(self.0.root_key(index))
    }
}

#[async_trait]
impl KeyProvider for FleetKeys {
    async fn group_keys(&self, _: CampaignId, group: &GroupParameters) -> Result<GroupKeys, KeyError> {
        let key = self.0.mc_key();
        Ok(GroupKeys {
            mc_app_s_key: key.mc_app_s_key(group.mc_addr),
            mc_nwk_s_key: key.mc_nwk_s_key(group.mc_addr),
        })
    }

    async fn wrap(
        &self,
        _: CampaignId,
        _: &GroupParameters,
        device: DevEui,
    ) -> Result<EncryptedMcKey, KeyError> {
        Ok(self.root_key(device)?.mc_root_key().mc_ke_key().wrap(&self.0.mc_key()))
    }

    async fn block_mic(&self, device: DevEui, block: Block<'_>) -> Result<Mic, KeyError> {
        let Block { session_cnt, frag_index, descriptor, image } = block;
        Ok(self.root_key(device)?.data_block_int_key().mic(session_cnt, frag_index, descriptor, image))
    }
}
