//! Values that several resources take.

use std::fmt;
use std::num::{IntErrorKind, NonZeroUsize};

use geo_index::{CategoryFilter, CategoryFilterError};

use super::query::{QueryText, echo};
use crate::problem::{Kind, Problem};

/// Most hits of one answer.
pub(crate) const MAX_LIMIT: usize = 100;
/// Hits of one answer when the caller does not say.
pub(crate) const DEFAULT_LIMIT: NonZeroUsize = NonZeroUsize::new(20).expect("not zero");

const CURSOR_ALLOWED: &str = "the cursor of a `next` link";

/// A value that cannot be read.
pub(super) fn invalid(name: &'static str, value: &str, problem: &str, allowed: impl fmt::Display) -> Problem {
    Problem::new(Kind::ParameterInvalid, format!("`{name}` is \"{}\", {problem}", echo(value)))
        .parameter(name)
        .allowed(allowed.to_string())
}

/// A value beyond its range.
pub(super) fn out_of_range(name: &'static str, value: &str, allowed: impl fmt::Display) -> Problem {
    let detail = format!("`{name}` is {}; it must be {allowed}", echo(value));
    Problem::new(Kind::ParameterOutOfRange, detail).parameter(name).allowed(allowed.to_string())
}

/// A number as callers write it. `1e999` becomes infinity, which no range holds; `inf` and `NaN` are no numbers.
pub(super) fn number(name: &'static str, text: &str, allowed: impl fmt::Display) -> Result<f64, Problem> {
    if text.starts_with(' ') {
        let problem =
            "which begins with a space; a plus sign in a query means a space, so leave it out or write %2B";
        return Err(invalid(name, text, problem, allowed));
    }
    let numeric = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    match text.parse() {
        Ok(number) if numeric => Ok(number),
        _ => Err(invalid(name, text, "which is not a number", allowed)),
    }
}

/// A required coordinate, in degrees.
pub(super) fn degrees(query: &QueryText<'_>, name: &'static str, bound: f64) -> Result<f64, Problem> {
    let allowed = format_args!("-{bound} to {bound}");
    let text = query.required(name, allowed)?;
    let value = number(name, text, allowed)?;
    if (-bound..=bound).contains(&value) { Ok(value) } else { Err(out_of_range(name, text, allowed)) }
}

pub(super) fn limit(query: &QueryText<'_>) -> Result<NonZeroUsize, Problem> {
    Ok(limit_up_to(query, MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT))
}

/// A limit, of which a larger one than the largest is that.
pub(super) fn limit_at_most(query: &QueryText<'_>) -> Result<NonZeroUsize, Problem> {
    let text = query.optional("limit", "1 or more")?.unwrap_or_default();
    let is_whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let most = NonZeroUsize::new(MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
    match text.parse::<usize>() {
        Ok(limit) if is_whole && limit > MAX_LIMIT => Ok(most),
        Err(error) if is_whole && *error.kind() == IntErrorKind::PosOverflow => Ok(most),
        _ => limit(query),
    }
}

/// A limit, if there is one.
pub(super) fn limit_up_to(query: &QueryText<'_>, most: usize) -> Result<Option<NonZeroUsize>, Problem> {
    let allowed = format_args!("1 to {most}");
    let Some(text) = query.optional("limit", allowed)? else { return Ok(None) };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("limit", text, "which is not a whole number", allowed));
    }
    let limit = text.parse().ok().filter(|limit: &NonZeroUsize| limit.get() <= most);
    limit.map(Some).ok_or_else(|| out_of_range("limit", text, allowed))
}

const CATEGORY_ALLOWED: &str = "1 to 8 categories of 1 to 200 bytes, separated by commas, `!` first to exclude them; a backslash before a comma or an exclamation mark makes it part of the category";

pub(super) fn category(query: &QueryText<'_>) -> Result<Option<CategoryFilter>, Problem> {
    let Some(text) = query.optional("category", CATEGORY_ALLOWED)? else { return Ok(None) };
    text.parse().map(Some).map_err(|error: CategoryFilterError| {
        let kind = match error {
            CategoryFilterError::TooLong { .. } | CategoryFilterError::TooMany { .. } => {
                Kind::ParameterOutOfRange
            }
            CategoryFilterError::Empty | CategoryFilterError::Control => Kind::ParameterInvalid,
        };
        Problem::new(kind, format!("in `category`, {error}")).parameter("category").allowed(CATEGORY_ALLOWED)
    })
}

pub(super) fn cursor<'q>(query: &'q QueryText<'_>) -> Result<Option<&'q str>, Problem> {
    query.optional("cursor", CURSOR_ALLOWED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> QueryText<'_> {
        QueryText::parse(Some(raw), &["lat", "limit", "category"]).unwrap()
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "what is read must be exactly what was written")]
    fn degrees_are_finite_and_in_range() {
        for (good, value) in [("-90", -90.0), ("%2B48.5", 48.5), ("4e1", 40.0), (".5", 0.5), ("-0", 0.0)] {
            assert_eq!(degrees(&parse(&format!("lat={good}")), "lat", 90.0).unwrap(), value, "{good}");
        }
        for bad in ["90.0000001", "-91", "1e999", "-1e999"] {
            let problem = degrees(&parse(&format!("lat={bad}")), "lat", 90.0).unwrap_err();
            assert_eq!(problem.kind(), Kind::ParameterOutOfRange, "{bad}");
        }
        for bad in ["NaN", "inf", "-infinity", "1,5", "48.8N", "+48.8", "0x10", "%201", "-", "٣"] {
            let problem = degrees(&parse(&format!("lat={bad}")), "lat", 90.0).unwrap_err();
            assert_eq!(problem.kind(), Kind::ParameterInvalid, "{bad}");
        }
    }

    #[test]
    fn limits_are_whole_numbers() {
        assert_eq!(limit(&parse("")).unwrap(), DEFAULT_LIMIT);
        assert_eq!(limit(&parse("limit=100")).unwrap().get(), 100);
        for bad in ["0", "101", "-1", "99999999999999999999999"] {
            let problem = limit(&parse(&format!("limit={bad}"))).unwrap_err();
            assert_eq!(problem.kind(), Kind::ParameterOutOfRange, "{bad}");
        }
        for bad in ["1.5", "ten", "", "-", "1e1", "%2B5"] {
            let problem = limit(&parse(&format!("limit={bad}"))).unwrap_err();
            assert_eq!(problem.kind(), Kind::ParameterInvalid, "{bad}");
        }
    }

    #[test]
    fn categories_are_counted_in_bytes() {
        assert!(category(&parse(&format!("category={}", "é".repeat(100)))).is_ok());
        assert!(category(&parse(&format!("category={}", "é".repeat(101)))).is_err());
        let several = category(&parse("category=cafe%2C+bar,wine%5C,dine")).unwrap().unwrap();
        assert_eq!(several.to_string(), r"bar,cafe,wine\,dine");
        for (bad, kind) in
            [("a,,b", Kind::ParameterInvalid), ("a,b,c,d,e,f,g,h,i", Kind::ParameterOutOfRange)]
        {
            assert_eq!(category(&parse(&format!("category={bad}"))).unwrap_err().kind(), kind, "{bad}");
        }
    }
}
