//! Decodes on an emulated Cortex-M, says what it took, and fails if it took more than it may. Instructions are those
//! that the emulator counts.

#![no_std]
#![no_main]

mod meter;
mod nor;
mod sessions;
mod store;

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};

use crate::meter::Meter;

#[entry]
fn main() -> ! {
    let Some(peripherals) = cortex_m::Peripherals::take() else { loop {} };
    let mut meter = Meter::new(peripherals.SYST);
    let right = sessions::alone(&mut meter)
        & sessions::copying(&mut meter)
        & sessions::in_place(&mut meter)
        & sessions::deferred(&mut meter)
        & sessions::flash(&mut meter);
    hprintln!("{}", if right { "all data blocks are right" } else { "WRONG, or more than it may take" });
    debug::exit(if right { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {}
}
