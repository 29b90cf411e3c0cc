//! The figures that the edge is meant to reach, on real places where they are available.

use std::path::{Path, PathBuf};

use cellar_jobs::edge_plan::{Case, Crowd, Homes, Plan, Scheme, SchemeReport, Stream, plan};
use cellar_jobs::import::{Input, ReadOptions, read_whole};
use cellar_model::demo;
use cellar_model::place::Place;
use geo_index::edge::synthetic::PopulationCentre;
use serde_json::Value;

use cellar_test_kit::data_file;

fn read(path: &Path) -> Vec<Place> {
    let mut places = Vec::new();
    let read = |place| places.extend(Result::ok(place));
    read_whole(Input::File(path.to_owned()), &ReadOptions::default(), read).unwrap();
    places
}

/// Where the people of a country live, by a file of places with their population.
fn homes(path: &Path, country: &str) -> Vec<PopulationCentre> {
    let home = |place: &Place| {
        let properties: Value = serde_json::from_str(place.properties.as_json()).unwrap();
        let population =
            properties["population"].as_f64().or_else(|| properties["population"].as_str()?.parse().ok());
        Some(PopulationCentre {
            position: place.position,
            population: population.filter(|_| properties["country"] == country)?,
        })
    };
    read(path).iter().filter_map(home).collect()
}

fn by_the_map(places: &[Place], stream: &Stream) -> SchemeReport {
    let job =
        Plan { schemes: vec![Scheme::Map], cases: vec![Case::of(300.0)], sample: 50, ..Plan::default() };
    plan(&job, places, stream, |_, _| {}).schemes.remove(0)
}

/// A fifth of the reference stream: fewer requests hit less often.
#[test]
fn the_density_map_reaches_what_it_is_meant_to() {
    let files: Option<Vec<PathBuf>> = ["breweries.csv", "cities.csv"].map(data_file).into_iter().collect();
    let Some([breweries, cities]) = files.as_deref() else {
        println!("the real places are not there: generated ones stand in for them");
        let places: Vec<Place> = demo::places(20_000, 1).collect();
        let positions: Vec<_> = places.iter().map(|place| place.position).collect();
        let report = by_the_map(&places, &Crowd::Strangers.stream(Homes::At(&positions), 6_000, 60.0, 1));
        assert!(report.first_try >= 0.9 && report.two_tries >= report.first_try, "{report:?}");
        return;
    };
    let stream = Crowd::Strangers.stream(Homes::Around(&homes(cities, "US")), 36_000, 60.0, 1);
    let report = by_the_map(&read(breweries), &stream);
    assert!(report.cases[0].hit_ratio >= 0.9, "{report:?}");
    assert!(report.first_try >= 0.95 && report.two_tries >= 0.99, "{report:?}");
    assert!(report.brotli_bytes <= 12_000.0, "{report:?}");
}
