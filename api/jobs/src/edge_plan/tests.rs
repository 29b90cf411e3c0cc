//! Streams by hand, whose figures are known.

use cellar_input::{Input, ReadOptions};
use cellar_model::place::Properties;
use geo_index::{Grid, Position, distance};

use super::*;

fn at(lat: f64, lon: f64) -> Position {
    Position::new(lat, lon).unwrap()
}

fn place(id: usize, position: Position) -> Place {
    Place { id: format!("p{id}").parse().unwrap(), position, properties: Properties::empty() }
}

fn request(at_s: f64, lat: f64, lon: f64) -> Request {
    Request { at_s, position: at(lat, lon) }
}

fn run(schemes: &[Scheme], places: &[Place], stream: &Stream) -> Vec<SchemeReport> {
    let job = Plan { ttls_s: vec![5.0, 1_000.0], schemes: schemes.to_vec(), sample: 3, ..Plan::default() };
    let mut told = Vec::new();
    let report = plan(&job, places, stream, |done, total| told.push((done, total)));
    let total = (schemes.len() * stream.requests.len()) as u64;
    assert_eq!(told, (1..=total).map(|done| (done, total)).collect::<Vec<_>>());
    report.schemes
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

#[track_caller]
fn assert_hits(report: &SchemeReport, expected: [(f64, f64); 2]) {
    for (ttl, (hit_ratio, origin_rps)) in report.ttls.iter().zip(expected) {
        assert!(close(ttl.hit_ratio, hit_ratio) && close(ttl.origin_rps, origin_rps), "{report:?}");
    }
}

#[test]
fn users_of_one_cell_share_its_answer() {
    // Ten users in ten seconds a few metres apart: all in gh:u09tv, one brewery in town.
    let positions = (0..10).map(|i| at(48.8566 + f64::from(i) * 1e-5, 2.3522));
    let stream = Stream::paced(positions, 1.0);
    let schemes = [Scheme::Fixed(Grid::Geohash, 5), Scheme::Fixed(Grid::H3, 6), Scheme::Map, Scheme::Raw];
    let reports = run(&schemes, &[place(0, at(48.85, 2.35))], &stream);
    for report in &reports[..3] {
        // Fetched at 0 and 5 s; once.
        assert_hits(report, [(0.8, 0.2), (0.9, 0.1)]);
        assert_eq!((report.urls, report.exact_share), (1, 0.0));
        assert!(close(report.first_try, 1.0) && close(report.mean_tries, 1.0), "{report:?}");
        assert!(close(report.places_per_answer, 1.0) && report.json_bytes > 100.0, "{report:?}");
        assert!(report.brotli_bytes < report.json_bytes && report.brotli_max_bytes > 0, "{report:?}");
    }
    assert_hits(&reports[3], [(0.0, 1.0), (0.0, 1.0)]);
    assert_eq!(reports[3].urls, 10);
}

#[test]
fn raw_coordinates_hit_where_they_repeat() {
    let stream = Stream::paced((0..10).map(|_| at(48.8566, 2.3522)), 1.0);
    let reports = run(&[Scheme::Raw], &[place(0, at(48.85, 2.35))], &stream);
    assert_hits(&reports[0], [(0.8, 0.2), (0.9, 0.1)]);
    assert!(close(reports[0].first_try, 1.0));
}

#[test]
fn what_no_cell_certifies_ends_at_the_exact_endpoint() {
    // 200 places on one point: the list ends before it has told what else is there.
    let crowd: Vec<Place> = (0..200).map(|id| place(id, at(48.8566, 2.3522))).collect();
    let stream = Stream::paced((0..10).map(|_| at(48.8567, 2.3523)), 1.0);
    for report in run(&[Scheme::Fixed(Grid::Geohash, 5), Scheme::Fixed(Grid::H3, 6)], &crowd, &stream) {
        let tries = report.mean_tries;
        assert!(close(report.exact_share, 1.0) && close(report.two_tries, 0.0) && tries > 1.0, "{report:?}");
        // Each search: its cells, each fetched once, and the exact endpoint, which nobody keeps.
        let misses = tries + 10.0;
        assert!(close(report.ttls[1].origin_rps, misses / 10.0), "{report:?}");
        assert!(close(report.ttls[1].hit_ratio, 1.0 - misses / (10.0 * tries + 10.0)), "{report:?}");
        assert!(close(report.places_per_answer, 128.0), "{report:?}");
    }
}

/// 2,000 places within 3 km of Paris.
fn town() -> Vec<Place> {
    let golden = 2.399_963;
    (0..2_000)
        .map(|i| (i, (f64::from(i) / 2_000.0).sqrt() * 0.027, f64::from(i) * golden))
        .map(|(i, away, angle)| {
            place(i as usize, at(48.8566 + away * angle.cos(), 2.3522 + away * angle.sin()))
        })
        .collect()
}

#[test]
fn the_map_saves_tries_and_memory_learns() {
    let stream = Stream::uniform(&town().iter().map(|p| p.position).collect::<Vec<_>>(), 300, 1.0, 1);
    let schemes = [Scheme::Fixed(Grid::Geohash, 3), Scheme::Map, Scheme::Memory, Scheme::MapAndMemory];
    let reports = run(&schemes, &town(), &stream);
    let [coarse, map, memory, both] = &reports[..] else { panic!("{reports:?}") };
    assert!(coarse.first_try < 0.1, "{coarse:?}");
    assert!(map.first_try > 0.95 && both.first_try > 0.9, "{map:?} {both:?}");
    assert!((0.5..1.0).contains(&memory.first_try) && memory.exact_share < 0.05, "{memory:?}");
    assert!(map.urls > coarse.urls / 2 && map.mean_tries < coarse.mean_tries, "{map:?} {coarse:?}");
}

#[test]
fn longer_lists_certify_more() {
    let stream = Stream::uniform(&town().iter().map(|p| p.position).collect::<Vec<_>>(), 200, 1.0, 1);
    let first = |listed: usize| {
        let schemes = vec![Scheme::Fixed(Grid::Geohash, 6)];
        let rules = MapRules { listed: listed.try_into().unwrap(), ..MapRules::default() };
        let job = Plan { rules, schemes, sample: 0, ..Plan::default() };
        plan(&job, &town(), &stream, |_, _| {}).schemes[0].first_try
    };
    let shares = [32, 64, 128, 256].map(first);
    assert!(shares.is_sorted() && shares[0] < shares[3], "{shares:?}");
}

#[test]
fn answers_are_those_of_brute_force() {
    let places = town();
    let mut index = Index::new(&places, 100.try_into().unwrap());
    for (lat, lon) in [(48.8566, 2.3522), (48.87, 2.33), (49.3, 2.4)] {
        for level in 3..=7 {
            let cell = geo_index::edge::CacheCell::at(Grid::Geohash, at(lat, lon), level).unwrap();
            let mut expected: Vec<_> = places
                .iter()
                .map(|place| (distance(cell.centre(), place.position).get(), place.id.to_string()))
                .filter(|(away_m, _)| *away_m <= cell.horizon().get())
                .collect();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            expected.truncate(100);
            let answer = index.answer(cell).unwrap();
            let found: Vec<_> = answer.places.iter().map(|place| place.id.clone()).collect();
            assert_eq!(found, expected.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), "{cell}");
        }
    }
}

#[test]
fn files_of_positions_are_read_line_by_line() {
    let read = |text: &'static str| {
        read_positions(Input::Stream(Box::new(text.as_bytes())), &ReadOptions::default())
    };
    let lines = read("lat,lon,time\n48,2,100\n\n10, 20 ,90.5\n91,0,5\nx\n").unwrap();
    assert_eq!((lines.found.len(), lines.bad), (2, 2));
    let stream = Stream::of_lines(&lines, 7.0);
    assert_eq!(stream.requests, [request(0.0, 10.0, 20.0), request(9.5, 48.0, 2.0)]);
    assert!(close(stream.duration_s, 9.5));
    let lines = read("48,2\n10,20,5\n").unwrap();
    let stream = Stream::of_lines(&lines, 2.0);
    assert_eq!(stream.requests, [request(0.0, 48.0, 2.0), request(0.5, 10.0, 20.0)]);
    assert!(close(stream.duration_s, 1.0));
    let one = Stream::of_lines(&read("1,2,3\n").unwrap(), 2.0);
    assert!(close(one.duration_s, 1.0));
    let log = "- - - [] \"GET /v1/collections/bars/nearby?lat=48&lon=2 HTTP/1.1\" 200 1\n\
               - - - [] \"GET /v1/collections/inns/nearby?lat=1&lon=2 HTTP/1.1\" 200 1\nnonsense\n";
    let lines = read_log_positions(log.as_bytes(), &"bars".parse().unwrap()).unwrap();
    assert_eq!((lines.found, lines.bad), (vec![(at(48.0, 2.0), None)], 1));
}

#[test]
fn a_seed_gives_one_stream() {
    let places = [at(48.0, 2.0), at(10.0, 20.0)];
    let stream = |seed| Stream::uniform(&places, 50, 10.0, seed).requests;
    assert_eq!(stream(1), stream(1));
    assert_ne!(stream(1), stream(2));
    assert!(Stream::uniform(&[], 50, 10.0, 1).requests.is_empty());
    let report = run(&[Scheme::Map], &[], &Stream::default());
    assert_eq!((report[0].urls, report[0].first_try), (0, 0.0));
}
