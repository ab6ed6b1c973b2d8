//! Size probe: the triangular decoder.

#![no_std]
#![no_main]

use fec_firmware::Callbacks;
use fuota_fec::{Decoder, FragmentNumber, Geometry, ParityRule, Progress};

/// Sets up a session; 0 if it is fine.
///
/// # Safety
/// `decoder` has to be valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setup(
    decoder: *mut Decoder<&'static mut [u32]>,
    session: u32,
    max_lost: u16,
    memory: &'static mut [u32; 222],
) -> u8 {
    let rule = if session >> 24 == 1 { ParityRule::V1 } else { ParityRule::V2 };
    let Ok(geometry) = Geometry::from_session(session as u16, (session >> 16) as u8, 0) else { return 1 };
    let Ok(fresh) = Decoder::new(geometry, rule, max_lost, &mut memory[..]) else { return 2 };
    unsafe { decoder.write(fresh) };
    0
}

/// Takes a fragment; says how many are missing, 2^15 if it was refused.
#[unsafe(no_mangle)]
pub extern "C" fn probe(
    decoder: &mut Decoder<&'static mut [u32]>,
    n: u16,
    data: &[u8; 50],
    store: &mut Callbacks,
) -> u16 {
    let Some(n) = FragmentNumber::new(n) else { return 1 << 15 };
    match decoder.insert(n, data, store) {
        Ok(Progress::Complete) => 0,
        Ok(_) => decoder.missing(),
        Err(_) => 1 << 15,
    }
}
