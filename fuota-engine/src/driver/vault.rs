//! Group keys kept in the store, sealed under a key of the operator's.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use fuota_proto::keys::{McKey, RootKey};
use fuota_proto::{EncryptedMcKey, Mic};

use super::keys::{Block, GroupKeys, KeyError, KeyProvider};
use super::store::{CampaignId, Store};
use crate::campaign::io::GroupParameters;
use crate::ids::{DevEui, GroupId};

/// Octets of a nonce, which is drawn anew for every key: at this length two never meet.
const NONCE: usize = 24;
/// What a sealed key is for, so that nothing else is taken for one.
const PURPOSE: &[u8] = b"fuota McKey 1";

/// Whoever knows the devices' root keys.
#[async_trait]
pub trait RootKeys: Send + Sync {
    /// The root key of a device; `None` if there is none.
    ///
    /// # Errors
    /// [`KeyError::Unavailable`] while it cannot be asked.
    async fn root_key(&self, device: DevEui) -> Result<Option<RootKey>, KeyError>;
}

/// A [`KeyProvider`] that draws group keys at random and keeps them in the store, sealed with XChaCha20-Poly1305 under
/// the operator's key. Root keys it asks for and does not keep.
pub struct Vault {
    cipher: XChaCha20Poly1305,
    roots: Arc<dyn RootKeys>,
    store: Arc<dyn Store>,
    opened: Mutex<HashMap<(CampaignId, GroupId), McKey>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Vault {
    /// A vault whose content only `sealing_key` opens.
    #[must_use]
    pub fn new(sealing_key: &[u8; 32], roots: Arc<dyn RootKeys>, store: Arc<dyn Store>) -> Self {
        let cipher = XChaCha20Poly1305::new(&Key::from(*sealing_key));
        Self { cipher, roots, store, opened: Mutex::default() }
    }

    async fn mc_key(&self, campaign: CampaignId, group: GroupId) -> Result<McKey, KeyError> {
        if let Some(key) = self.opened().get(&(campaign, group)) {
            return Ok(key.clone());
        }
        let mut fresh = [0; 16];
        getrandom::fill(&mut fresh).map_err(|error| KeyError::Unavailable(Box::new(error)))?;
        let sealed = self.seal(group, &McKey::new(fresh))?;
        // If there is one already, that one is kept and comes back.
        let kept = self.store.secret(campaign, group, &sealed).await;
        let key = self.open(group, &kept.map_err(|error| KeyError::Unavailable(Box::new(error)))?)?;
        self.opened().insert((campaign, group), key.clone());
        Ok(key)
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, HashMap<(CampaignId, GroupId), McKey>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seal(&self, group: GroupId, key: &McKey) -> Result<Vec<u8>, KeyError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| KeyError::Unavailable(Box::new(error)))?;
        let bound_to = bound_to(group);
        let payload = Payload { msg: key.expose(), aad: &bound_to };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        Ok([&nonce[..], &sealed.map_err(|_| KeyError::Unreadable("it cannot be sealed"))?].concat())
    }

    fn open(&self, group: GroupId, sealed: &[u8]) -> Result<McKey, KeyError> {
        let (nonce, sealed) =
            sealed.split_first_chunk::<NONCE>().ok_or(KeyError::Unreadable("it is too short"))?;
        let opened =
            self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &bound_to(group) });
        let opened =
            opened.map_err(|_| KeyError::Unreadable("it was sealed under another key, or damaged"))?;
        let key =
            <[u8; 16]>::try_from(&opened[..]).map_err(|_| KeyError::Unreadable("it is no AES-128 key"))?;
        Ok(McKey::new(key))
    }

    async fn root_key(&self, device: DevEui) -> Result<RootKey, KeyError> {
        self.roots.root_key(device).await?.ok_or(KeyError::NoRootKey(device))
    }
}

/// What a sealed key is tied to besides the sealing key. The campaign is none of it: another may use the key again.
fn bound_to(group: GroupId) -> Vec<u8> {
    [PURPOSE, &[group.0]].concat()
}

#[async_trait]
impl KeyProvider for Vault {
    async fn group_keys(&self, campaign: CampaignId, group: &GroupParameters) -> Result<GroupKeys, KeyError> {
        let key = self.mc_key(campaign, group.id).await?;
        Ok(GroupKeys {
            mc_app_s_key: key.mc_app_s_key(group.mc_addr),
            mc_nwk_s_key: key.mc_nwk_s_key(group.mc_addr),
        })
    }

    async fn wrap(
        &self,
        campaign: CampaignId,
        group: &GroupParameters,
        device: DevEui,
    ) -> Result<EncryptedMcKey, KeyError> {
        let root = self.root_key(device).await?;
        let key = self.mc_key(campaign, group.id).await?;
        Ok(root.mc_root_key().mc_ke_key().wrap(&key))
    }

    async fn block_mic(&self, device: DevEui, block: Block<'_>) -> Result<Mic, KeyError> {
        let root = self.root_key(device).await?;
        let Block { session_cnt, frag_index, descriptor, image } = block;
        Ok(root.data_block_int_key().mic(session_cnt, frag_index, descriptor, image))
    }
}
