//! Paths and what answers them.

use axum::Router;
use axum::http::Uri;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get};

use crate::middleware::observe;
use crate::params::cell_url;
use crate::problem::Problem;
use crate::routes::{
    self, batch, cells, collections, edge_map, health, item, items, nearby, openapi, problems,
};
use crate::state::AppState;

/// The API.
pub fn router(state: AppState) -> Router {
    // One layer each: a layer costs every request a clone of all that is below it.
    let limited =
        collect(limited_routes()).layer(from_fn_with_state(state.clone(), observe::observe_admitted));
    collect(open_routes())
        .fallback(unknown_route)
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .merge(limited)
        .with_state(state)
}

/// Every path of the router, for the test that compares them with the document.
pub fn paths() -> Vec<&'static str> {
    open_routes().into_iter().chain(limited_routes()).map(|(path, _)| path).collect()
}

/// Data: requests have a deadline, are shed under load, and writes take a token.
fn limited_routes() -> Vec<(&'static str, MethodRouter<AppState>)> {
    vec![
        ("/v1/collections", get(collections::list)),
        ("/v1/collections/{collection}", get(collections::get).put(collections::put)),
        ("/v1/collections/{collection}/nearby", get(nearby::nearby)),
        ("/v1/collections/{collection}/cells/{cell}/nearby", get(cells::nearby)),
        ("/v1/collections/{collection}/edge-map", get(edge_map::get)),
        ("/v1/collections/{collection}/items", get(items::items).post(batch::post)),
        ("/v1/collections/{collection}/items/{id}", get(item::get).put(item::put).delete(item::delete)),
    ]
}

/// Probes and documents: they answer even when nothing else does.
fn open_routes() -> Vec<(&'static str, MethodRouter<AppState>)> {
    vec![
        ("/", get(health::landing)),
        ("/live", get(health::live)),
        ("/ready", get(health::ready)),
        ("/health", get(health::health)),
        ("/metrics", get(health::metrics)),
        ("/openapi.json", get(openapi::openapi_json)),
        ("/problems", get(problems::list)),
        ("/problems/{problem}", get(problems::get)),
    ]
}

fn collect(routes: Vec<(&'static str, MethodRouter<AppState>)>) -> Router<AppState> {
    routes.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

/// An empty segment is no route, but it is part of the path of a cell answer (docs/EDGE.md, P4 and P5).
async fn unknown_route(uri: Uri) -> Problem {
    cell_url(&uri, |_, _| None).err().unwrap_or_else(routes::unknown_route)
}
