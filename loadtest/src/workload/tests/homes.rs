//! Where users live and go.

use cellar_model::demo::metros;
use geo_index::{Position, distance};

use super::super::chance::{Purpose, numbers};
use super::super::mobility::{MAX_PLACES, Traveller, jump_m};
use super::*;

fn homes(zipf: f64, users: u64) -> Vec<Home> {
    let areas = Areas::metropolitan(zipf, 1);
    (0..users).map(|user| areas.home(user)).collect()
}

#[test]
fn areas_have_users_by_their_population() {
    let (metros, homes) = (metros(), homes(1.0, 20_000));
    assert!(metros.len() >= 300);
    let all: u64 = metros.iter().map(|metro| metro.population).sum();
    for (number, metro) in metros.iter().enumerate() {
        let users = homes.iter().filter(|home| home.area == number).count();
        let share = metro.population as f64 / all as f64;
        assert!(plausible(users, homes.len(), share), "{}: {users} of {share}", metro.name);
    }
}

#[test]
fn neighbourhoods_are_skewed_as_asked_for() {
    // The largest area: 38.4 million people in 3,838 neighbourhoods.
    let neighbourhoods = (metros()[0].population as f64 / 10_000.0).ceil();
    for zipf in [0.0, 0.8, 1.0, 2.0] {
        let homes: Vec<Home> = homes(zipf, 60_000).into_iter().filter(|home| home.area == 0).collect();
        let sum: f64 = (1..=neighbourhoods as u32).map(|rank| f64::from(rank).powf(-zipf)).sum();
        for rank in [0, 1, 9] {
            let users = homes.iter().filter(|home| home.neighbourhood == rank).count();
            let share = (rank as f64 + 1.0).powf(-zipf) / sum;
            assert!(plausible(users, homes.len(), share), "{zipf} {rank}: {users} of {}", homes.len());
        }
    }
}

#[test]
fn density_falls_off_with_the_distance() {
    let metros = metros();
    for zipf in [0.0, 0.5] {
        // Distances in units of the area's scale are Gamma(2) distributed: mean 2, and 59 % below 2 (1 − 3/e²).
        let homes = homes(zipf, 30_000);
        let away: Vec<f64> = homes
            .iter()
            .map(|home| {
                let metro = &metros[home.area];
                distance(metro.centre, home.position).get() / metro.scale_m()
            })
            .collect();
        let mean = away.iter().sum::<f64>() / away.len() as f64;
        let below = away.iter().filter(|away| **away < 2.0).count() as f64 / away.len() as f64;
        // Neighbourhoods spread a little farther.
        assert!((1.95..2.15).contains(&mean), "{zipf}: {mean}");
        assert!((0.55..0.62).contains(&below), "{zipf}: {below}");
    }
}

#[test]
fn homes_do_not_depend_on_who_was_asked_before() {
    let areas = Areas::metropolitan(1.0, 7);
    let forth: Vec<Home> = (0..50).map(|user| areas.home(user)).collect();
    let mut back: Vec<Home> = (0..50).rev().map(|user| areas.home(user)).collect();
    back.reverse();
    assert_eq!(forth, back);
    assert_ne!(forth[0], Areas::metropolitan(1.0, 8).home(0));
}

#[test]
fn jumps_are_distributed_as_measured() {
    let mut rng = numbers(1, Purpose::Asks, 0);
    let jumps: Vec<f64> = (0..40_000).map(|_| jump_m(&mut rng)).collect();
    // The survival function of the truncated law by quadrature: ∫ (x + 1.5)^-1.75 · exp(−x / 400) dx, in km.
    let density = |km: f64| (km + 1.5).powf(-1.75) * (-km / 400.0).exp();
    let beyond = |from_km: f64| -> f64 {
        // In steps that grow with the distance.
        let mut km = from_km;
        let mut sum = 0.0;
        while km < 8_000.0 {
            let step = (km + 1.5) * 1e-3;
            sum += density(km + step / 2.0) * step;
            km += step;
        }
        sum
    };
    let all = beyond(0.0);
    for km in [1.0, 3.0, 10.0, 100.0, 500.0] {
        let longer = jumps.iter().filter(|jump| **jump > km * 1_000.0).count();
        assert!(plausible(longer, jumps.len(), beyond(km) / all), "{km} km: {longer}");
    }
}

#[test]
fn travellers_explore_less_the_more_they_know() {
    let home = Position::new(-17.0, 179.999).unwrap();
    let mut rng = numbers(3, Purpose::Asks, 0);
    let (mut explored, mut expected, mut steps) = (0.0, 0.0, 0);
    for _ in 0..200 {
        let mut traveller = Traveller::at(home);
        for _ in 0..40 {
            let known = traveller.known().len();
            if known < MAX_PLACES {
                expected += 0.6 * (known as f64).powf(-0.21);
                traveller.go(&mut rng);
                explored += (traveller.known().len() - known) as f64;
                steps += 1;
            }
        }
        let visits: u32 = traveller.known().iter().map(|(_, visits)| visits).sum();
        assert!(visits <= 41 && traveller.known()[0].0 == home);
    }
    assert!(
        steps > 7_000 && f64::abs(explored - expected) < 5.0 * f64::from(steps).sqrt() / 2.0,
        "{explored} {expected}"
    );
}

#[test]
fn travellers_remember_a_bounded_number_of_places() {
    let mut rng = numbers(4, Purpose::Asks, 0);
    let home = Position::new(90.0, 0.0).unwrap();
    let mut traveller = Traveller::at(home);
    for _ in 0..2_000 {
        traveller.go(&mut rng);
    }
    assert_eq!((traveller.known().len(), traveller.known()[0].0), (MAX_PLACES, home));
}
