//! The client of cell answers under load, and answers compared with the exact endpoint's.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cellar_loadtest::record::{Failure, Tier};
use cellar_loadtest::run::{Mode, RunSettings};
use geo_index::edge::CacheCell;

use crate::support::{HERE, run, settings};

const SECOND: Duration = Duration::from_secs(1);

/// What the exact endpoint says.
#[derive(Clone, Copy, PartialEq)]
enum Exact {
    /// There is nothing anywhere, as cells say.
    Nothing,
    /// There is a place right here, of which no cell knows.
    Place,
    Fails,
}

fn empty_cell(cell: &str) -> Response {
    let horizon = cell.parse::<CacheCell>().unwrap().horizon().get();
    let status = (HeaderName::from_static("cache-status"), "cellar-l1; fwd=miss, edge; hit");
    let body = format!(
        r#"{{"type":"FeatureCollection","cell":"{cell}","certified_radius_m":{horizon},"features":[]}}"#
    );
    ([status], body).into_response()
}

fn exact_answer(exact: Exact) -> Response {
    let (lat, lon) = HERE;
    match exact {
        Exact::Nothing => r#"{"type":"FeatureCollection","features":[]}"#.into_response(),
        Exact::Place => format!(
            r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","id":"a","distance_m":0,"properties":{{}},
                "geometry":{{"type":"Point","coordinates":[{lon},{lat}]}}}}]}}"#
        )
        .into_response(),
        Exact::Fails => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// A server whose cells are all empty, or all fail.
fn serve(cells_work: bool, exact: Exact) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    let cells = move |Path((_, cell)): Path<(String, String)>| async move {
        if cells_work { empty_cell(&cell) } else { StatusCode::NOT_FOUND.into_response() }
    };
    let nearby = move |RawQuery(_): RawQuery| async move { exact_answer(exact) };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let app = Router::new()
                .route("/v1/collections/{collection}/cells/{cell}/nearby", get(cells))
                .route("/v1/collections/{collection}/nearby", get(nearby));
            axum::serve(listener, app).await.unwrap();
        });
    });
    format!("http://{}", told.recv().unwrap())
}

fn through_cells(url: &str) -> RunSettings {
    RunSettings { mode: Mode::Cell, verify: 1.0, ..settings(url, SECOND) }
}

/// Everybody looks 200 km far, for which one empty cell is not enough: the horizon is shorter.
#[test]
fn tries_and_certificates_are_counted() {
    let finished = run(50.0, through_cells(&serve(true, Exact::Nothing)));
    let total = finished.recorder.total();
    assert_eq!((total.succeeded.count(), total.certified.1), (50, 50), "{:?}", total.failures);
    assert!(total.tries >= 50);
    // Exchanges of the comparison are no part of the measurement, nor is that for the density map.
    assert_eq!(total.exchanges, total.tries + total.certified.1 - total.certified.0);
    assert_eq!(total.tier(Tier::Edge).hits, total.tries);
    assert_eq!((finished.recorder.verified.compared, finished.recorder.verified.differ), (50, 0));
}

#[test]
fn a_difference_is_found_and_told() {
    let mut narrow = through_cells(&serve(true, Exact::Place));
    narrow.verify = 1.0;
    let plan = crate::support::narrow_plan(50.0, &narrow, 5_000.0);
    let finished = crate::support::begin(narrow, plan).finish().unwrap();
    let verified = finished.recorder.verified;
    assert_eq!((verified.compared, verified.differ), (50, 50));
    assert_eq!(verified.examples.len(), 10);
    assert!(verified.examples[0].contains("`a`"), "{}", verified.examples[0]);
    assert_eq!(finished.recorder.regions[0].certified, (50, 50));
}

#[test]
fn without_cells_there_is_the_exact_endpoint_and_without_both_a_failure() {
    let total = run(20.0, through_cells(&serve(false, Exact::Nothing))).recorder.total();
    assert_eq!((total.succeeded.count(), total.certified), (20, (0, 20)));
    let finished = run(20.0, through_cells(&serve(false, Exact::Fails)));
    let total = finished.recorder.total();
    assert_eq!(total.failures.get(&Failure::ServerError), Some(&20), "{:?}", total.failures);
    assert_eq!(finished.recorder.verified.compared + finished.recorder.verified.unknown, 0);
}
