//! The derivations, for keys in software and in secure elements alike.

use super::{
    Aes128, Aes128Decrypt, DataBlockIntKey, McAppSKey, McKeKey, McKey, McNwkSKey, McRootKey, RootKind,
};
use crate::ids::{EncryptedMcKey, McAddr};

/// McRootKey from GenAppKey or AppKey (TS005-1.0.0 §5).
///
/// # Errors
/// Those of the [`Aes128`].
pub fn mc_root_key<A: Aes128>(root: &A, kind: RootKind) -> Result<McRootKey, A::Error> {
    let first = match kind {
        RootKind::GenAppKey => 0x00,
        RootKind::AppKey => 0x20,
    };
    encrypt(root, padded([first])).map(McRootKey::new)
}

/// DataBlockIntKey from GenAppKey or AppKey (TS004-2.0.0 §5).
///
/// # Errors
/// Those of the [`Aes128`].
pub fn data_block_int_key<A: Aes128>(root: &A) -> Result<DataBlockIntKey, A::Error> {
    encrypt(root, padded([0x30])).map(DataBlockIntKey::new)
}

/// McKEKey from McRootKey (TS005-1.0.0 §5).
///
/// # Errors
/// Those of the [`Aes128`].
pub fn mc_ke_key<A: Aes128>(mc_root_key: &A) -> Result<McKeKey, A::Error> {
    encrypt(mc_root_key, [0; 16]).map(McKeKey::new)
}

/// A group key as it travels, wrapped with McKEKey: the server decrypts so that the device need only encrypt
/// (TS005-1.0.0 §5).
///
/// # Errors
/// Those of the [`Aes128Decrypt`].
pub fn wrap_mc_key<A: Aes128Decrypt>(mc_ke_key: &A, mc_key: &McKey) -> Result<EncryptedMcKey, A::Error> {
    let mut block = *mc_key.expose();
    mc_ke_key.decrypt_block(&mut block)?;
    Ok(EncryptedMcKey(block))
}

/// The group key that a McGroupSetupReq carries, unwrapped with McKEKey (TS005-1.0.0 §5).
///
/// # Errors
/// Those of the [`Aes128`].
pub fn unwrap_mc_key<A: Aes128>(mc_ke_key: &A, wrapped: &EncryptedMcKey) -> Result<McKey, A::Error> {
    encrypt(mc_ke_key, wrapped.0).map(McKey::new)
}

/// McAppSKey from McKey and the group's address (TS005-1.0.0 §5).
///
/// # Errors
/// Those of the [`Aes128`].
pub fn mc_app_s_key<A: Aes128>(mc_key: &A, address: McAddr) -> Result<McAppSKey, A::Error> {
    encrypt(mc_key, session_block(0x01, address)).map(McAppSKey::new)
}

/// McNwkSKey from McKey and the group's address (TS005-1.0.0 §5).
///
/// # Errors
/// Those of the [`Aes128`].
pub fn mc_nwk_s_key<A: Aes128>(mc_key: &A, address: McAddr) -> Result<McNwkSKey, A::Error> {
    encrypt(mc_key, session_block(0x02, address)).map(McNwkSKey::new)
}

/// The address enters least significant octet first.
const fn session_block(first: u8, address: McAddr) -> [u8; 16] {
    let [a, b, c, d] = address.get().to_le_bytes();
    padded([first, a, b, c, d])
}

/// `start` followed by zeros.
const fn padded<const N: usize>(start: [u8; N]) -> [u8; 16] {
    let mut block = [0; 16];
    if let Some(room) = block.first_chunk_mut() {
        *room = start;
    }
    block
}

fn encrypt<A: Aes128>(key: &A, mut block: [u8; 16]) -> Result<[u8; 16], A::Error> {
    key.encrypt_block(&mut block)?;
    Ok(block)
}
