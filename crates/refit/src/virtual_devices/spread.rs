//! Whether what many devices drew is spread evenly.

use serde::Serialize;

/// The test of Kolmogorov and Smirnov against an even spread over a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// How many were drawn.
    pub(crate) n: usize,
    /// The largest distance between the share that was drawn by any moment and the share of the window that had passed.
    pub(crate) d: f64,
    /// How often an even spread of as many would be at least as far off.
    pub(crate) p: f64,
}

impl Spread {
    /// Of moments in milliseconds since the window began, which is `window` long.
    pub(crate) fn of(moments: &[i64], window: i64) -> Self {
        let n = moments.len();
        let mut sorted = moments.to_vec();
        sorted.sort_unstable();
        let count = as_float(n);
        let mut d: f64 = if n == 0 { 1.0 } else { 0.0 };
        for (i, moment) in sorted.into_iter().enumerate() {
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of a day fit exactly"
            )]
            let passed = (moment as f64 / window.max(1) as f64).clamp(0.0, 1.0);
            let (before, after) = (as_float(i) / count, as_float(i + 1) / count);
            d = d.max((passed - before).abs()).max((after - passed).abs());
        }
        Self {
            n,
            d,
            p: probability(d, count),
        }
    }
}

fn as_float(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

/// Kolmogorov's distribution, with the correction of Stephens (1970) for samples of any size.
fn probability(d: f64, n: f64) -> f64 {
    let root = n.sqrt();
    let lambda = (root + 0.12 + 0.11 / root.max(1.0)) * d;
    if lambda < 0.2 {
        return 1.0;
    }
    let terms = (1..=100_i32).map(|k| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k * k) * lambda * lambda).exp()
    });
    (2.0 * terms.sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_spread_passes_and_a_crowd_does_not() {
        let even: Vec<i64> = (0..10_000).map(|n| n * 6 + 3).collect();
        let spread = Spread::of(&even, 60_000);
        assert!(spread.d < 0.001 && spread.p > 0.99, "{spread:?}");
        // Everybody in the first half.
        let crowd: Vec<i64> = (0..10_000).map(|n| n * 3).collect();
        assert!(Spread::of(&crowd, 60_000).p < 1e-6);
        // All at once.
        assert!(Spread::of(&[100; 1_000], 60_000).p < 1e-6);
        assert!(Spread::of(&[], 60_000).p < 1e-3 || Spread::of(&[], 60_000).n == 0);
    }

    #[test]
    fn the_known_critical_value_is_met() {
        // 1.628 / √n leaves one in a hundred.
        let p = probability(1.628 / 100.0, 10_000.0);
        assert!((p - 0.01).abs() < 0.001, "{p}");
    }
}
