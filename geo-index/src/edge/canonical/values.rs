//! The values of a request in cell mode, with the API's syntax and ranges.

use super::query::Query;
use super::{PRECISIONS, Reject, RejectKind};
use crate::point::Position;

/// Largest radius that may be asked for, in metres: the API's default. A server's own maximum does not count
/// here, for the edge does not know it and the radius is not part of the answer.
const MAX_RADIUS_M: f64 = 200_000.0;

/// Most results that may be asked for, as in the API.
const MAX_LIMIT: u8 = 100;

/// Longest category, in bytes, as in the API.
const MAX_CATEGORY_BYTES: usize = 200;

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

/// Rule V2.
pub(super) fn check_radius(query: &Query) -> Result<(), Reject> {
    let Some(text) = query.get("radius") else { return Ok(()) };
    let meters = number("radius", text)?;
    let in_range = meters > 0.0 && meters <= MAX_RADIUS_M;
    in_range
        .then_some(())
        .ok_or_else(|| out_of_range("radius", &format!("more than 0 and at most {MAX_RADIUS_M} metres")))
}

/// Rule V3.
pub(super) fn check_limit(query: &Query) -> Result<(), Reject> {
    whole(query, "limit", 1..=MAX_LIMIT).map(|_| ())
}

/// Rule V4.
pub(super) fn category(query: &Query) -> Result<Option<String>, Reject> {
    let category = query.get("category");
    if category.is_some_and(|text| text.len() > MAX_CATEGORY_BYTES) {
        return Err(out_of_range("category", &format!("1 to {MAX_CATEGORY_BYTES} bytes long")));
    }
    Ok(category.map(str::to_owned))
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
