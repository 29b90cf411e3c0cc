//! Fixed values, ranges and mixtures, as given on the command line.

use std::fmt;
use std::ops::RangeInclusive;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::chance::{cumulative, pick};

/// Values with weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix<T> {
    values: Vec<T>,
    sums: Vec<f64>,
}

impl<T: Clone> Mix<T> {
    /// One value, always.
    pub fn only(value: T) -> Self {
        Self { values: vec![value], sums: vec![1.0] }
    }

    /// Parses `VALUE:WEIGHT,VALUE:WEIGHT,…`; the default weight is 1.
    ///
    /// # Errors
    ///
    /// A value or a weight is malformed, or all weights are 0.
    pub fn parse(text: &str, value: impl Fn(&str) -> Result<T, String>) -> Result<Self, String> {
        let parts: Vec<(T, f64)> =
            text.split(',').map(|part| weighted(part, &value)).collect::<Result<_, _>>()?;
        let sums = cumulative(parts.iter().map(|(_, weight)| *weight));
        if sums.last().is_none_or(|sum| *sum <= 0.0) {
            return Err(format!("`{text}` has no weight above 0"));
        }
        Ok(Self { values: parts.into_iter().map(|(value, _)| value).collect(), sums })
    }

    /// Draws a value.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> T {
        // A single value draws no random number.
        let index = if self.values.len() == 1 { 0 } else { pick(&self.sums, rng.random()) };
        self.values[index].clone()
    }
}

fn weighted<T>(part: &str, value: impl Fn(&str) -> Result<T, String>) -> Result<(T, f64), String> {
    let (name, weight) = part.rsplit_once(':').unwrap_or((part, "1"));
    let number = weight.trim().parse::<f64>().ok().filter(|weight| (0.0..=1e9).contains(weight));
    let weight = number.ok_or_else(|| format!("`{weight}` is not a weight: a number from 0 to 1e9"))?;
    Ok((value(name.trim())?, weight))
}

/// A number: fixed, from a range, or from a mixture.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Uniformly distributed from the first to the second number.
    Range(f64, f64),
    /// One of these numbers.
    Mix(Mix<f64>),
}

impl Numbers {
    /// Always the same number.
    pub fn fixed(number: f64) -> Self {
        Self::Mix(Mix::only(number))
    }

    /// Parses `5000`, `500-5000` (uniform) or `500:3,2000:5,10000` (weighted), with all numbers within `allowed`.
    ///
    /// ```
    /// use cellar_loadtest::workload::Numbers;
    ///
    /// assert!(Numbers::parse("500-5000", 1.0..=200_000.0).is_ok());
    /// assert!(Numbers::parse("500:3,2000:5", 1.0..=200_000.0).is_ok());
    /// assert_eq!(Numbers::parse("0", 1.0..=9.0).unwrap_err(), "`0` is not a number from 1 to 9");
    /// ```
    pub fn parse(text: &str, allowed: RangeInclusive<f64>) -> Result<Self, String> {
        let number = |text: &str| {
            let number = text.trim().parse::<f64>().ok().filter(|number| allowed.contains(number));
            number.ok_or_else(|| {
                format!("`{text}` is not a number from {} to {}", allowed.start(), allowed.end())
            })
        };
        match text.split_once('-') {
            Some((low, high)) if !low.is_empty() && !text.contains([',', ':', 'e']) => {
                let (low, high) = (number(low)?, number(high)?);
                if low > high {
                    return Err(format!("`{text}` ends before it begins"));
                }
                Ok(Self::Range(low, high))
            }
            _ => Ok(Self::Mix(Mix::parse(text, number)?)),
        }
    }

    /// Draws a number.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::Range(low, high) => low + (high - low) * rng.random::<f64>(),
            Self::Mix(mix) => mix.draw(rng),
        }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(low, high) => write!(f, "{low}-{high}"),
            Self::Mix(mix) => {
                let values: Vec<String> = mix.values.iter().map(f64::to_string).collect();
                f.write_str(&values.join(","))
            }
        }
    }
}
