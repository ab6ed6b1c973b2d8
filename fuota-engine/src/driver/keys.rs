//! Where keys are: outside the campaign, which only ever sees wrapped ones.

use std::error::Error;

use async_trait::async_trait;
use fuota_proto::keys::{McAppSKey, McNwkSKey};
use fuota_proto::{Descriptor, EncryptedMcKey, FragIndex, Mic};

use super::store::CampaignId;
use crate::campaign::io::GroupParameters;
use crate::ids::DevEui;

/// Whoever holds the devices' root keys and the groups' keys.
///
/// A group's McKey is made for one group of one campaign unless the operator orders that an earlier one be used
/// again. Whoever asks again for the same group of the same campaign, on whatever node, gets the same key.
#[async_trait]
pub trait KeyProvider: Send + Sync {
    /// The session keys under which the network server sends to a group (TS005-1.0.0 §4).
    ///
    /// # Errors
    /// [`KeyError`].
    async fn group_keys(&self, campaign: CampaignId, group: &GroupParameters) -> Result<GroupKeys, KeyError>;

    /// The group's McKey under the device's McKEKey (TS005-1.0.0 §4).
    ///
    /// # Errors
    /// [`KeyError`].
    async fn wrap(
        &self,
        campaign: CampaignId,
        group: &GroupParameters,
        device: DevEui,
    ) -> Result<EncryptedMcKey, KeyError>;

    /// The integrity code of a data block under the device's DataBlockIntKey (TS004-2.0.0 §5).
    ///
    /// # Errors
    /// [`KeyError`].
    async fn block_mic(&self, device: DevEui, block: Block<'_>) -> Result<Mic, KeyError>;
}

/// The data block of a fragmentation session.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Counts the sessions of the index.
    pub session_cnt: u16,
    /// The session's index.
    pub frag_index: FragIndex,
    /// Its description, as on the wire.
    pub descriptor: Descriptor,
    /// The data block without padding.
    pub image: &'a [u8],
}

/// The session keys of a multicast group.
#[derive(Clone, Debug)]
pub struct GroupKeys {
    /// Encrypts payloads.
    pub mc_app_s_key: McAppSKey,
    /// Signs frames.
    pub mc_nwk_s_key: McNwkSKey,
}

/// Why a key is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nobody knows a root key of this device.
    #[error("no root key is known for device {0}")]
    NoRootKey(DevEui),
    /// The key store does not answer; it may later.
    #[error("the key store cannot be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// What the key store holds cannot be opened, for example because it was sealed under another key.
    #[error("a stored key cannot be opened: {0}")]
    Unreadable(&'static str),
}
