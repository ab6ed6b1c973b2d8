//! What probability theory says: random codes, binomial losses, confidence intervals.
//!
//! The slow, exact companion of what the simulator draws.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// Two-sided 95 % point of the normal distribution.
const Z95: f64 = 1.959_963_984_540_054;
/// Probabilities below this share of the largest are left out of sums.
const NEGLIGIBLE: f64 = 1e-18;

/// The probability that a receiver decodes `nb_frag` uncoded and `parity` random GF(2) parity fragments when each is
/// lost with probability `loss`.
///
/// With L uncoded fragments lost and r parity fragments received it is ∏ (1 − 2^−i) over i = r − L + 1 … r, the
/// probability that L random columns of r bits are independent; L and r are binomial.
#[must_use]
pub fn random_code_success(nb_frag: u32, parity: u32, loss: f64) -> f64 {
    let lost = binomial(nb_frag, loss);
    let received = binomial(parity, 1.0 - loss);
    // full[d] = ∏ (1 − 2^−i) over i > d; the factor is 1 to the precision of a double from 60 on.
    let full: Vec<f64> =
        (0..=60).map(|d| (d + 1..=60).map(|i: i32| 1.0 - (-f64::from(i)).exp2()).product()).collect();
    let full = |excess: u32| full.get(excess as usize).copied().unwrap_or(1.0);
    let given = |lost: u32| -> f64 {
        let enough = received.iter().filter(|(r, _)| *r >= lost);
        enough.map(|&(r, p)| p * full(r - lost) / full(r)).sum()
    };
    // From zero on: the sum of nothing is a negative zero.
    let success = lost.iter().fold(0.0, |sum, &(l, p)| sum + p * given(l));
    success.clamp(0.0, 1.0)
}

/// The binomial distribution where it is not negligible: outcomes and their probabilities.
///
/// Built from its mode outwards by the ratio of neighbours, so that no factorial is ever formed.
#[must_use]
pub fn binomial(n: u32, p: f64) -> Vec<(u32, f64)> {
    if p <= 0.0 || n == 0 {
        return vec![(0, 1.0)];
    }
    if p >= 1.0 {
        return vec![(n, 1.0)];
    }
    // The cast truncates to within 0 to n.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let mode = ((f64::from(n) + 1.0) * p).floor().clamp(0.0, f64::from(n)) as u32;
    let odds = p / (1.0 - p);
    let mut weights = vec![(mode, 1.0)];
    let mut weight = 1.0;
    for k in mode + 1..=n {
        weight *= odds * f64::from(n - k + 1) / f64::from(k);
        if weight < NEGLIGIBLE {
            break;
        }
        weights.push((k, weight));
    }
    weight = 1.0;
    for k in (0..mode).rev() {
        weight *= f64::from(k + 1) / f64::from(n - k) / odds;
        if weight < NEGLIGIBLE {
            break;
        }
        weights.push((k, weight));
    }
    weights.sort_unstable_by_key(|&(k, _)| k);
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    weights.into_iter().map(|(k, weight)| (k, weight / total)).collect()
}

/// Wilson's 95 % interval of a proportion: `successes` of `trials`.
#[must_use]
pub fn wilson(successes: u64, trials: u64) -> (f64, f64) {
    wilson_at(successes, trials, Z95)
}

/// Wilson's interval of a proportion at another point `z` of the normal distribution.
#[must_use]
pub fn wilson_at(successes: u64, trials: u64, z: f64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (n, z2) = (trials as f64, z * z);
    let share = successes as f64 / n;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // With none or all, one end is exactly 0 or 1, which rounding misses.
    let low = if successes == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if successes >= trials { 1.0 } else { (middle + half).min(1.0) };
    (low, high)
}

/// The mean of values and its 95 % interval by Student's t; `None` for less than two values, which tell nothing of how
/// they scatter.
#[must_use]
pub fn mean_interval(values: &[f64]) -> Option<(f64, f64, f64)> {
    let n = values.len() as f64;
    let point = StudentsT::new(0.0, 1.0, n - 1.0).ok()?.inverse_cdf(0.975);
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = point * (variance / n).sqrt();
    Some((mean, mean - half, mean + half))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every codeword counted, for sizes where that can be done.
    fn by_counting(nb_frag: u32, parity: u32, loss: f64) -> f64 {
        let choose = |n: u32, k: u32| (0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product::<f64>();
        let pmf = |n: u32, k: u32, p: f64| {
            choose(n, k) * p.powi(k.try_into().unwrap()) * (1.0 - p).powi((n - k).try_into().unwrap())
        };
        let mut sum = 0.0;
        for lost in 0..=nb_frag {
            for received in lost..=parity {
                let independent: f64 =
                    (received - lost + 1..=received).map(|i| 1.0 - (-f64::from(i)).exp2()).product();
                sum += pmf(nb_frag, lost, loss) * pmf(parity, received, 1.0 - loss) * independent;
            }
        }
        sum
    }

    #[test]
    fn the_sum_over_what_matters_is_the_whole_sum() {
        for (nb_frag, parity, loss) in
            [(1, 0, 0.1), (20, 5, 0.1), (30, 20, 0.4), (12, 12, 0.5), (25, 3, 0.01)]
        {
            let (fast, slow) =
                (random_code_success(nb_frag, parity, loss), by_counting(nb_frag, parity, loss));
            assert!((fast - slow).abs() < 1e-12, "{nb_frag} {parity} {loss}: {fast} {slow}");
        }
    }

    /// Random GF(2), M + k received: the published 0.289, 0.578, 0.770, 0.880 and 0.992. With everything uncoded
    /// lost, the parity alone is that code.
    #[test]
    fn a_code_of_parity_alone_is_the_random_code() {
        for (excess, published) in [(0, 0.289), (1, 0.578), (2, 0.770), (3, 0.880), (7, 0.992)] {
            let m = 200;
            let independent: f64 = (excess + 1..=m + excess).map(|i| 1.0 - (-f64::from(i)).exp2()).product();
            assert!((independent - published).abs() < 0.0006, "{excess}: {independent}");
        }
    }

    #[test]
    fn certain_and_impossible_cases_are_exact() {
        assert!((random_code_success(215, 0, 0.0) - 1.0).abs() < 1e-12);
        assert!(random_code_success(1000, 0, 0.05).is_sign_positive());
        assert!((random_code_success(3, 0, 0.5) - 0.125).abs() < 1e-12);
        assert!(random_code_success(10, 10, 1.0) < 1e-12);
        assert!(random_code_success(10_000, 6_000, 0.3) > 0.999);
    }

    #[test]
    fn the_binomial_distribution_has_its_mean_and_variance() {
        let distribution = binomial(16_383, 0.37);
        let mean: f64 = distribution.iter().map(|&(k, p)| f64::from(k) * p).sum();
        let variance: f64 = distribution.iter().map(|&(k, p)| (f64::from(k) - mean).powi(2) * p).sum();
        assert!((mean - 16_383.0 * 0.37).abs() < 1e-6, "{mean}");
        assert!((variance - 16_383.0 * 0.37 * 0.63).abs() < 1e-3, "{variance}");
    }

    #[test]
    fn wilson_s_interval_is_the_published_one() {
        // 10 of 100: 0.0552 to 0.1744.
        let (low, high) = wilson(10, 100);
        assert!((low - 0.0552).abs() < 0.0001 && (high - 0.1744).abs() < 0.0001, "{low} {high}");
        let (low, high) = wilson(0, 50);
        assert!(low.abs() < 1e-12 && high > 0.05);
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        for trials in 1..500 {
            assert!(
                wilson_at(0, trials, 4.5).0 <= 0.0 && wilson_at(trials, trials, 4.5).1 >= 1.0,
                "{trials}"
            );
        }
    }

    #[test]
    fn student_s_interval_is_the_published_one() {
        // The points of the tables for 1, 4, 9 and 29 degrees of freedom.
        for (n, point) in [(2, 12.706_205), (5, 2.776_445), (10, 2.262_157), (30, 2.045_230)] {
            let values: Vec<_> = (0..n).map(f64::from).collect();
            let (mean, low, high) = mean_interval(&values).unwrap();
            let n = f64::from(n);
            // The variance of 0, 1, … is n(n + 1)/12.
            let half = point * ((n + 1.0) / 12.0).sqrt();
            assert!((mean - (n - 1.0) / 2.0).abs() < 1e-12, "{mean}");
            assert!(
                (high - mean - half).abs() < 1e-5 && (mean - low - half).abs() < 1e-5,
                "{n}: {low} {high}"
            );
        }
        assert_eq!(mean_interval(&[3.0, 3.0, 3.0]), Some((3.0, 3.0, 3.0)));
        assert_eq!((mean_interval(&[1.0]), mean_interval(&[])), (None, None));
    }
}
