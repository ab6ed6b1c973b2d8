//! Size probe: both decoders.

#![no_std]
#![no_main]

use fec_firmware::Callbacks;
use fuota_fec::{Decoder, DeferredDecoder, FragmentNumber, Geometry, ParityRule, Progress};

type Memory = &'static mut [u32];

/// Whichever the session asks for.
pub enum Device {
    Triangular(Decoder<Memory>),
    Deferred(DeferredDecoder<Memory>),
}

/// Sets up a session; 0 if it is fine.
///
/// # Safety
/// `device` has to be valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setup(
    device: *mut Device,
    session: u32,
    max_lost: u16,
    memory: &'static mut [u32; 1600],
) -> u8 {
    let rule = if session >> 24 & 1 == 1 { ParityRule::V1 } else { ParityRule::V2 };
    let Ok(geometry) = Geometry::from_session(session as u16, (session >> 16) as u8, 0) else { return 1 };
    if session >> 25 & 1 == 0 {
        let Ok(decoder) = Decoder::new(geometry, rule, max_lost, &mut memory[..]) else { return 2 };
        unsafe { device.write(Device::Triangular(decoder)) };
    } else {
        let Ok(decoder) = DeferredDecoder::new(geometry, rule, max_lost, &mut memory[..]) else { return 2 };
        unsafe { device.write(Device::Deferred(decoder)) };
    }
    0
}

/// Takes a fragment; says how many are missing, 2^15 if it was refused.
#[unsafe(no_mangle)]
pub extern "C" fn probe(device: &mut Device, n: u16, data: &[u8; 50], store: &mut Callbacks) -> u16 {
    let Some(n) = FragmentNumber::new(n) else { return 1 << 15 };
    let (progress, missing) = match device {
        Device::Triangular(decoder) => (decoder.insert(n, data, store), decoder.missing()),
        Device::Deferred(decoder) => (decoder.insert(n, data, store), decoder.missing()),
    };
    match progress {
        Ok(Progress::Complete) => 0,
        Ok(_) => missing,
        Err(_) => 1 << 15,
    }
}
