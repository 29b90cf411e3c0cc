//! Conditions that fail a run: `p99>50ms`, `hit.edge<0.9`, `us-east-1:errors>1%`.
//!
//! Invariant: a condition on something that was not measured fails the run.

mod metric;

use std::str::FromStr;

use thiserror::Error;

pub use self::metric::Metric;
use crate::report::Report;
use crate::report::model::{Condition, Part};

/// A condition that fails a run when it is true.
#[derive(Clone, Debug, PartialEq)]
pub struct FailIf {
    text: String,
    region: Option<String>,
    metric: Metric,
    operator: Operator,
    /// Milliseconds, a share, or a plain number.
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

/// Why a text is not a condition of this run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConditionError {
    /// There is no comparison.
    #[error("`{0}` is not a condition: write METRIC, one of < <= > >=, and a value, such as `p99>50ms`")]
    Form(String),
    /// No such metric.
    #[error("there is no metric `{0}`; the metrics are {known}", known = metric::KNOWN)]
    Metric(String),
    /// A value that is malformed or lacks its unit.
    #[error("`{value}` is not a value for `{metric}`: write {expected}")]
    Value {
        /// The metric.
        metric: String,
        /// The value.
        value: String,
        /// The expected form.
        expected: &'static str,
    },
    /// The run has no such region.
    #[error("there is no region `{0}` in this run")]
    Region(String),
}

impl FromStr for FailIf {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let form = || ConditionError::Form(text.to_owned());
        let at = text.find(['<', '>']).ok_or_else(form)?;
        let (left, right) = text.split_at(at);
        let (operator, value) = operator(right).ok_or_else(form)?;
        let (region, name) = match left.rsplit_once(':') {
            Some((region, name)) => (Some(region.trim().to_owned()), name.trim()),
            None => (None, left.trim()),
        };
        let metric: Metric = name.parse().map_err(|()| ConditionError::Metric(name.to_owned()))?;
        let bound = metric.unit().read(value.trim()).ok_or_else(|| ConditionError::Value {
            metric: name.to_owned(),
            value: value.trim().to_owned(),
            expected: metric.unit().example(),
        })?;
        Ok(Self { text: text.to_owned(), region, metric, operator, bound })
    }
}

fn operator(text: &str) -> Option<(Operator, &str)> {
    let operators = [
        (">=", Operator::MoreOrEqual),
        ("<=", Operator::LessOrEqual),
        (">", Operator::More),
        ("<", Operator::Less),
    ];
    operators.into_iter().find_map(|(sign, operator)| Some((operator, text.strip_prefix(sign)?)))
}

impl FailIf {
    /// Checks that its region, if it names one, is one of these.
    ///
    /// # Errors
    ///
    /// The run has no such region.
    pub fn check<'r>(&self, mut regions: impl Iterator<Item = &'r str>) -> Result<(), ConditionError> {
        match &self.region {
            Some(name) if !regions.any(|region| region == name) => Err(ConditionError::Region(name.clone())),
            _ => Ok(()),
        }
    }

    /// Evaluates the condition on a report.
    pub fn of(&self, report: &Report) -> Condition {
        let measured = self.part(report).and_then(|part| self.metric.of(part));
        let fails = measured.is_none_or(|measured| match self.operator {
            Operator::Less => measured < self.bound,
            Operator::LessOrEqual => measured <= self.bound,
            Operator::More => measured > self.bound,
            Operator::MoreOrEqual => measured >= self.bound,
        });
        Condition { text: self.text.clone(), measured, fails }
    }

    fn part<'r>(&self, report: &'r Report) -> Option<&'r Part> {
        match &self.region {
            None => Some(&report.total),
            Some(name) => {
                report.regions.iter().find(|region| region.name == *name).map(|region| &region.part)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<FailIf, ConditionError> {
        text.parse()
    }

    #[test]
    fn conditions_are_read_with_their_units() {
        for (text, bound) in [
            ("p99>50ms", 50.0),
            ("p99.9 >= 1.5s", 1_500.0),
            ("ttfb.p50>200us", 0.2),
            ("hit.edge<0.9", 0.9),
            ("us-east-1:errors>1%", 0.01),
            ("read_units>2.5", 2.5),
            ("rate<299", 299.0),
        ] {
            assert!((parse(text).unwrap().bound - bound).abs() < 1e-12, "{text}");
        }
        assert_eq!(parse("us-east-1:p99>1s").unwrap().region.as_deref(), Some("us-east-1"));
    }

    #[test]
    fn what_is_no_condition_is_said_in_a_line() {
        assert!(matches!(parse("p99=50ms"), Err(ConditionError::Form(_))));
        for unknown in ["p98>1ms", "hit.l3<1", ">1ms", "ok.p>1ms"] {
            assert!(matches!(parse(unknown), Err(ConditionError::Metric(_))), "{unknown}");
        }
        for (value, expected) in
            [("p99>50", "50ms"), ("p99>-1ms", "50ms"), ("errors>2", "0.01"), ("rate<x", "300")]
        {
            let Err(ConditionError::Value { expected: said, .. }) = parse(value) else { panic!("{value}") };
            assert!(said.contains(expected), "{value}: {said}");
        }
        let elsewhere = parse("b:p99>1s").unwrap().check(["a"].into_iter());
        assert_eq!(elsewhere, Err(ConditionError::Region("b".to_owned())));
    }
}
