//! Counts instructions and stack of single calls.

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::register::msp;
use cortex_m_semihosting::hprintln;

/// With `-icount shift=0` an instruction takes a nanosecond, and the processor's clock runs at 25 MHz.
const INSTRUCTIONS_PER_TICK: u32 = 40;

/// Words of stack that are watched.
const WATCHED: u32 = 512;

/// What a word of stack holds as long as nobody has used it.
const UNUSED: u32 = 0x5eed_c0de;

/// What a session may take at most; `None` stands for no limit.
pub struct Budget {
    pub ram: Option<usize>,
    pub stack: Option<u32>,
    pub instructions: Option<u64>,
    pub call: Option<u32>,
}

/// Measures calls, one session after the other.
pub struct Meter {
    timer: SYST,
    instructions: u64,
    call: u32,
    stack: u32,
}

impl Meter {
    pub fn new(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(0xff_ffff);
        timer.enable_counter();
        Self { timer, instructions: 0, call: 0, stack: 0 }
    }

    /// Measures one call.
    pub fn measure<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let top = msp::read();
        for address in (1..=WATCHED).map(|word| top - 4 * word) {
            // SAFETY: nothing lies below the stack pointer; interrupts, which would use it, are not enabled.
            unsafe { core::ptr::write_volatile(address as *mut u32, UNUSED) };
        }
        self.timer.clear_current();
        let start = SYST::get_current();
        let result = apart(call);
        let ticks = start.wrapping_sub(SYST::get_current()) & 0xff_ffff;
        let mut depth = WATCHED;
        // SAFETY: as above.
        while depth > 0 && unsafe { core::ptr::read_volatile((top - 4 * depth) as *const u32) } == UNUSED {
            depth -= 1;
        }
        let count = ticks * INSTRUCTIONS_PER_TICK;
        self.instructions += u64::from(count);
        self.call = self.call.max(count);
        self.stack = self.stack.max(4 * depth);
        result
    }

    /// Prints what a session took, and says whether it was right and within its budget.
    pub fn report(&mut self, name: &str, ram: usize, right: bool, budget: &Budget) -> bool {
        let Self { instructions, call, stack, .. } = *self;
        (self.instructions, self.call, self.stack) = (0, 0, 0);
        hprintln!("{}: {}", name, if right { "right" } else { "WRONG" });
        right
            & within("octets of RAM", ram as u64, budget.ram.map(|ram| ram as u64))
            & within("octets of stack", stack.into(), budget.stack.map(u64::from))
            & within("instructions", instructions, budget.instructions)
            & within("instructions in the longest call", call.into(), budget.call.map(u64::from))
    }
}

/// What is called takes its stack here, not as a part of its caller.
#[inline(never)]
fn apart<T>(call: impl FnOnce() -> T) -> T {
    call()
}

/// Prints a figure, and says whether it is within its limit.
pub fn within(what: &str, got: u64, limit: Option<u64>) -> bool {
    match limit {
        Some(limit) if got > limit => hprintln!("  {} {}: MORE than {}", got, what, limit),
        Some(limit) => hprintln!("  {} {}, at most {}", got, what, limit),
        None => hprintln!("  {} {}", got, what),
    }
    limit.is_none_or(|limit| got <= limit)
}
