//! Keys are computed beside the loop: a security module may take its time.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::super::keys::{Block, KeyError, KeyProvider};
use super::super::settings::Backoff;
use super::super::store::CampaignId;
use crate::campaign::io::{DeriveOrder, Derived, GroupParameters};
use crate::ids::DevEui;

/// Something that was computed with a device's keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Derivation {
    pub(super) device: DevEui,
    pub(super) value: Derived,
}

/// What it takes to compute something.
pub(super) struct Deriver {
    pub(super) campaign: CampaignId,
    pub(super) keys: Arc<dyn KeyProvider>,
    pub(super) backoff: Backoff,
    pub(super) limit: Arc<Semaphore>,
}

impl Deriver {
    /// Computes it, if it takes several tries.
    pub(super) async fn derive(mut self, order: DeriveOrder, of: Ingredients) -> Derivation {
        let device = of.device;
        // Never closed, so there is nothing to be done about an error.
        let _permit = self.limit.acquire().await;
        loop {
            match self.once(order, &of).await {
                Ok(value) => return Derivation { device, value },
                Err(KeyError::Unavailable(error)) => {
                    tracing::warn!(campaign = %self.campaign, %error, "the key store cannot be reached");
                    sleep(self.backoff.pause()).await;
                }
                Err(error) => {
                    tracing::warn!(campaign = %self.campaign, %device, %error, "no key for a device");
                    return Derivation { device, value: Derived::Unavailable };
                }
            }
        }
    }

    async fn once(&self, order: DeriveOrder, of: &Ingredients) -> Result<Derived, KeyError> {
        match (order, &of.group) {
            (DeriveOrder::McKey { device, .. }, Some(group)) => {
                self.keys.wrap(self.campaign, group, device).await.map(Derived::McKey)
            }
            (DeriveOrder::BlockMic { device, session_cnt, frag_index, descriptor }, _) => {
                let block = Block { session_cnt, frag_index, descriptor, image: &of.image };
                self.keys.block_mic(device, block).await.map(Derived::BlockMic)
            }
            (DeriveOrder::McKey { .. }, None) => Ok(Derived::Unavailable),
        }
    }
}

/// What goes into a computation beside the order.
pub(super) struct Ingredients {
    pub(super) device: DevEui,
    pub(super) group: Option<GroupParameters>,
    pub(super) image: Arc<[u8]>,
}
