//! Time per operation, ours and the peer's in turns.

use std::time::{Duration, Instant};

/// An operation that repeats itself, so that calling it costs nothing per repetition.
pub(crate) type Repeated<'a> = Box<dyn FnMut(u64) + 'a>;

/// Length of one batch: long against the clock's resolution, short against the scheduler's slices.
const BATCH: Duration = Duration::from_micros(200);
/// Batches of each operation.
const BATCHES: usize = 60;

/// Nanoseconds per repetition of each operation, the median of all batches. They take turns, so that a slow spell hits all alike.
pub(crate) fn nanoseconds(operations: &mut [Repeated<'_>]) -> Vec<f64> {
    let lengths: Vec<u64> = operations.iter_mut().map(calibrate).collect();
    let mut times = vec![Vec::with_capacity(BATCHES); operations.len()];
    for _ in 0..BATCHES {
        for ((operation, &length), times) in operations.iter_mut().zip(&lengths).zip(&mut times) {
            let start = Instant::now();
            operation(length);
            times.push(start.elapsed().as_secs_f64() * 1e9 / length as f64);
        }
    }
    times.into_iter().map(median).collect()
}

/// The middle one, the upper of two; not a number if there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How many repetitions take about a batch's time.
fn calibrate(operation: &mut Repeated<'_>) -> u64 {
    let mut length = 16;
    loop {
        let start = Instant::now();
        operation(length);
        if start.elapsed() >= BATCH || length >= 1 << 32 {
            return length;
        }
        length *= 2;
    }
}
