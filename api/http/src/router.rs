//! Paths and what answers them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{Method, StatusCode, Uri};
use axum::response::IntoResponse as _;
use axum::routing::MethodRouter;
use geo_index::HALF_CIRCUMFERENCE;

use crate::middleware::cors;
use crate::middleware::observe::{Observed, data, open};
use crate::middleware::route::is_write;
use crate::params::cell_url;
use crate::paths;
use crate::problem::Problem;
use crate::routes::{
    self, batch, categories, cell_counts, cells, changes, collections, edge_map, explorer, health, imports,
    item, items, landing, live, nearby, nearby_batch, openapi, pages, ping, problems, search, tiles,
};
use crate::state::AppState;

/// The API.
pub fn router(state: AppState) -> Router {
    let routes = routes().into_iter();
    let router = routes.fold(Router::new(), |router, route| {
        let path = route.path;
        router.route(path, route.into_handlers())
    });
    let router = paths::NEARBY_BATCH_ESCAPED.into_iter().fold(router, |router, path| {
        router.route(path, Route::data(path).post(nearby_batch::post).into_handlers())
    });
    router.fallback(open(unknown_route)).with_state(state)
}

/// Every path of the router, with its methods.
pub fn routes() -> Vec<Route> {
    data_routes().into_iter().chain(open_routes()).collect()
}

/// A path and what answers it.
#[derive(Debug)]
pub struct Route {
    /// Path, with parameters in braces.
    pub path: &'static str,
    /// Whether it is data, whose requests have a deadline, are shed under load and need a token to write.
    pub is_data: bool,
    /// Methods that it takes, HEAD aside, which every GET answers as well.
    pub methods: Vec<Method>,
    handlers: MethodRouter<AppState>,
}

impl Route {
    fn data(path: &'static str) -> Self {
        Self { path, is_data: true, methods: Vec::new(), handlers: MethodRouter::new() }
    }

    fn open(path: &'static str) -> Self {
        Self { path, is_data: false, methods: Vec::new(), handlers: MethodRouter::new() }
    }

    /// What answers, whatever the method.
    fn into_handlers(self) -> MethodRouter<AppState> {
        let methods: Arc<[Method]> = self.methods.into();
        let other = async move |State(state): State<AppState>, request: Request| {
            let preflight = cors::preflight(&state.config.cors, &request, &methods);
            // The router adds which methods there are.
            preflight.unwrap_or_else(|| StatusCode::METHOD_NOT_ALLOWED.into_response())
        };
        // Answers to preflights are those of probes: they need nothing, and no page can do without.
        self.handlers.fallback(open(other))
    }

    /// Those of the methods that change something.
    pub fn writes(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().filter(|method| is_write(method, Some(self.path)))
    }

    fn get<T: 'static>(self, handler: impl Handler<T, AppState>) -> Self {
        self.with(Method::GET, handler, MethodRouter::get)
    }

    fn put<T: 'static>(self, handler: impl Handler<T, AppState>) -> Self {
        self.with(Method::PUT, handler, MethodRouter::put)
    }

    fn post<T: 'static>(self, handler: impl Handler<T, AppState>) -> Self {
        self.with(Method::POST, handler, MethodRouter::post)
    }

    fn delete<T: 'static>(self, handler: impl Handler<T, AppState>) -> Self {
        self.with(Method::DELETE, handler, MethodRouter::delete)
    }

    fn with<H>(
        mut self,
        method: Method,
        handler: H,
        add: fn(MethodRouter<AppState>, Observed<H>) -> MethodRouter<AppState>,
    ) -> Self {
        let handler = if self.is_data { data(handler) } else { open(handler) };
        self.handlers = add(self.handlers, handler);
        self.methods.push(method);
        self
    }
}

/// Data: requests have a deadline, are shed under load, and writes take a token.
fn data_routes() -> [Route; 20] {
    [
        Route::data(paths::COLLECTIONS).get(collections::list),
        Route::data(paths::COLLECTION)
            .get(collections::get)
            .put(collections::put)
            .delete(collections::delete),
        Route::data(paths::CATEGORIES).get(categories::list),
        Route::data(paths::NEARBY).get(nearby::nearby),
        Route::data(paths::NEARBY_BATCH).post(nearby_batch::post),
        Route::data(paths::SEARCH).get(search::get).post(search::post),
        Route::data(paths::CELL_NEARBY).get(cells::nearby),
        Route::data(paths::CELLS).get(cell_counts::cells),
        Route::data(paths::TILES).get(tiles::tile_json),
        Route::data(paths::TILE).get(tiles::tile),
        Route::data(paths::EDGE_MAP).get(edge_map::get),
        Route::data(paths::PAGES).get(pages::pages),
        Route::data(paths::ITEMS).get(items::items).post(batch::post),
        Route::data(paths::ITEM).get(item::get).put(item::put).delete(item::delete),
        Route::data(paths::IMPORTS).get(imports::list).post(imports::post),
        Route::data(paths::IMPORT).get(imports::get).delete(imports::delete),
        Route::data(paths::IMPORT_CANCEL).post(imports::cancel),
        Route::data(paths::IMPORT_REJECTS).get(imports::rejects),
        Route::data(paths::CHANGES).get(changes::changes),
        Route::data(paths::WATCH).get(live::live),
    ]
}

/// Probes and documents: they answer even when nothing else does.
fn open_routes() -> [Route; 15] {
    [
        Route::open(paths::LANDING).get(landing::landing),
        Route::open(paths::API).get(landing::api),
        Route::open(paths::API_SLASH).get(landing::api_slash),
        Route::open(paths::COLLECTIONS_AT_ROOT).get(landing::collections),
        Route::open(paths::CONFORMANCE).get(landing::conformance),
        Route::open(paths::API_CONFORMANCE).get(landing::api_conformance),
        Route::open(paths::EXPLORER).get(explorer::explorer),
        Route::open(paths::LIVE).get(health::live),
        Route::open(paths::READY).get(health::ready),
        Route::open(paths::HEALTH).get(ping::health),
        Route::open(paths::METRICS).get(health::metrics),
        Route::open(paths::OPENAPI).get(openapi::openapi_json),
        Route::open(paths::OPENAPI_3_0).get(openapi::openapi_3_0_json),
        Route::open(paths::PROBLEMS).get(problems::list),
        Route::open(paths::PROBLEM).get(problems::get),
    ]
}

/// An empty segment is no route, but it is part of the path of a cell answer (docs/EDGE.md, P4 and P5).
async fn unknown_route(uri: Uri) -> Problem {
    cell_url(&uri, HALF_CIRCUMFERENCE, |_, _| None).err().unwrap_or_else(routes::unknown_route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_listed_and_served() {
        let served: Vec<_> = routes().iter().map(|route| route.path).collect();
        assert_eq!(served, paths::ALL);
    }
}
