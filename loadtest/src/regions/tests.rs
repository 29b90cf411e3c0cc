//! Lists of regions, and who goes where.

#![expect(clippy::float_cmp, reason = "what was put in comes out, or is exact")]

use super::*;

fn at(lat: f64, lon: f64) -> Position {
    Position::new(lat, lon).unwrap()
}

fn error(text: &str) -> String {
    let error = text.parse::<Regions>().unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn users_go_to_the_nearest_region() {
    let regions: Regions = "us-east-1=http://127.0.0.1:1, us-west-2=http://127.0.0.1:2,\
                            fiji@-17.7,-179.9=https://fiji.example/api,north@90,0=http://[::1]:4"
        .parse()
        .unwrap();
    for (from, expected) in [
        (at(40.7, -74.0), "us-east-1"),
        (at(47.6, -122.3), "us-west-2"),
        // Across the antimeridian.
        (at(-17.7, 179.9), "fiji"),
        (at(-41.0, 175.0), "fiji"),
        (at(89.0, 180.0), "north"),
        (at(90.0, -77.0), "north"),
    ] {
        let (nearest, away_m) = regions.nearest(from);
        assert_eq!(regions.all()[nearest].name, expected, "{from:?}");
        assert_eq!(away_m, distance(from, regions.all()[nearest].position).get());
    }
    assert_eq!(regions.all()[2].url.as_str(), "https://fiji.example/api");
}

#[test]
fn the_first_of_two_as_near_serves() {
    let regions: Regions = "b@0,10=http://h,a@0,10=http://h".parse().unwrap();
    assert_eq!(regions.nearest(at(0.0, 0.0)).0, 0);
}

#[test]
fn what_is_no_region_is_told_in_one_line() {
    let unknown = error("us-east-9=http://h");
    assert!(unknown.contains("`us-east-9` is not known") && unknown.contains("us-west-2"), "{unknown}");
    for (text, expected) in [
        ("", "write NAME=URL"),
        ("us-east-1", "write NAME=URL"),
        ("x@1,2", "write NAME=URL"),
        ("x@1", "write NAME=URL"),
        ("=http://h", "write NAME=URL"),
        ("us-east-1=http://h,", "write NAME=URL"),
        ("us-east-1=127.0.0.1:80", "write http://127.0.0.1:80"),
        ("us-east-1=ftp://h", "neither http nor https"),
        ("us-east-1=http://", "cannot be parsed"),
        ("us-east-1=http://h:99999", "cannot be parsed"),
        ("us-east-1=http://h/?a=b", "query"),
        ("x@91,0=http://h", "not LAT,LON"),
        ("x@1=http://h", "not LAT,LON"),
        ("x@1,NaN=http://h", "not LAT,LON"),
        ("us-east-1=http://h,us-east-1=http://i", "twice"),
    ] {
        assert!(error(text).contains(expected), "{text}: {}", error(text));
    }
    let secret = error("us-east-1=http://me:hunter2@h/");
    assert!(secret.contains("user or a password") && !secret.contains("hunter2"), "{secret}");
}

#[test]
fn the_table_is_sound() {
    let names: Vec<&str> = known().iter().map(|region| region.name).collect();
    assert!(names.is_sorted() && names.windows(2).all(|pair| pair[0] != pair[1]));
    for region in known() {
        let regions: Regions = format!("{}=http://h", region.name).parse().unwrap();
        assert_eq!(regions.all()[0].position, region.position());
        // By longitude a code says roughly where it is.
        let lon = region.position().lon();
        let expected = match &region.name[..2] {
            "us" | "ca" | "mx" => -125.0..-70.0,
            "sa" => -60.0..-30.0,
            "eu" | "af" => -10.0..20.0,
            "il" | "me" => 30.0..60.0,
            _ => 70.0..180.0,
        };
        assert!(expected.contains(&lon), "{region:?}");
    }
}

#[test]
fn round_trips_grow_with_the_distance() {
    assert_eq!("none".parse(), Ok(ClientRtt::None));
    assert_eq!("20ms".parse(), Ok(ClientRtt::Fixed(Duration::from_millis(20))));
    for wrong in ["", "20", "-1ms", "NaNms", "10001ms", "1s"] {
        assert!(wrong.parse::<ClientRtt>().is_err(), "{wrong}");
    }
    let regions: Regions = "us-east-1=http://h".parse().unwrap();
    let (from, rtt) = (at(48.9, 2.4), "distance".parse().unwrap());
    let away_m = distance(from, regions.all()[0].position).get();
    let expected_s = away_m * 2.0 * 2.1 / (299_792_458.0 * 2.0 / 3.0);
    assert!((regions.route(from, rtt).1.as_secs_f64() - expected_s).abs() < 1e-6);
    assert_eq!(regions.route(from, ClientRtt::None), (0, Duration::ZERO));
}
