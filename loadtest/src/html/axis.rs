//! Maps values to positions on an axis, and chooses round values to label.

/// Most labels of a linear axis.
const LABELS: f64 = 5.0;
/// Beyond this many decades only powers of ten are labelled.
const FEW_DECADES: f64 = 2.0;

/// An axis: its range and its labels.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    least: f64,
    most: f64,
    log: bool,
    /// Values that are labelled, in the unit of the axis.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// The position of a value, from 0 at one end to 1 at the other. Values beyond an end are clamped to it.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let scaled = |value: f64| if self.log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let (least, most) = (scaled(self.least), scaled(self.most));
        ((scaled(value) - least) / (most - least)).clamp(0.0, 1.0)
    }

    /// Latencies in milliseconds on a logarithmic scale, between two of the values 1, 2 and 5 times a power of ten.
    pub(crate) fn latencies(values: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| *value > 0.0) {
            (least, most) = (least.min(value), most.max(value));
        }
        if least > most {
            (least, most) = (1.0, 1.0);
        }
        let (least, mut most) = (round(least, false), round(most, true));
        if most < least * 9.99 {
            most = round(least * 9.99, true);
        }
        let few = (most / least).log10() <= FEW_DECADES;
        let from = least.log10().floor() as i32;
        let all = (from..=from + 12).flat_map(|power| {
            let steps: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
            steps.iter().map(move |step| step * 10_f64.powi(power))
        });
        let shown = all.filter(|value| (least * 0.999..=most * 1.001).contains(value));
        Self { least, most, log: true, ticks: shown.map(|value| (value, duration(value))).collect() }
    }

    /// Counts or rates, from 0.
    pub(crate) fn counts(most: f64) -> Self {
        let step = round((most / LABELS).max(0.2), true).max(1.0);
        let most = (most / step).ceil().max(1.0) * step;
        let ticks = steps(0.0, most, step).map(|value| (value, format!("{value}"))).collect();
        Self { least: 0.0, most, log: false, ticks }
    }

    /// Amounts, from 0.
    pub(crate) fn amounts(most: f64) -> Self {
        let step = if most > 0.0 { round(most / LABELS, true) } else { 1.0 };
        let most = (most / step - 1e-9).ceil().max(1.0) * step;
        let ticks = steps(0.0, most, step).map(|value| (value, amount(value))).collect();
        Self { least: 0.0, most, log: false, ticks }
    }

    /// Shares, 0 to 1.
    pub(crate) fn shares() -> Self {
        let ticks = [0, 25, 50, 75, 100].map(|percent| (f64::from(percent) / 100.0, format!("{percent} %")));
        Self { least: 0.0, most: 1.0, log: false, ticks: ticks.into() }
    }

    /// Time from the start of the measured part, in seconds.
    pub(crate) fn time(length_s: f64) -> Self {
        const STEPS: [f64; 14] =
            [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0];
        let fits = |step: &f64| length_s / step <= LABELS;
        let step = STEPS
            .into_iter()
            .find(fits)
            .unwrap_or_else(|| round(length_s / 3_600.0 / LABELS, true) * 3_600.0);
        let (unit_s, unit) = match step {
            step if step < 60.0 => (1.0, "s"),
            step if step < 3_600.0 => (60.0, "min"),
            _ => (3_600.0, "h"),
        };
        let label = |at: f64| (at, format!("{} {unit}", at / unit_s));
        Self {
            least: 0.0,
            most: length_s,
            log: false,
            ticks: steps(0.0, length_s, step).map(label).collect(),
        }
    }

    /// Shares of requests into the tail: 0, 90 %, 99 %, … are equally far apart. A value is the negative decimal logarithm of the
    /// remaining share.
    pub(crate) fn tail(most: f64) -> Self {
        let most = most.max(1.0);
        let label = |nines: u32| match nines {
            0 => "0 %".to_owned(),
            1 => "90 %".to_owned(),
            2 => "99 %".to_owned(),
            nines => format!("99.{} %", "9".repeat(nines as usize - 2)),
        };
        let ticks = (0..=most as u32).map(|nines| (f64::from(nines), label(nines))).collect();
        Self { least: 0.0, most, log: false, ticks }
    }
}

/// Multiples of a step.
fn steps(from: f64, to: f64, step: f64) -> impl Iterator<Item = f64> {
    (0..=((to - from) / step + 1e-9) as u32).map(move |number| f64::from(number).mul_add(step, from))
}

/// The next 1, 2 or 5 of a power of ten, up or down.
pub(crate) fn round(value: f64, up: bool) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let fits =
        |step: &f64| if up { step * power >= value * 0.999_999 } else { step * power <= value * 1.000_001 };
    let steps = [1.0, 2.0, 5.0, 10.0];
    let step = if up { steps.into_iter().find(fits) } else { steps.into_iter().rev().find(fits) };
    step.unwrap_or(1.0) * power
}

/// A multiple of a round number, without rounding errors of sums.
fn amount(value: f64) -> String {
    format!("{}", (value * 1e6).round() / 1e6)
}

/// A round number of milliseconds, in a suitable unit.
fn duration(ms: f64) -> String {
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    match ms {
        ms if ms < 0.999 => format!("{} µs", rounded(ms * 1e3)),
        ms if ms < 999.0 => format!("{} ms", rounded(ms)),
        ms => format!("{} s", rounded(ms / 1e3)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn latencies_are_labelled_in_round_numbers() {
        let narrow = Axis::latencies([1.3, 8.0].into_iter());
        assert_eq!(labels(&narrow), ["1 ms", "2 ms", "5 ms", "10 ms"]);
        let wide = Axis::latencies([0.03, 9_000.0].into_iter());
        assert_eq!(labels(&wide), ["100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!(labels(&Axis::latencies([0.0, 0.3].into_iter())), ["200 µs", "500 µs", "1 ms", "2 ms"]);
        assert!(!Axis::latencies(std::iter::empty()).ticks.is_empty());
    }

    #[test]
    fn ends_are_at_the_ends_and_decades_equally_far_apart() {
        let axis = Axis::latencies([1.0, 100.0].into_iter());
        for (value, place) in [(1.0, 0.0), (10.0, 0.5), (100.0, 1.0), (1e9, 1.0), (0.0, 0.0)] {
            assert!((axis.place(value) - place).abs() < 1e-9, "{value}: {}", axis.place(value));
        }
        assert!((Axis::shares().place(0.25) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn time_has_the_unit_that_suits_it() {
        assert_eq!(labels(&Axis::time(3.0)), ["0 s", "1 s", "2 s", "3 s"]);
        assert_eq!(labels(&Axis::time(60.0)), ["0 s", "15 s", "30 s", "45 s", "60 s"]);
        assert_eq!(labels(&Axis::time(600.0)), ["0 min", "2 min", "4 min", "6 min", "8 min", "10 min"]);
        assert_eq!(labels(&Axis::time(86_400.0)), ["0 h", "5 h", "10 h", "15 h", "20 h"]);
    }

    #[test]
    fn amounts_are_labelled_in_round_numbers() {
        assert_eq!(labels(&Axis::amounts(2.9)), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Axis::amounts(1.0)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(&Axis::amounts(0.0003)), ["0", "0.0001", "0.0002", "0.0003"]);
        assert_eq!(labels(&Axis::amounts(0.0)), ["0", "1"]);
    }

    #[test]
    fn counts_are_whole_and_the_tail_has_nines() {
        assert_eq!(labels(&Axis::counts(0.0)), ["0", "1"]);
        assert_eq!(labels(&Axis::counts(3.0)), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Axis::counts(301.0)), ["0", "100", "200", "300", "400"]);
        assert_eq!(labels(&Axis::tail(3.2)), ["0 %", "90 %", "99 %", "99.9 %"]);
    }
}
