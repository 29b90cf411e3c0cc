//! Paths and what answers them.

use axum::Router;
use axum::handler::Handler;
use axum::http::{StatusCode, Uri};
use axum::routing::MethodRouter;

use crate::middleware::observe::{data, open};
use crate::params::cell_url;
use crate::problem::Problem;
use crate::routes::{
    self, batch, cells, collections, edge_map, health, item, items, nearby, openapi, ping, problems,
};
use crate::state::AppState;

/// The API.
pub fn router(state: AppState) -> Router {
    let routes = data_routes().into_iter().chain(open_routes());
    let router = routes.fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    router.fallback(open(unknown_route)).with_state(state)
}

/// Every path of the router, for the test that compares them with the document.
pub fn paths() -> Vec<&'static str> {
    open_routes().into_iter().chain(data_routes()).map(|(path, _)| path).collect()
}

/// Data: requests have a deadline, are shed under load, and writes take a token.
fn data_routes() -> Vec<(&'static str, MethodRouter<AppState>)> {
    let methods = || MethodRouter::new().fallback(data(unknown_method));
    vec![
        ("/v1/collections", methods().get(data(collections::list))),
        ("/v1/collections/{collection}", methods().get(data(collections::get)).put(data(collections::put))),
        ("/v1/collections/{collection}/nearby", methods().get(data(nearby::nearby))),
        ("/v1/collections/{collection}/cells/{cell}/nearby", methods().get(data(cells::nearby))),
        ("/v1/collections/{collection}/edge-map", methods().get(data(edge_map::get))),
        ("/v1/collections/{collection}/items", methods().get(data(items::items)).post(data(batch::post))),
        (
            "/v1/collections/{collection}/items/{id}",
            methods().get(data(item::get)).put(data(item::put)).delete(data(item::delete)),
        ),
    ]
}

/// Probes and documents: they answer even when nothing else does.
fn open_routes() -> Vec<(&'static str, MethodRouter<AppState>)> {
    vec![
        ("/", get(health::landing)),
        ("/live", get(health::live)),
        ("/ready", get(health::ready)),
        ("/health", get(ping::health)),
        ("/metrics", get(health::metrics)),
        ("/openapi.json", get(openapi::openapi_json)),
        ("/problems", get(problems::list)),
        ("/problems/{problem}", get(problems::get)),
    ]
}

fn get<H, T>(handler: H) -> MethodRouter<AppState>
where
    H: Handler<T, AppState>,
    T: 'static,
{
    MethodRouter::new().get(open(handler)).fallback(open(unknown_method))
}

/// The router adds which methods there are.
async fn unknown_method() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

/// An empty segment is no route, but it is part of the path of a cell answer (docs/EDGE.md, P4 and P5).
async fn unknown_route(uri: Uri) -> Problem {
    cell_url(&uri, |_, _| None).err().unwrap_or_else(routes::unknown_route)
}
