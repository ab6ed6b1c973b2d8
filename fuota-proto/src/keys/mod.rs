//! Keys of multicast groups (TS005 §5) and of data blocks (TS004-2.0.0 §5).
//!
//! ```text
//! GenAppKey (LoRaWAN 1.0.x) ─┬─> McRootKey ──> McKEKey ── wraps ──> McKey ──> McAppSKey, McNwkSKey
//! or AppKey (LoRaWAN 1.1)    └─> DataBlockIntKey ──> MIC of the block
//! ```
//!
//! Every step is one AES-128 block. A device only ever encrypts: the server wraps a group key by *decrypting* it.
//! Where a secure element keeps a key, implement [`Aes128`] for a handle of it and take the step with the function
//! of the [`derive`](mod@derive) module; in software, start from a [`RootKey`].
//!
//! ```
//! use fuota_proto::McAddr;
//! use fuota_proto::keys::{McKey, RootKey};
//!
//! let root = RootKey::from_gen_app_key([0x2b; 16]);
//! let mc_key = McKey::new([0x11; 16]);
//!
//! // The server sends the wrapped key in McGroupSetupReq, and the device unwraps it.
//! let wrapped = root.mc_root_key().mc_ke_key().wrap(&mc_key);
//! let received = root.mc_root_key().mc_ke_key().unwrap(&wrapped);
//! assert_eq!(received, mc_key);
//!
//! // Both then know what encrypts and authenticates the group's frames.
//! let address = McAddr(0x01A2_B3C4);
//! assert_eq!(received.mc_app_s_key(address), mc_key.mc_app_s_key(address));
//! assert_eq!(received.mc_nwk_s_key(address), mc_key.mc_nwk_s_key(address));
//! ```

mod block;
pub mod derive;

pub use block::BlockMic;

use core::convert::Infallible;

use aes::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use subtle::ConstantTimeEq as _;
use zeroize::ZeroizeOnDrop;

use crate::ids::{EncryptedMcKey, McAddr};

/// AES-128 with one key: in software a [`SoftwareAes`], in a secure element a handle of the key.
pub trait Aes128 {
    /// Why a block was not encrypted.
    type Error;

    /// Encrypts one block in place.
    ///
    /// # Errors
    /// Whatever the implementor reports; in software nothing.
    fn encrypt_block(&self, block: &mut [u8; 16]) -> Result<(), Self::Error>;
}

/// AES-128 in both directions, which only a server needs.
pub trait Aes128Decrypt: Aes128 {
    /// Decrypts one block in place.
    ///
    /// # Errors
    /// As [`Aes128::encrypt_block`].
    fn decrypt_block(&self, block: &mut [u8; 16]) -> Result<(), Self::Error>;
}

impl<A: Aes128 + ?Sized> Aes128 for &A {
    type Error = A::Error;

    fn encrypt_block(&self, block: &mut [u8; 16]) -> Result<(), Self::Error> {
        (**self).encrypt_block(block)
    }
}

/// AES-128 in software, the key's schedule computed once. Zeroized on drop.
#[derive(Clone)]
pub struct SoftwareAes(aes::Aes128);

impl SoftwareAes {
    /// AES-128 with `key`.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        Self(aes::Aes128::new(key.into()))
    }
}

impl Aes128 for SoftwareAes {
    type Error = Infallible;

    fn encrypt_block(&self, block: &mut [u8; 16]) -> Result<(), Infallible> {
        self.0.encrypt_block(block.into());
        Ok(())
    }
}

impl Aes128Decrypt for SoftwareAes {
    fn decrypt_block(&self, block: &mut [u8; 16]) -> Result<(), Infallible> {
        self.0.decrypt_block(block.into());
        Ok(())
    }
}

impl core::fmt::Debug for SoftwareAes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SoftwareAes(..)")
    }
}

/// Declares a key: zeroized on drop, compared in constant time, never printed.
macro_rules! key {
    ($($(#[$doc:meta])* pub struct $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// Zeroized on drop, compared in constant time, printed without its octets.
        #[derive(Clone, ZeroizeOnDrop)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The key with these octets, in the order they are printed.
            #[must_use]
            pub const fn new(octets: [u8; 16]) -> Self {
                Self(octets)
            }

            /// The octets, for whoever must use the key. Keep them out of logs.
            #[must_use]
            pub const fn expose(&self) -> &[u8; 16] {
                &self.0
            }

            /// AES-128 with this key.
            #[must_use]
            pub fn aes(&self) -> SoftwareAes {
                SoftwareAes::new(&self.0)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name {
            fn format(&self, f: defmt::Formatter<'_>) {
                defmt::write!(f, "{=str}(..)", stringify!($name));
            }
        }
    )*};
}

key! {
    /// Root of a device's multicast keys (McRootKey).
    pub struct McRootKey;
    /// Wraps the group keys of one device (McKEKey).
    pub struct McKeKey;
    /// Key of a multicast group, the same for all its devices (McKey). Must be random.
    pub struct McKey;
    /// Encrypts the payloads of a group's frames (McAppSKey).
    pub struct McAppSKey;
    /// Authenticates a group's frames (McNwkSKey).
    pub struct McNwkSKey;
    /// Authenticates the data blocks for one device (DataBlockIntKey).
    pub struct DataBlockIntKey;
}

/// Which key a device's other keys come from, which depends on its LoRaWAN version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RootKind {
    /// GenAppKey, provisioned for this purpose: LoRaWAN 1.0.x.
    GenAppKey,
    /// AppKey: LoRaWAN 1.1.
    AppKey,
}

/// The key of a device that its other keys come from.
///
/// Zeroized on drop, compared in constant time, printed without its octets.
#[derive(Clone, ZeroizeOnDrop)]
pub struct RootKey {
    octets: [u8; 16],
    #[zeroize(skip)]
    kind: RootKind,
}

impl RootKey {
    /// The GenAppKey of a LoRaWAN 1.0.x device.
    #[must_use]
    pub const fn from_gen_app_key(octets: [u8; 16]) -> Self {
        Self { octets, kind: RootKind::GenAppKey }
    }

    /// The AppKey of a LoRaWAN 1.1 device.
    #[must_use]
    pub const fn from_app_key(octets: [u8; 16]) -> Self {
        Self { octets, kind: RootKind::AppKey }
    }

    /// Which key it is.
    #[must_use]
    pub const fn kind(&self) -> RootKind {
        self.kind
    }

    /// Root of the device's multicast keys.
    #[must_use]
    pub fn mc_root_key(&self) -> McRootKey {
        infallible(derive::mc_root_key(&self.aes(), self.kind))
    }

    /// Key of the integrity codes of data blocks.
    #[must_use]
    pub fn data_block_int_key(&self) -> DataBlockIntKey {
        infallible(derive::data_block_int_key(&self.aes()))
    }

    fn aes(&self) -> SoftwareAes {
        SoftwareAes::new(&self.octets)
    }
}

impl PartialEq for RootKey {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && bool::from(self.octets.ct_eq(&other.octets))
    }
}

impl Eq for RootKey {}

impl core::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RootKey({:?}, ..)", self.kind)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for RootKey {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "RootKey({}, ..)", self.kind);
    }
}

impl McRootKey {
    /// The key that wraps the device's group keys.
    #[must_use]
    pub fn mc_ke_key(&self) -> McKeKey {
        infallible(derive::mc_ke_key(&self.aes()))
    }
}

impl McKeKey {
    /// Wraps a group key for McGroupSetupReq: the server's side.
    #[must_use]
    pub fn wrap(&self, mc_key: &McKey) -> EncryptedMcKey {
        infallible(derive::wrap_mc_key(&self.aes(), mc_key))
    }

    /// The group key of a McGroupSetupReq: the device's side.
    #[must_use]
    pub fn unwrap(&self, wrapped: &EncryptedMcKey) -> McKey {
        infallible(derive::unwrap_mc_key(&self.aes(), wrapped))
    }
}

impl McKey {
    /// The key that encrypts the payloads of the group's frames.
    #[must_use]
    pub fn mc_app_s_key(&self, address: McAddr) -> McAppSKey {
        infallible(derive::mc_app_s_key(&self.aes(), address))
    }

    /// The key that authenticates the group's frames.
    #[must_use]
    pub fn mc_nwk_s_key(&self, address: McAddr) -> McNwkSKey {
        infallible(derive::mc_nwk_s_key(&self.aes(), address))
    }
}

fn infallible<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
    }
}
