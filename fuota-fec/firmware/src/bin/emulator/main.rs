//! Decodes on an emulated Cortex-M, and says what it took. Instructions are those that the emulator counts.

#![no_std]
#![no_main]

mod nor;
mod sessions;

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use fec_firmware as _;

/// With `-icount shift=0` an instruction takes a nanosecond, and the processor's clock runs at 25 MHz.
const INSTRUCTIONS_PER_TICK: u32 = 40;

/// Counts instructions of single calls.
struct Meter {
    timer: SYST,
    total: u64,
    longest: u32,
}

impl Meter {
    fn measure<T>(&mut self, call: impl FnOnce() -> T) -> T {
        self.timer.clear_current();
        let start = SYST::get_current();
        let result = call();
        let ticks = start.wrapping_sub(SYST::get_current()) & 0xff_ffff;
        let count = ticks * INSTRUCTIONS_PER_TICK;
        self.total += u64::from(count);
        self.longest = self.longest.max(count);
        result
    }

    /// Instructions since the last time, and those of the longest call.
    fn take(&mut self) -> (u64, u32) {
        (core::mem::take(&mut self.total), core::mem::take(&mut self.longest))
    }
}

#[entry]
fn main() -> ! {
    let Some(peripherals) = cortex_m::Peripherals::take() else { loop {} };
    let mut timer = peripherals.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(0xff_ffff);
    timer.enable_counter();
    let mut meter = Meter { timer, total: 0, longest: 0 };
    let right = sessions::copying(&mut meter)
        & sessions::in_place(&mut meter)
        & sessions::deferred(&mut meter)
        & sessions::flash(&mut meter);
    hprintln!("{}", if right { "all data blocks are right" } else { "a data block is WRONG" });
    debug::exit(if right { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {}
}
