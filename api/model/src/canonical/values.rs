//! The values of a request in cell mode, with the API's syntax and ranges.

use geo_index::edge::PRECISIONS;
use geo_index::{CategoryFilter, CategoryFilterError, Meters, Position};

use super::query::Query;
use super::{Reject, RejectKind};

/// Most results that may be asked for, as in the API.
const MAX_LIMIT: u8 = 100;

/// Rule V1.
pub(super) fn position(query: &Query) -> Result<Position, Reject> {
    let (lat, lon) = (degrees(query, "lat", 90.0)?, degrees(query, "lon", 180.0)?);
    Ok(Position::new(lat, lon).expect("both are in range"))
}

fn degrees(query: &Query, name: &str, bound: f64) -> Result<f64, Reject> {
    let Some(text) = query.get(name) else {
        return Err(Reject::of(RejectKind::ParameterMissing, name, &"the parameter is required"));
    };
    let value = number(name, text)?;
    let in_range = (-bound..=bound).contains(&value);
    in_range.then_some(value).ok_or_else(|| out_of_range(name, &format!("-{bound} to {bound}")))
}

/// Rule V2. The radius is not part of the answer, but what the exact search refuses is refused here.
pub(super) fn check_radius(query: &Query, max_radius: Meters) -> Result<(), Reject> {
    let Some(text) = query.get("radius") else { return Ok(()) };
    let meters = number("radius", text)?;
    let max_m = max_radius.get();
    let in_range = meters > 0.0 && meters <= max_m;
    in_range
        .then_some(())
        .ok_or_else(|| out_of_range("radius", &format!("more than 0 and at most {max_m} metres")))
}

/// Rule V3.
pub(super) fn check_limit(query: &Query) -> Result<(), Reject> {
    whole(query, "limit", 1..=MAX_LIMIT).map(|_| ())
}

/// Rule V4.
pub(super) fn category(query: &Query) -> Result<Option<CategoryFilter>, Reject> {
    let Some(text) = query.get("category") else { return Ok(None) };
    text.parse().map(Some).map_err(|error: CategoryFilterError| {
        let kind = match error {
            CategoryFilterError::TooLong { .. } | CategoryFilterError::TooMany { .. } => {
                RejectKind::ParameterOutOfRange
            }
            CategoryFilterError::Empty | CategoryFilterError::Control => RejectKind::ParameterInvalid,
        };
        Reject::of(kind, "category", &error)
    })
}

/// Rule V5.
pub(super) fn precision(query: &Query) -> Result<Option<u8>, Reject> {
    whole(query, "precision", PRECISIONS)
}

/// Rule V6.
pub(super) fn refuse_cursor(query: &Query) -> Result<(), Reject> {
    let detail = "a cursor goes on from one position; it has no meaning with `mode=cell`";
    query.get("cursor").map_or(Ok(()), |_| Err(Reject::of(RejectKind::ParameterInvalid, "cursor", &detail)))
}

/// Rule N1. What is too large becomes infinity, which no range holds.
fn number(name: &str, text: &str) -> Result<f64, Reject> {
    let numeric = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    match text.parse() {
        Ok(number) if numeric => Ok(number),
        _ => Err(Reject::of(RejectKind::ParameterInvalid, name, &"the value is not a decimal number")),
    }
}

/// Rule N2.
fn whole(query: &Query, name: &str, range: std::ops::RangeInclusive<u8>) -> Result<Option<u8>, Reject> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reject::of(RejectKind::ParameterInvalid, name, &"the value is not a whole number"));
    }
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ => Err(out_of_range(name, &format!("{} to {}", range.start(), range.end()))),
    }
}

fn out_of_range(name: &str, allowed: &str) -> Reject {
    Reject::of(RejectKind::ParameterOutOfRange, name, &format!("the value must be {allowed}"))
}
