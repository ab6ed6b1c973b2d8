//! Multicast downlinks as LoRaWAN 1.0 frames: encrypted with McAppSKey, authenticated with McNwkSKey.

use fuota_proto::McAddr;
use fuota_proto::keys::{McAppSKey, McNwkSKey};
use lrwn::{
    AES128Key, DevAddr, FHDR, FRMPayload, FType, MACPayload, MACVersion, MHDR, Major, Payload, PhyPayload,
};

/// The keys of a group's frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrameKeys {
    /// Address of the frames.
    pub(crate) mc_addr: McAddr,
    /// Encrypts the payload.
    pub(crate) mc_app_s_key: McAppSKey,
    /// Makes the MIC.
    pub(crate) mc_nwk_s_key: McNwkSKey,
}

/// What a frame held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// FPort.
    pub(crate) port: u8,
    /// FRMPayload in clear.
    pub(crate) payload: Vec<u8>,
}

/// A payload could not be made a frame, or its keys could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payload of {len} octets does not make a frame")]
pub struct FrameError {
    /// Octets of the payload.
    pub len: usize,
}

impl FrameKeys {
    /// An unconfirmed data downlink with these keys.
    ///
    /// # Errors
    /// [`FrameError`] if the frame cannot be made.
    pub(crate) fn seal(&self, fcnt: u32, port: u8, payload: &[u8]) -> Result<Vec<u8>, FrameError> {
        let mut frame = PhyPayload {
            mhdr: MHDR { f_type: FType::UnconfirmedDataDown, major: Major::LoRaWANR1 },
            payload: Payload::MACPayload(MACPayload {
                fhdr: FHDR { devaddr: self.dev_addr(), f_cnt: fcnt, ..FHDR::default() },
                f_port: Some(port),
                frm_payload: Some(FRMPayload::Raw(payload.to_vec())),
            }),
            mic: None,
        };
        let sealed = frame
            .encrypt_frm_payload(&AES128Key::from_bytes(*self.mc_app_s_key.expose()))
            .and_then(|()| frame.set_downlink_data_mic(MACVersion::LoRaWAN1_0, 0, &self.mic_key()))
            .and_then(|()| frame.to_vec());
        sealed.map_err(|_| FrameError { len: payload.len() })
    }

    /// Opens a frame under the frame counter `fcnt`, of which the frame itself carries the low 16 bits. `None` if
    /// it is another group's, or does not verify.
    #[must_use]
    pub(crate) fn open(&self, fcnt: u32, octets: &[u8]) -> Option<Opened> {
        let mut frame = PhyPayload::from_slice(octets).ok()?;
        let Payload::MACPayload(mac) = &mut frame.payload else { return None };
        if mac.fhdr.devaddr != self.dev_addr() || mac.fhdr.f_cnt != fcnt & 0xFFFF {
            return None;
        }
        mac.fhdr.f_cnt = fcnt;
        let verified = frame.validate_downlink_data_mic(MACVersion::LoRaWAN1_0, 0, &self.mic_key());
        if !matches!(verified, Ok(true)) {
            return None;
        }
        frame.decrypt_frm_payload(&AES128Key::from_bytes(*self.mc_app_s_key.expose())).ok()?;
        match frame.payload {
            Payload::MACPayload(MACPayload {
                f_port: Some(port),
                frm_payload: Some(FRMPayload::Raw(payload)),
                ..
            }) => Some(Opened { port, payload }),
            _ => None,
        }
    }

    fn dev_addr(&self) -> DevAddr {
        DevAddr::from_le_bytes(self.mc_addr.get().to_le_bytes())
    }

    fn mic_key(&self) -> AES128Key {
        AES128Key::from_bytes(*self.mc_nwk_s_key.expose())
    }
}

/// The 32-bit counter that ends in the 16 bits of `low` and is not below `next`, the first that is not used up.
#[must_use]
pub(crate) const fn full_fcnt(next: u32, low: u16) -> u32 {
    next.wrapping_add((low as u32).wrapping_sub(next) & 0xFFFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fuota_proto::keys::McKey;

    fn keys(mc_key: [u8; 16]) -> FrameKeys {
        let (mc_key, mc_addr) = (McKey::new(mc_key), McAddr(0x01A2_B3C4));
        FrameKeys {
            mc_addr,
            mc_app_s_key: mc_key.mc_app_s_key(mc_addr),
            mc_nwk_s_key: mc_key.mc_nwk_s_key(mc_addr),
        }
    }

    #[test]
    fn only_the_groups_own_keys_open_its_frames() {
        let sealed = keys([1; 16]).seal(0x0001_0005, 201, &[0x08, 1, 0, 0xAB]).unwrap();
        assert_eq!(sealed.len(), 13 + 4);
        assert_ne!(sealed[9..13], [0x08, 1, 0, 0xAB], "the payload travels encrypted");
        let opened = keys([1; 16]).open(0x0001_0005, &sealed).unwrap();
        assert_eq!((opened.port, opened.payload.as_slice()), (201, &[0x08, 1, 0, 0xAB][..]));
        assert_eq!(keys([2; 16]).open(0x0001_0005, &sealed), None, "another McKey");
        assert_eq!(keys([1; 16]).open(5, &sealed), None, "another counter with the same low bits");
        assert_eq!(keys([1; 16]).open(0x0001_0006, &sealed), None, "another counter");
        let mut tampered = sealed;
        tampered[10] ^= 1;
        assert_eq!(keys([1; 16]).open(0x0001_0005, &tampered), None, "a bit changed on the way");
    }

    #[test]
    fn counters_are_found_from_their_low_half() {
        assert_eq!(full_fcnt(0, 0), 0);
        assert_eq!(full_fcnt(5, 5), 5);
        assert_eq!(full_fcnt(5, 4), 0x1_0004);
        assert_eq!(full_fcnt(0x1_FFFF, 0), 0x2_0000);
        assert_eq!(full_fcnt(0x1_FFFF, 0xFFFF), 0x1_FFFF);
    }
}
