//! The Mann–Whitney test (Ann. Math. Statist. 18, 1947): whether one of two samples tends to have greater values.

/// The fewest observations per sample for which the normal approximation is good.
pub const LEAST: usize = 8;

/// The two-sided p-value, by the normal approximation with corrections for ties and continuity; `None` if a sample has fewer than
/// [`LEAST`] observations.
///
/// ```
/// use cellar_loadtest::compare::mann_whitney::p_value;
///
/// let (a, b): (Vec<f64>, Vec<f64>) = ((0..20).map(f64::from).collect(), (15..35).map(f64::from).collect());
/// assert!(p_value(&a, &b).unwrap() < 0.001);
/// assert!(p_value(&a, &a).unwrap() > 0.99);
/// ```
pub fn p_value(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len().min(b.len()) < LEAST {
        return None;
    }
    let (n_a, n_b) = (a.len() as f64, b.len() as f64);
    let n = n_a + n_b;
    let (rank_sum, ties) = ranks(a, b);
    let u = rank_sum - n_a * (n_a + 1.0) / 2.0;
    let variance = n_a * n_b / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)));
    if variance <= 0.0 {
        // All observations are the same.
        return Some(1.0);
    }
    let beyond = ((u - n_a * n_b / 2.0).abs() - 0.5).max(0.0);
    Some(libm::erfc(beyond / variance.sqrt() / std::f64::consts::SQRT_2))
}

/// The sum of the ranks of `a` among all, and Σ (t³ - t) over ties of t observations, which share their mean rank.
fn ranks(a: &[f64], b: &[f64]) -> (f64, f64) {
    let mut all: Vec<(f64, bool)> =
        a.iter().map(|&value| (value, true)).chain(b.iter().map(|&value| (value, false))).collect();
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for same in all.chunk_by(|(a, _), (b, _)| a.total_cmp(b).is_eq()) {
        let t = same.len() as f64;
        let rank = before + f64::midpoint(t, 1.0);
        rank_sum += rank * same.iter().filter(|(_, of_a)| *of_a).count() as f64;
        ties += t * t * t - t;
        before += t;
    }
    (rank_sum, ties)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `scipy.stats.mannwhitneyu(a, b, method="asymptotic")` computes it.
    #[test]
    fn p_values_are_those_of_another_implementation() {
        let a = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let b = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.25, 1.29];
        assert!((p_value(&a, &b).unwrap() - 0.132_919_458_185_318_92).abs() < 1e-9, "{:?}", p_value(&a, &b));
        assert_eq!(p_value(&a[..7], &b), None);
        assert_eq!(p_value(&[1.0; 9], &[1.0; 9]), Some(1.0));
    }

    #[test]
    fn false_alarms_are_as_rare_as_it_says() {
        let mut random = fastrand::Rng::with_seed(5);
        let mut sample = || (0..30).map(|_| random.f64()).collect::<Vec<_>>();
        let alarms = (0..2_000).filter(|_| p_value(&sample(), &sample()).unwrap() < 0.05).count();
        // 5 % of 2,000, within four standard deviations.
        assert!((61..=139).contains(&alarms), "{alarms}");
    }
}
