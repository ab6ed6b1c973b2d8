//! Means, and how far they can be trusted.

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The mean; not a number if there are no values.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Half the width of the mean's 95 % interval; infinite for fewer than two values.
pub(crate) fn half_width(values: &[f64]) -> f64 {
    let Some(freedom) = values.len().checked_sub(2) else { return f64::INFINITY };
    let (n, mean) = (values.len() as f64, mean(values));
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    STUDENT.get(freedom).unwrap_or(&1.96) * (variance / n).sqrt()
}

/// The largest; negative infinity if there is none.
pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// The least; infinity if there is none.
pub(crate) fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_known_sample() {
        // Mean 5, standard deviation 2, 8 values: t = 2.365.
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert!((mean(&values) - 5.0).abs() < 1e-12);
        let deviation = (32.0_f64 / 7.0).sqrt();
        assert!((half_width(&values) - 2.365 * deviation / 8.0_f64.sqrt()).abs() < 1e-9);
        assert!(half_width(&values[..1]).is_infinite());
        assert!((half_width(&[3.0; 40])).abs() < 1e-12);
    }
}
