//! What must hold of every parser of what strangers send: it neither panics nor loops, and what it reads is read as the
//! same when it is written again.
//!
//! ```sh
//! cargo install cargo-fuzz
//! cd api/fuzz
//! cargo +nightly fuzz run geojson seeds/geojson      # until it is stopped
//! cargo test --no-default-features                   # the seeds, damaged at random, on any toolchain
//! ```

use std::fmt::{Debug, Display};
use std::str::{FromStr, from_utf8};
use std::sync::Arc;

use cellar_changes::record::{Image, Texts, meaning};
use cellar_http::params::{QueryText, parse_search_body};
use cellar_input::{Input, ReadOptions, Records};
use cellar_lambda::event::Event;
use cellar_model::access_log::LogParser;
use cellar_model::canonical::{Canonical, canonical};
use cellar_model::cursor::{Cursor, Fingerprint, SortedKey};
use cellar_model::filter::Filter;
use cellar_model::geojson::{IdRule, parse_feature, parse_feature_collection};
use cellar_model::key::BaseKey;
use cellar_model::{Category, Collection, PageKey, PlaceId};
use geo_index::edge::CacheCell;
use geo_index::tree::{BoxKey, BoxQuery, NearbyKey, NearbyQuery};
use geo_index::{BBox, GeohashCell, H3Cell, HALF_CIRCUMFERENCE, Leaf, Position};
use lambda_http::request::LambdaRequest;

/// A query string: refused, or its link is read as the same.
pub fn query(data: &[u8]) {
    const KNOWN: [&str; 6] = ["lat", "lon", "radius", "limit", "category", "cursor"];
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(query) = QueryText::parse(Some(text), &KNOWN) {
        let link = query.link("/p");
        let again = link.split_once('?').map(|(_, query)| query);
        let again = QueryText::parse(again, &KNOWN).unwrap_or_else(|_| panic!("{link}"));
        assert_eq!(again.link("/p"), link);
    }
}

/// A cursor: refused, or it is the one that is written for what it says.
pub fn cursor(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let collection: Collection = "places".parse().expect("a name");
    let limit = std::num::NonZeroUsize::MIN;
    let origin = Position::new(1.0, 2.0).expect("a position");
    let near = NearbyQuery { origin, radius: HALF_CIRCUMFERENCE, limit, category: None, after: None };
    let near = Fingerprint::of_nearby(&collection, &near);
    if let Ok(key) = NearbyKey::from_cursor(text, near) {
        assert_eq!(NearbyKey::from_cursor(&key.to_cursor(near), near), Ok(key));
    }
    if let Ok(key) = SortedKey::from_cursor(text, near) {
        let again = SortedKey::from_cursor(&key.to_cursor(near), near);
        assert_eq!(again, Ok(key));
    }
    let area = BoxQuery { bbox: BBox::WORLD, limit, category: None, after: None };
    let area = Fingerprint::of_box(&collection, &area);
    if let Ok(key) = BoxKey::from_cursor(text, area) {
        assert_eq!(BoxKey::from_cursor(&key.to_cursor(area), area), Ok(key));
    }
}

/// A filter: refused at a character that it has or one behind, or its canonical text is read as the same.
pub fn filter(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    match text.parse::<Filter>() {
        Ok(filter) => {
            let canonical = filter.to_string();
            // The canonical text may be longer than a filter may be.
            if let Ok(again) = canonical.parse::<Filter>() {
                assert_eq!(again, filter, "{canonical}");
            }
            filter.holds(
                "a",
                &|| Some(1.0),
                br#""id":"a","properties":{"rating":4,"name":["x",null,{"y":1e400}]}}"#,
            );
        }
        Err(error) => assert!((1..=text.chars().count() + 1).contains(&error.position), "{error}"),
    }
}

/// The body of a search within a shape: refused, or a shape that can be asked.
pub fn search(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let collection: Collection = "places".parse().expect("a name");
    if let Ok(params) = parse_search_body(text, &collection, std::time::SystemTime::UNIX_EPOCH) {
        let region = params.selection.region.expect("a search has a shape");
        for step in 0..40 {
            let lat = f64::from(step) * 4.5 - 90.0;
            region.contains(Position::new(lat, lat * 2.0).expect("a position"));
        }
    }
}

/// Names, cells and keys print back.
pub fn names(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    prints_back::<CacheCell>(text);
    prints_back::<GeohashCell>(text);
    prints_back::<H3Cell>(text);
    prints_back::<Leaf>(text);
    prints_back::<Collection>(text);
    prints_back::<PlaceId>(text);
    prints_back::<Category>(text);
    prints_back::<BaseKey>(text);
    prints_back::<PageKey>(text);
}

fn prints_back<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string().parse::<T>().ok(), Some(read), "{text}");
    }
}

/// The URL of a cell answer: a canonical URL is its own canonical URL.
pub fn url(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if let Ok(Canonical::Cell(cell)) = canonical(path, query, HALF_CIRCUMFERENCE, |_, _| None) {
        let again = canonical(&cell.path(), &cell.query(), HALF_CIRCUMFERENCE, |_, _| None);
        assert_eq!(again, Ok(Canonical::Cell(cell)));
    }
}

/// Features: what is stored of one is read as the same place.
pub fn geojson(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(place) = parse_feature(text, IdRule::Member) {
        let again = parse_feature(&place.feature(), IdRule::Member);
        assert_eq!(again.as_ref().map(cellar_model::place::Place::feature), Ok(place.feature()));
    }
    let _ = parse_feature_collection(text, 10);
}

/// A file of any format: every record is a place or a reason.
pub fn file(data: &[u8]) {
    let input = Input::Stream(Box::new(std::io::Cursor::new(data.to_vec())));
    let options = ReadOptions { generate_ids: data.len() % 2 == 0, ..ReadOptions::default() };
    if let Ok(mut records) = Records::open(input.sources(), options, Arc::default(), None) {
        while let Ok(Some(_)) = records.next_record() {}
    }
}

/// A record of the stream, as texts between line ends.
pub fn record(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let mut parts = text.split('\n').map(|part| Some(part).filter(|part| !part.is_empty()));
    let mut next = || parts.next().flatten();
    let key = next();
    let mut image = || Image { root: next(), leaf: next(), categories: [next(), next(), next(), next()] };
    let (old, new) = (image(), image());
    let _ = meaning(Texts { key, old: Some(old), new: None });
    let _ = meaning(Texts { key, old: Some(old), new: Some(new) });
}

/// An event of the function.
pub fn event(data: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<LambdaRequest>(data) {
        let _ = Event::of(request);
    }
}

/// A value in Redis.
pub fn envelope(data: &[u8]) {
    cellar_cache::fuzz::envelope(data);
}

/// A message on the bus.
pub fn message(data: &[u8]) {
    cellar_cache::fuzz::message(data);
}

/// Lines of an access log: each is a request, or an error.
pub fn access_log(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let mut parser = LogParser::default();
    for line in text.lines() {
        let Ok(Some(request)) = parser.parse(line) else { continue };
        let _ = request.at_ns();
        let Some(search) = request.search() else { continue };
        let position = search.position();
        let _ = (search.radius(), search.limit(), search.category(), search.continues(), search.collection());
        assert!(position.is_err() || position.is_ok_and(|at| at.lat().abs() <= 90.0));
    }
}

/// The header `Cache-Status`.
pub fn cache_status(data: &[u8]) {
    if let Ok(text) = from_utf8(data) {
        cellar_loadtest::fuzz::cache_status(text);
    }
}
