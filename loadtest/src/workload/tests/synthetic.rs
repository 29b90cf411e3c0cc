//! Sessions, days and seeds.

use std::collections::{HashMap, HashSet};

use cellar_input::{Input, ReadOptions};
use geo_index::{Meters, Position, distance};
use proptest::prelude::*;

use super::*;
use crate::plan::Workload;

#[test]
fn a_seed_gives_one_stream() {
    let stream = |seed| searches(Spec { seed, ..Spec::default() }, 500, 100.0);
    assert_eq!(stream(1), stream(1));
    assert_ne!(stream(1), stream(2));
    assert_eq!(stream(1)[..100], searches(Spec { seed: 1, ..Spec::default() }, 100, 100.0)[..]);
}

#[test]
fn further_pages_are_of_the_users_last_ask() {
    let sessions = Sessions { searches: 3.0, paging: 0.5, ..Sessions::default() };
    let spec =
        Spec { users: 50, sessions, radius_m: Some(Numbers::Range(500.0, 5_000.0)), ..Spec::default() };
    let plan = searches(spec, 5_000, 10.0);
    let mut last: HashMap<u64, Search> = HashMap::new();
    let mut further = 0;
    for Planned { search, .. } in plan {
        if search.page > 0 {
            further += 1;
            let before = &last[&search.user];
            assert_eq!(Search { page: before.page + 1, ..before.clone() }, search);
        }
        last.insert(search.user, search);
    }
    // Nearly every second answer has a next page; the tenth is the last.
    assert!(plausible(further, 5_000, 0.5 * (1.0 - 0.5_f64.powi(9))), "{further}");
}

#[test]
fn sessions_have_as_many_searches_as_asked_for() {
    let sessions = Sessions { searches: 4.0, paging: 0.0, think: Duration::from_secs(1) };
    // Users stay, so a session is what one user asks in a row of at most a minute.
    let spec = Spec { sessions, moving: false, users: 1_000_000, ..Spec::default() };
    let plan = searches(spec, 40_000, 50.0);
    let (mut seen, mut sessions) = (HashMap::new(), 0);
    for Planned { at, search } in &plan {
        let before: Option<Duration> = seen.insert(search.user, *at);
        sessions += usize::from(before.is_none_or(|before| *at > before + Duration::from_mins(1)));
    }
    let mean = plan.len() as f64 / sessions as f64;
    assert!((3.8..4.2).contains(&mean), "{mean}");
}

#[test]
fn what_is_asked_is_mixed_as_asked_for() {
    let category =
        Mix::parse("any:2,cafe,museum", |name| Ok((name != "any").then(|| name.to_owned()))).unwrap();
    let radius_m = Some(Numbers::parse("500:3,2000", 1.0..=5_000.0).unwrap());
    let limit = Numbers::parse("10-50", 1.0..=100.0).unwrap();
    let sessions = Sessions { paging: 0.0, ..Sessions::default() };
    let plan = searches(Spec { sessions, radius_m, limit, category, ..Spec::default() }, 8_000, 100.0);
    let count = |of: &dyn Fn(&Search) -> bool| plan.iter().filter(|planned| of(&planned.search)).count();
    assert!(plausible(count(&|search| search.category.is_none()), 8_000, 0.5));
    assert!(plausible(count(&|search| search.category.as_deref() == Some("cafe")), 8_000, 0.25));
    assert!(plausible(
        count(&|search| search.radius.is_some_and(|radius| radius == Meters::new(500.0).unwrap())),
        8_000,
        0.75
    ));
    assert!(plausible(count(&|search| search.limit < 30), 8_000, 19.5 / 40.0));
    assert_eq!(count(&|search| !(10..=50).contains(&search.limit)), 0);
}

#[test]
fn users_sleep_by_their_own_sun() {
    let diurnal = Diurnal { start_h: 4.0, day: Duration::from_hours(24) };
    let sessions = Sessions { searches: 1.0, paging: 0.0, ..Sessions::default() };
    let spec = Spec { diurnal: Some(diurnal), sessions, moving: false, ..Spec::default() };
    let (n, areas) = (6_000, Areas::metropolitan(1.0, spec.seed));
    let plan = searches(spec.clone(), n, 1e6);
    // The share of an hour's users is their number times their activity.
    let homes: Vec<Position> = (0..spec.users).map(|user| areas.home(user).position).collect();
    let activity = |home: &Position| diurnal.activity(*home, Duration::ZERO);
    let all: f64 = homes.iter().map(activity).sum();
    for (west, east) in [(-180.0, -60.0), (-60.0, 60.0), (60.0, 180.0)] {
        let within = |lon: f64| (west..east).contains(&lon);
        let expected = homes.iter().filter(|home| within(home.lon())).map(activity).sum::<f64>() / all;
        let asked = plan.iter().filter(|planned| within(planned.search.position.lon())).count();
        assert!(plausible(asked, n as usize, expected), "{west}: {asked} of {expected}");
    }
}

#[test]
fn memory_grows_with_users_and_not_with_asks() {
    let mut users = SyntheticUsers::new(Spec { users: 30, ..Spec::default() }, Areas::metropolitan(1.0, 1));
    for i in 0..20_000_u64 {
        assert!(users.next(Duration::from_millis(i)).is_some());
        assert!(users.remembered() <= 30);
    }
}

#[test]
fn nobody_asks_where_nobody_lives() {
    let nowhere = Areas::points(
        &read_points(Input::Stream(Box::new("lat,lon,weight\n1,2,0\n".as_bytes())), &ReadOptions::default())
            .unwrap(),
        1,
    );
    assert_eq!(plan(Spec::default(), nowhere, 5, 1.0).count(), 0);
    assert_eq!(plan(Spec::default(), Areas::points(&Points::default(), 1), 5, 1.0).count(), 0);
}

#[test]
fn the_summary_counts_users_and_cells() {
    let spec = Spec { moving: false, users: 40, ..Spec::default() };
    let plan = searches(spec, 3_000, 10.0);
    let duration = Duration::from_mins(5);
    let summary = Summary::of(plan.clone().into_iter(), duration, &[60.0, 1e9]);
    let users: HashSet<u64> = plan.iter().map(|planned| planned.search.user).collect();
    assert_eq!((summary.searches, summary.users), (3_000, users.len()));
    for row in &summary.cells {
        // All is kept for ever: every answer is fetched once.
        let kept = &row.caches[1];
        assert!((kept.simulated - (1.0 - row.answers as f64 / 3_000.0)).abs() < 1e-12, "{row:?}");
        assert!(row.caches[0].simulated < kept.simulated && row.cells == row.answers, "{row:?}");
        assert!(row.top_percent <= row.top_10 && row.top_10 <= 1.0, "{row:?}");
    }
    assert!(summary.cells[0].cells <= summary.cells[1].cells);
    let text = summary.table();
    assert!(text.contains("geohash 5") && text.contains("hits 60 s"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn users_who_stay_ask_near_their_homes(
        lat in prop_oneof![Just(90.0), Just(-90.0), -90.0..=90.0],
        lon in prop_oneof![Just(180.0), Just(-180.0), -180.0..=180.0],
        seed: u64,
    ) {
        let home = Position::new(lat, lon).unwrap();
        let points = Points { found: vec![(home, 1.0)], ..Points::default() };
        let spec = Spec { seed, moving: false, users: 3, ..Spec::default() };
        let mut last = Duration::ZERO;
        for Planned { at, search } in plan(spec, Areas::points(&points, seed), 40, 5.0) {
            prop_assert!(distance(home, search.position).get() < 250.0, "{search:?}");
            prop_assert!(at >= last && search.user < 3 && search.limit == 20);
            last = at;
        }
    }

    #[test]
    fn users_who_move_stay_on_earth(lat in -90.0..=90.0_f64, lon in -180.0..=180.0_f64, seed: u64) {
        let points = Points { found: vec![(Position::new(lat, lon).unwrap(), 1.0)], ..Points::default() };
        let spec = Spec { seed, users: 2, ..Spec::default() };
        for Planned { search, .. } in plan(spec, Areas::points(&points, seed), 60, 5.0) {
            prop_assert!(search.position.lat().abs() <= 90.0 && search.position.lon().abs() <= 180.0);
        }
    }
}
