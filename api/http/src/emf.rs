//! Metrics in the log, in `CloudWatch`'s Embedded Metric Format: one line for each route that answered.
//!
//! Invariant: dimensions are the region and the route's template; nothing that has many values is one. What the
//! process is like, rather than an answer, has the region alone.

use std::fmt::Write as _;
use std::io::Write as _;

use cellar_cache::clock::{Clock as _, SystemClock};
use cellar_search::pages::PageCache;
use serde_json::{Map, Value, json};

use crate::request_stats::Answers;
use crate::state::AppState;
use crate::telemetry::breaker_open;

/// Namespace of the metrics in `CloudWatch`.
pub const NAMESPACE: &str = "Cellar";

/// 0 while Redis is asked, 1 while it is left alone, 0.5 while one call tries. Not there without Redis.
pub const BREAKER_OPEN: &str = "l2_breaker_open";

/// Writes what was answered since the last time to standard output, which becomes the function's log.
pub fn write(state: &AppState) {
    let lines = lines(state, SystemClock.unix_ms());
    if lines.is_empty() {
        return;
    }
    // Nobody is left to tell if the log is gone.
    let _ = std::io::stdout().lock().write_all(lines.as_bytes());
}

/// Every metric that may be written.
pub fn names() -> impl Iterator<Item = &'static str> {
    let busy = Answers { searches: 1, ..Answers::default() };
    metrics(&busy).into_iter().map(|(name, _, _)| name).chain([BREAKER_OPEN])
}

/// The lines, each with its end.
pub fn lines(state: &AppState, unix_ms: u64) -> String {
    let mut lines = String::new();
    let Some(stats) = &state.request_stats else { return lines };
    let open = state.cache.as_ref().and_then(PageCache::breaker).map(breaker_open);
    for (route, answers) in stats.take() {
        let mut document = document(&state.config.region, &route, &answers, unix_ms);
        if let Some(open) = open {
            add_breaker(&mut document, open);
        }
        let _ = writeln!(lines, "{document}");
    }
    lines
}

fn document(region: &str, route: &str, answers: &Answers, unix_ms: u64) -> Value {
    let metrics = metrics(answers);
    let definitions: Vec<Value> =
        metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let mut document = Map::new();
    document.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": unix_ms,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["region", "route"], ["region"]],
                "Metrics": definitions,
            }],
        }),
    );
    document.insert("region".to_owned(), region.into());
    document.insert("route".to_owned(), route.into());
    document.extend(metrics.into_iter().map(|(name, _, value)| (name.to_owned(), value)));
    Value::Object(document)
}

/// Adds whether Redis is left alone ([`breaker_open`]), as a metric of the region.
fn add_breaker(document: &mut Value, open: f64) {
    let directive = json!({
        "Namespace": NAMESPACE,
        "Dimensions": [["region"]],
        "Metrics": [{ "Name": BREAKER_OPEN, "Unit": "None" }],
    });
    if let Some(directives) = document["_aws"]["CloudWatchMetrics"].as_array_mut() {
        directives.push(directive);
    }
    document[BREAKER_OPEN] = open.into();
}

/// Names, units and values. Those of searches are there only if there was one.
fn metrics(answers: &Answers) -> Vec<(&'static str, &'static str, Value)> {
    let count = |name, value: u64| (name, "Count", value.into());
    let mut metrics = vec![
        count("requests", answers.requests),
        count("client_errors", answers.client_errors),
        count("server_errors", answers.server_errors),
        ("duration", "Milliseconds", answers.durations_ms.clone().into()),
    ];
    if answers.searches > 0 {
        metrics.extend([
            count("searches", answers.searches),
            count("search_rounds", answers.rounds),
            count("search_pages", answers.pages),
            count("l1_hits", answers.l1_hits),
            count("l1_misses", answers.l1_misses),
            count("l2_hits", answers.l2_hits),
            count("l2_misses", answers.l2_misses),
            count("store_queries", answers.queries),
            ("store_read_units", "Count", answers.read_units.into()),
        ]);
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_defined_and_there() {
        let answers =
            Answers { requests: 2, searches: 1, durations_ms: vec![1.5, 2.5], ..Answers::default() };
        let document = document("eu-west-1", "/a/{b}", &answers, 7);
        let directive = &document["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&document["_aws"]["Timestamp"], &directive["Namespace"]), (&json!(7), &json!("Cellar")));
        for metric in directive["Metrics"].as_array().unwrap() {
            let value = &document[metric["Name"].as_str().unwrap()];
            assert!(value.is_number() || value.is_array(), "{metric}");
        }
        for dimension in
            directive["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap())
        {
            assert!(document[dimension.as_str().unwrap()].is_string(), "{dimension}");
        }
        assert_eq!(document["duration"], json!([1.5, 2.5]));
        assert!(super::document("r", "-", &Answers::default(), 7).get("searches").is_none());
    }
    #[test]
    fn the_breaker_is_a_metric_of_the_region_alone() {
        let mut document = document("eu-west-1", "/a/{b}", &Answers::default(), 7);
        assert!(document.get(BREAKER_OPEN).is_none());
        add_breaker(&mut document, 0.5);
        let directives = document["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(directives[1]["Dimensions"], json!([["region"]]));
        assert_eq!(directives[1]["Metrics"][0]["Name"], BREAKER_OPEN);
        assert_eq!((&document[BREAKER_OPEN], directives.len()), (&json!(0.5), 2));
    }
}
