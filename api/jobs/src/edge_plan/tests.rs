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
    let job = Plan {
        cases: [5.0, 1_000.0].map(Case::of).to_vec(),
        schemes: schemes.to_vec(),
        sample: 3,
        ..Plan::default()
    };
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
    for (ttl, (hit_ratio, origin_rps)) in report.cases.iter().zip(expected) {
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
        assert!(close(report.cases[1].origin_rps, misses / 10.0), "{report:?}");
        assert!(close(report.cases[1].hit_ratio, 1.0 - misses / (10.0 * tries + 10.0)), "{report:?}");
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

fn users_of(places: &[Place], count: usize, seed: u64) -> Stream {
    let positions: Vec<Position> = places.iter().map(|place| place.position).collect();
    Crowd::Strangers.stream(Homes::At(&positions), count, 1.0, seed)
}

#[test]
fn the_map_saves_tries_and_memory_learns() {
    let stream = users_of(&town(), 300, 1);
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
    let stream = users_of(&town(), 200, 1);
    let first = |listed: usize| {
        let schemes = vec![Scheme::Fixed(Grid::Geohash, 6)];
        let length = Length::of(listed.try_into().unwrap());
        let job = Plan { length, schemes, sample: 0, ..Plan::default() };
        plan(&job, &town(), &stream, |_, _| {}).schemes[0].first_try
    };
    let shares = [32, 64, 128, 256].map(first);
    assert!(shares.is_sorted() && shares[0] < shares[3], "{shares:?}");
}

#[test]
fn answers_are_those_of_brute_force() {
    let places = town();
    let mut index = Index::new(&places, Length::of(100.try_into().unwrap()));
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
            let found: Vec<_> = answer.answer.places.iter().map(|place| place.id.clone()).collect();
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

/// A hundred requests, a second apart, for one cell; its one place, or one beside its horizon, changes at 5, 15, 25 s…
fn changing(place_at: Position) -> CaseReport {
    let stream = Stream::paced((0..100).map(|_| at(48.8566, 2.3522)), 1.0);
    let cases = vec![Case { writes_per_s: 0.1, ..Case::of(1_000.0) }];
    let schemes = vec![Scheme::Fixed(Grid::Geohash, 6)];
    let job = Plan { cases, schemes, tiers: true, sample: 0, ..Plan::default() };
    plan(&job, &[place(0, place_at)], &stream, |_, _| {}).schemes.remove(0).cases.remove(0)
}

#[test]
fn a_change_is_purged_a_window_after_it_has_settled() {
    let case = changing(at(48.85, 2.35));
    // A purge is due 12.5 s after the first change since the last one: at 17.5 s with the change of 15 s, at 37.5 s, and so
    // on. So the answer is fetched at 0, 18, 38, 58, 78 and 98 s.
    assert!(close(case.hit_ratio, 0.94) && close(case.origin_rps, 0.06), "{case:?}");
    assert!(close(case.purged_share, 0.05) && close(case.purge_paths_per_s, 0.05), "{case:?}");
    assert_eq!((case.needless_share, case.warm_hit_ratio), (Some(0.0), None));
    // 99 other requests, and five purges, in 100 s.
    let lives_s = 20.0 * (1.0 - (-50.0_f64).exp());
    let hits = 0.99 * lives_s;
    assert!((case.corrected_formula - hits / (1.0 + hits)).abs() < 1e-9, "{case:?}");
    assert!((case.formula - 990.0 / 991.0).abs() < 1e-9, "{case:?}");
    let [nothing, l1, l2, edge] = &case.tiers[..] else { panic!("{case:?}") };
    assert!(close(nothing.database_share, 1.0), "{nothing:?}");
    // The shared cache loses the page at each of ten changes; what is loaded at once lives for two seconds.
    assert!(l1.database_share > l2.database_share && close(l2.database_share, 0.21), "{l1:?} {l2:?}");
    // Behind the edge each of its six fetches follows a change.
    assert!(close(edge.database_share, 0.06), "{edge:?}");
}

#[test]
fn a_purge_by_root_is_needless_where_no_place_of_the_answer_changed() {
    // 28 km away: beyond the horizon of 25 km, and below a root that the answer is purged with.
    let case = changing(at(48.8566, 2.735));
    assert_eq!((case.needless_share, case.purged_share), (Some(1.0), 0.05), "{case:?}");
}

#[test]
fn nobody_searches_nothing() {
    let report = run(&[Scheme::Map], &[], &Stream::default());
    assert_eq!((report[0].urls, report[0].first_try), (0, 0.0));
}
