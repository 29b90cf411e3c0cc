//! The route of a request, and whether that writes.

use axum::extract::MatchedPath;
use axum::http::{Extensions, Method};

use crate::paths;

/// Whether a method of a route may change something.
pub fn is_write(method: &Method, route: Option<&str>) -> bool {
    let only_reads =
        *method == Method::POST && route.is_some_and(|route| paths::READS_BY_POST.contains(&route));
    !only_reads && !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The route of a request, once the router has found it.
pub fn route_of(extensions: &Extensions) -> Option<&str> {
    let route = extensions.get::<MatchedPath>()?.as_str();
    Some(if paths::NEARBY_BATCH_ESCAPED.contains(&route) { paths::NEARBY_BATCH } else { route })
}

/// Whether a route is for those who may write, whatever the method: imports tell of data that is not stored.
pub fn is_of_writers(route: &str) -> bool {
    route.starts_with(paths::IMPORTS)
}
