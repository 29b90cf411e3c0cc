//! Runs for tests.

use std::time::Duration;

use cellar_loadtest::http::{BaseUrl, Protocol, Settings, Target};
use cellar_loadtest::plan::{Plan, Search, Workload, scheduled};
use cellar_loadtest::run::{Finished, Mode, Region, Route, RunSettings, Running, start};
use cellar_loadtest::schedule::{Arrivals, Schedule, Stage};
use geo_index::Position;

/// Longest wait for what must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Everybody asks from here.
pub(crate) const HERE: (f64, f64) = (48.8566, 2.3522);

struct SamePlace(u64);

impl Workload for SamePlace {
    fn next(&mut self, _: Duration) -> Option<Search> {
        self.0 += 1;
        let position = Position::new(HERE.0, HERE.1).unwrap();
        Some(Search { user: self.0, position, radius: None, limit: 20, category: None, page: 0 })
    }
}

/// Settings for a run at a target. Late is nobody here: the machine may be slow.
pub(crate) fn settings(url: &str, measured: Duration) -> RunSettings {
    let url: BaseUrl = url.parse().unwrap();
    let addresses = vec![format!("{}:{}", url.host, url.port).parse().unwrap()];
    RunSettings {
        regions: vec![Region::new("here", Target { url, addresses })],
        warmup: Duration::ZERO,
        measured,
        seed: 1,
        mode: Mode::Exact,
        collection: "places".parse().unwrap(),
        http: Settings {
            protocol: Protocol::Http1,
            connections: 1_000,
            tls: None,
            accept_encoding: "identity",
        },
        time_limit: LIMIT,
        late_after: LIMIT,
        group_within: Duration::ZERO,
        max_in_flight: 10_000,
        workers: 1,
        memory: true,
        cell_level: None,
        verify: 0.0,
        pages: false,
    }
}

/// Evenly spaced requests at a rate.
pub(crate) fn plan(rate: f64, settings: &RunSettings) -> Plan {
    let stages = vec![Stage::constant(rate, settings.measured)];
    let schedule = Schedule::new(settings.warmup, stages).unwrap();
    scheduled(schedule.instants(Arrivals::Constant, settings.seed), SamePlace(0))
}

/// Runs to the end.
pub(crate) fn run(rate: f64, settings: RunSettings) -> Finished {
    let plan = plan(rate, &settings);
    begin(settings, plan).finish().unwrap()
}

pub(crate) fn begin(settings: RunSettings, plan: Plan) -> Running {
    start(settings, plan, Box::new(|_: Position| Route::default())).unwrap()
}

/// Waits until something is so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The same, of users who look this far.
pub(crate) fn narrow_plan(rate: f64, settings: &RunSettings, radius_m: f64) -> Plan {
    let radius = geo_index::Meters::new(radius_m);
    Box::new(plan(rate, settings).map(move |mut planned| {
        planned.search.radius = radius;
        planned
    }))
}
