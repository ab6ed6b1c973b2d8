//! How often an operation allocates, and how much memory it holds at most.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::measure::Repeated;

/// Allocations of one run of `operation`.
pub(crate) fn count(operation: &mut Repeated<'_>) -> u64 {
    let before = COUNT.load(Ordering::Relaxed);
    COUNTING.store(true, Ordering::Relaxed);
    operation(1);
    COUNTING.store(false, Ordering::Relaxed);
    COUNT.load(Ordering::Relaxed) - before
}

/// What `operation` returns, and the most octets that it held at any moment. What was allocated before must not be
/// freed in it.
pub(crate) fn peak<T>(operation: impl FnOnce() -> T) -> (T, usize) {
    HELD.store(0, Ordering::Relaxed);
    PEAK.store(0, Ordering::Relaxed);
    COUNTING.store(true, Ordering::Relaxed);
    let result = operation();
    COUNTING.store(false, Ordering::Relaxed);
    (result, PEAK.load(Ordering::Relaxed))
}

static COUNTING: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The system's allocator, which counts while asked to. Otherwise it costs one load, so that timings of peers that
/// allocate stay fair.
struct Counting;

impl Counting {
    fn is_on(&self) -> bool {
        COUNTING.load(Ordering::Relaxed)
    }

    fn took(&self, octets: usize) {
        COUNT.fetch_add(1, Ordering::Relaxed);
        let held = HELD.fetch_add(octets, Ordering::Relaxed).wrapping_add(octets);
        // What was held before counting began may have been freed: then the sum is below zero.
        if held < usize::MAX / 2 {
            PEAK.fetch_max(held, Ordering::Relaxed);
        }
    }

    fn gave_back(&self, octets: usize) {
        HELD.fetch_sub(octets, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged, so its guarantees hold; counting neither allocates nor
// unwinds.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.is_on() {
            self.took(layout.size());
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if self.is_on() {
            // Both are held while octets move.
            self.took(new_size);
            self.gave_back(layout.size());
        }
        // SAFETY: the caller's promise is passed on; the block came from the system's allocator.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.is_on() {
            self.gave_back(layout.size());
        }
        // SAFETY: the caller's promise is passed on; the block came from the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }
}
