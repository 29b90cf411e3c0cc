//! How long a client may keep an answer (RFC 9111, as far as a private cache without revalidation needs it).

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};

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
    use serde_json::Value;

    use super::*;

    /// `vectors/lifetimes.json`: what clients in every language must say.
    #[test]
    fn an_answer_is_fresh_for_its_max_age_less_its_age() {
        let vectors: Value = serde_json::from_str(include_str!("../vectors/lifetimes.json")).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let mut headers = HeaderMap::new();
            for line in case["headers"].as_array().unwrap() {
                let [name, value] = [0, 1].map(|i| line[i].as_str().unwrap());
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, value.parse().unwrap());
            }
            assert_eq!(fresh_for(&headers).map(|fresh| fresh.as_secs()), case["seconds"].as_u64(), "{case}");
        }
    }
}
