//! What the headers of an answer say: which tier it came from, whether its instance was cold, what it cost.
//!
//! | header | what is read |
//! |---|---|
//! | `Cache-Status` | members `edge`, `cellar-rendered`, `cellar-l1`, `cellar-l2` (docs/CACHING.md, docs/EDGE.md) |
//! | `X-Cache` | what CloudFront says, unless there is a member `edge` |
//! | `Server-Timing` | `queries` and `read-units`, both as `desc` |
//! | `x-cellar-read-units` | DynamoDB read request units |
//! | `x-cellar-cold`, `x-cellar-instance` | cold starts |
//!
//! Invariant: an answer from the edge says nothing about the origin: its other headers are those of an earlier request.

use std::hash::BuildHasher as _;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::cache_status::{Member, members};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const READ_UNITS: HeaderName = HeaderName::from_static("x-cellar-read-units");
const COLD: HeaderName = HeaderName::from_static("x-cellar-cold");
const INSTANCE: HeaderName = HeaderName::from_static("x-cellar-instance");

/// Where an answer came from, the nearest to the user first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// A shared HTTP cache: nginx, CloudFront.
    Edge,
    /// Rendered answers in the memory of the process.
    Rendered,
    /// Pages in the memory of the process.
    L1,
    /// Pages in Redis.
    L2,
    /// The table.
    Database,
    /// The answer does not say.
    #[default]
    Undeclared,
}

impl Tier {
    /// All, in order.
    pub const ALL: [Self; 6] =
        [Self::Edge, Self::Rendered, Self::L1, Self::L2, Self::Database, Self::Undeclared];
    /// The caches: tiers that can hit or miss.
    pub const CACHES: [Self; 4] = [Self::Edge, Self::Rendered, Self::L1, Self::L2];

    /// Its name in reports and conditions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Rendered => "rendered",
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::Database => "database",
            Self::Undeclared => "undeclared",
        }
    }

    fn of_cache(name: &str) -> Option<Self> {
        match name {
            "edge" => Some(Self::Edge),
            "cellar-rendered" => Some(Self::Rendered),
            "cellar-l1" => Some(Self::L1),
            "cellar-l2" => Some(Self::L2),
            _ => None,
        }
    }
}

/// The lookup of an answer in a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheLookup {
    /// Whether the cache had everything that was needed.
    pub hit: bool,
    /// Pages found, of the pages looked up.
    pub pages: (u32, u32),
}

/// What the headers of an answer say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResponseInfo {
    /// Lookups by cache, in the order of [`Tier::CACHES`]; `None` where there was none.
    pub caches: [Option<CacheLookup>; 4],
    /// Where the answer came from.
    pub served: Tier,
    /// Whether it was the first answer of its instance.
    pub cold: bool,
    /// A hash of the instance's name.
    pub instance: Option<u64>,
    /// DynamoDB Queries.
    pub queries: Option<u32>,
    /// DynamoDB read request units.
    pub read_units: Option<f64>,
}

impl ResponseInfo {
    /// Reads the headers of an answer.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut response = Self::default();
        let mut named = false;
        for value in texts(headers, &CACHE_STATUS) {
            members(value).for_each(|member| response.add(member));
            named = true;
        }
        if response.caches[0].is_none() {
            response.caches[0] = texts(headers, &X_CACHE).next().and_then(x_cache);
        }
        if response.caches[0].is_some_and(|edge| edge.hit) {
            return Self::of_the_edge();
        }
        response.served = response.origin_tier(named);
        response.read_origin(headers);
        response
    }

    /// An answer from the edge: no other tier was looked up or read.
    fn of_the_edge() -> Self {
        let edge = CacheLookup { hit: true, pages: (0, 0) };
        Self {
            caches: [Some(edge), None, None, None],
            served: Tier::Edge,
            queries: Some(0),
            read_units: Some(0.0),
            ..Self::default()
        }
    }

    fn add(&mut self, member: Member<'_>) {
        let Some(tier) = Tier::of_cache(member.name) else { return };
        let pages = member.detail.and_then(pages).unwrap_or_default();
        self.caches[tier as usize] = Some(CacheLookup { hit: member.hit, pages });
    }

    fn origin_tier(&self, named: bool) -> Tier {
        let hit = Tier::CACHES
            .into_iter()
            .find(|&tier| self.caches[tier as usize].is_some_and(|lookup| lookup.hit));
        let asked = self.caches[1..].iter().any(Option::is_some);
        hit.unwrap_or(if named && asked { Tier::Database } else { Tier::Undeclared })
    }

    fn read_origin(&mut self, headers: &HeaderMap) {
        let timing = texts(headers, &SERVER_TIMING).next();
        let described = |name: &str| timing.and_then(|timing| description(timing, name));
        self.queries = described("queries").and_then(|text| text.parse().ok());
        let units = texts(headers, &READ_UNITS).next().or_else(|| described("read-units"));
        self.read_units = units.and_then(|text| text.parse().ok()).filter(|units: &f64| units.is_finite());
        if matches!(self.served, Tier::Rendered) {
            self.queries = self.queries.or(Some(0));
        }
        if self.queries == Some(0) {
            self.read_units = self.read_units.or(Some(0.0));
        }
        self.cold = texts(headers, &COLD).next() == Some("true");
        self.instance =
            headers.get(&INSTANCE).map(|name| foldhash::quality::FixedState::default().hash_one(name));
    }
}

/// The values of a header that are valid text.
fn texts<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers.get_all(name).iter().map(HeaderValue::to_str).filter_map(Result::ok)
}

/// CloudFront's own header: `Hit from cloudfront`, `RefreshHit from cloudfront`, `Miss from cloudfront`.
fn x_cache(value: &str) -> Option<CacheLookup> {
    let (what, _) = value.split_once(" from ")?;
    // For a refresh hit the origin was asked and answered 304: the copy is fresh, but the origin was involved.
    Some(CacheLookup { hit: what == "Hit", pages: (0, 0) })
}

/// `4 of 7`.
fn pages(detail: &str) -> Option<(u32, u32)> {
    let (found, all) = detail.split_once(" of ")?;
    Some((found.parse().ok()?, all.parse().ok()?))
}

/// The `desc` of a metric of `Server-Timing`.
fn description<'t>(timing: &'t str, name: &str) -> Option<&'t str> {
    let mut metrics = timing.split(',').map(str::trim);
    let rest = metrics.find_map(|metric| metric.strip_prefix(name)?.strip_prefix(';'))?;
    rest.split(';').find_map(|part| part.trim().strip_prefix("desc=")).map(|value| value.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&'static str, &str)]) -> ResponseInfo {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        ResponseInfo::of(&headers.iter().map(pair).collect())
    }

    const TIMING: (&str, &str) = (
        "server-timing",
        r#"search;dur=1.000, rounds;desc="3", pages;desc="7", queries;desc="5", load;dur=4.2"#,
    );

    #[test]
    fn the_tier_that_had_it_is_the_nearest_one_that_says_hit() {
        for (status, served) in [
            (r#"cellar-l1; hit; ttl=211; detail="7 of 7""#, Tier::L1),
            (r#"cellar-l2; hit; detail="3 of 3", cellar-l1; fwd=partial; detail="4 of 7""#, Tier::L2),
            (
                r#"cellar-l2; fwd=partial; detail="1 of 3", cellar-l1; fwd=partial; detail="4 of 7""#,
                Tier::Database,
            ),
            ("cellar-rendered; hit, edge; fwd=uri-miss", Tier::Rendered),
            ("cellar-l1; fwd=miss, cellar-rendered; fwd=miss, edge; hit", Tier::Edge),
            ("edge; fwd=uri-miss", Tier::Undeclared),
            ("elsewhere; hit", Tier::Undeclared),
        ] {
            assert_eq!(response(&[("cache-status", status)]).served, served, "{status}");
        }
        assert_eq!(response(&[]).served, Tier::Undeclared);
    }

    #[test]
    fn cloudfront_is_an_edge() {
        assert_eq!(response(&[("x-cache", "Hit from cloudfront")]).served, Tier::Edge);
        let refreshed =
            response(&[("x-cache", "RefreshHit from cloudfront"), ("cache-status", "cellar-l1; hit")]);
        assert_eq!((refreshed.served, refreshed.caches[0].unwrap().hit), (Tier::L1, false));
    }

    #[test]
    fn what_the_edge_kept_is_not_what_this_request_did() {
        let kept =
            [TIMING, ("x-cellar-cold", "true"), ("x-cellar-instance", "i-1"), ("cache-status", "edge; hit")];
        let response = response(&kept);
        assert_eq!((response.cold, response.instance, response.queries), (false, None, Some(0)));
    }

    #[test]
    fn costs_are_those_that_are_declared() {
        let l1 = ("cache-status", "cellar-l1; fwd=miss");
        let found = response(&[l1, TIMING, ("x-cellar-cold", "true")]);
        assert_eq!((found.queries, found.read_units, found.cold), (Some(5), None, true));
        assert_eq!(response(&[l1, TIMING, ("x-cellar-read-units", "2.5")]).read_units, Some(2.5));
        assert_eq!(response(&[("server-timing", r#"queries;desc="0""#)]).read_units, Some(0.0));
        assert_eq!(response(&[("server-timing", "queries;desc=many, read-units")]).queries, None);
    }
}
