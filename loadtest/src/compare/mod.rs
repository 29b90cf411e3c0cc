//! Compares two reports: what differs, and whether the difference may be chance.
//!
//! Each second of a run (each slice, in long ones) is one observation of a metric: its p99, its hit ratio. Observations of two
//! runs are compared by the Mann–Whitney test, which makes no assumption about their distributions; p-values are corrected for the
//! number of metrics by Holm's method. Consecutive seconds are correlated, which makes the test somewhat overconfident: compare runs
//! of the same length, a minute or more, and repeat important comparisons.

pub mod mann_whitney;

use serde::Serialize;

use self::mann_whitney::p_value;
use crate::record::Tier;
use crate::report::Report;
use crate::report::model::SlicePart;

/// Family-wise significance level: the probability of reporting any difference where there is none.
pub const ALPHA: f64 = 0.01;

/// A metric of two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The name of the metric.
    pub metric: String,
    /// Median over the slices of the first.
    pub a: f64,
    /// Median over the slices of the second.
    pub b: f64,
    /// p-value after Holm's correction.
    pub p: f64,
    /// The verdict.
    pub change: Change,
}

/// The verdict on a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The second is better.
    Better,
    /// The second is worse.
    Worse,
    /// The difference may be chance, or is too small to matter.
    None,
}

impl Change {
    /// As in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "WORSE",
            Self::None => "no difference",
        }
    }
}

/// Reads a metric from a slice; `None` where it was not measured.
type Observe = Box<dyn Fn(&SlicePart) -> Option<f64>>;

/// What is compared, and whether more of it is better.
struct Metric {
    name: String,
    more_is_better: bool,
    of: Observe,
}

/// Compares all metrics that both reports have. Differences of less than a share `least` of the first value are ignored.
pub fn compare(a: &Report, b: &Report, least: f64) -> Vec<Compared> {
    let metrics = metrics().into_iter().filter_map(|metric| {
        let (a, b) = (observations(a, &metric), observations(b, &metric));
        let p = p_value(&a, &b)?;
        Some((metric, median(a), median(b), p))
    });
    let mut found: Vec<_> = metrics.collect();
    let corrected = holm(&found.iter().map(|(.., p)| *p).collect::<Vec<_>>());
    for ((.., p), corrected) in found.iter_mut().zip(corrected) {
        *p = corrected;
    }
    let judge = |(metric, a, b, p): (Metric, f64, f64, f64)| {
        let matters = p < ALPHA && (b - a).abs() > least * a.abs();
        let change = match (matters, (b > a) == metric.more_is_better) {
            (false, _) => Change::None,
            (true, true) => Change::Better,
            (true, false) => Change::Worse,
        };
        Compared { metric: metric.name, a, b, p, change }
    };
    found.into_iter().map(judge).collect()
}

fn metrics() -> Vec<Metric> {
    let metric = |name: &str, more_is_better, of: fn(&SlicePart) -> Option<f64>| Metric {
        name: name.to_owned(),
        more_is_better,
        of: Box::new(of),
    };
    let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
    let mut metrics = vec![
        metric("p50_ms", false, |slice| slice.p50_ms),
        metric("p99_ms", false, |slice| slice.p99_ms),
        metric("max_ms", false, |slice| slice.max_ms),
    ];
    let failed = move |slice: &SlicePart| share(slice.failed, slice.planned);
    metrics.push(Metric { name: "errors".to_owned(), more_is_better: false, of: Box::new(failed) });
    for (number, tier) in Tier::CACHES.into_iter().enumerate() {
        let of = Box::new(move |slice: &SlicePart| slice.hit_ratios[number]);
        metrics.push(Metric { name: format!("hit.{}", tier.name()), more_is_better: true, of });
    }
    metrics
}

fn observations(report: &Report, metric: &Metric) -> Vec<f64> {
    report.over_time.slices.iter().filter_map(&metric.of).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (below, above) = ((values.len() - 1) / 2, values.len() / 2);
    f64::midpoint(values[below], values[above])
}

/// Holm's step-down correction (Scand. J. Statist. 6, 1979): the least p-value counts as many times as there are tests, and so on.
fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut corrected, mut most) = (vec![0.0; p.len()], 0.0_f64);
    for (rank, index) in order.into_iter().enumerate() {
        most = most.max(p[index] * (p.len() - rank) as f64).min(1.0);
        corrected[index] = most;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holm_corrects_as_in_the_textbook() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in corrected.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{corrected:?}");
        }
    }

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
    }
}
