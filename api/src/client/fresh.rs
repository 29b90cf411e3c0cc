//! How long a client may keep an answer (RFC 9111, as far as a private cache without revalidation needs it).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};

/// Longest that anything is kept, whatever a server says.
const LONGEST: Duration = Duration::from_hours(24);

/// For how long after it was asked for an answer may be used; `None` if it may not be kept at all. What cannot be read
/// counts as a refusal.
pub(super) fn fresh_for(headers: &HeaderMap) -> Option<Duration> {
    let mut max_age: Option<u64> = None;
    for directive in texts(headers, &header::CACHE_CONTROL).flat_map(|line| line.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return None,
            "max-age" => {
                let seconds = value.trim().trim_matches('"').parse().unwrap_or(0);
                max_age = Some(max_age.map_or(seconds, |other| other.min(seconds)));
            }
            _ => {}
        }
    }
    let left = Duration::from_secs(max_age?).checked_sub(age(headers).ok()?.unwrap_or_default())?;
    (!left.is_zero()).then_some(left.min(LONGEST))
}

/// `Age`, if there is one; the greatest of many. An error if there is one that is no number.
pub(super) fn age(headers: &HeaderMap) -> Result<Option<Duration>, ()> {
    let ages: Result<Vec<u64>, ()> = headers
        .get_all(header::AGE)
        .iter()
        .map(|value| value.to_str().ok().and_then(|text| text.trim().parse().ok()).ok_or(()))
        .collect();
    Ok(ages?.into_iter().max().map(Duration::from_secs))
}

/// The values of a header that are text.
pub(super) fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(lines: &[(&'static str, &str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        fresh_for(&headers).map(|fresh| fresh.as_secs())
    }

    #[test]
    fn an_answer_is_fresh_for_its_max_age_less_its_age() {
        let control = |value| ("cache-control", value);
        assert_eq!(seconds(&[control("public, max-age=30, s-maxage=300")]), Some(30));
        assert_eq!(seconds(&[control("MAX-AGE=\"30\""), ("age", "12")]), Some(18));
        assert_eq!(seconds(&[control("max-age=30"), control("max-age=10")]), Some(10));
        assert_eq!(seconds(&[control("max-age=30"), ("age", "3"), ("age", "29")]), Some(1));
        assert_eq!(seconds(&[control("max-age=18446744073709551615")]), Some(86_400));
    }

    #[test]
    fn nothing_else_is_kept() {
        let control = |value| ("cache-control", value);
        for lines in [
            &[][..],
            &[control("public, s-maxage=300")],
            &[control("max-age=30, no-store")],
            &[control("no-cache"), control("max-age=30")],
            &[control("max-age=x")],
            &[control("max-age=-1")],
            &[control("max-age=30"), ("age", "30")],
            &[control("max-age=30"), ("age", "300")],
            &[control("max-age=30"), ("age", "x")],
            &[control("max-age=30"), ("age", "18446744073709551616")],
        ] {
            assert_eq!(seconds(lines), None, "{lines:?}");
        }
    }
}
