//! Times at which hours are easily got wrong.

use cellar_hours::{OpenAt, OpenPlaces, State, Unstated};

use crate::{at, opening, position};

const PARIS: (f64, f64) = (48.8566, 2.3522);
const NEW_YORK: (f64, f64) = (40.7128, -74.006);
const BERLIN: (f64, f64) = (52.52, 13.405);
const TOKYO: (f64, f64) = (35.68, 139.69);

/// State and end, for each of some times.
fn check(hours: &str, place: (f64, f64), cases: &[(&str, State, Option<&str>)]) {
    for (time, state, until) in cases {
        let opening = opening(hours, place, time);
        let end = opening.until.map(|until| until.to_rfc3339());
        assert_eq!((opening.state, end.as_deref()), (*state, *until), "{hours} at {time}");
    }
}

#[test]
fn spans_cross_midnight() {
    use State::{Closed, Open};
    let cases = [
        ("2026-12-04T21:59:59", Closed, Some("2026-12-04T22:00:00+01:00")),
        ("2026-12-04T22:00", Open, Some("2026-12-05T04:00:00+01:00")),
        ("2026-12-05T03:59:59", Open, Some("2026-12-05T04:00:00+01:00")),
        ("2026-12-05T04:00", Closed, Some("2026-12-11T22:00:00+01:00")),
        ("2026-12-04T21:00Z", Open, Some("2026-12-05T04:00:00+01:00")),
        ("2026-12-04T16:00-05:00", Open, Some("2026-12-05T04:00:00+01:00")),
    ];
    check("Fr 22:00-04:00", PARIS, &cases);
    check(
        "Mo-Su 10:00-24:00, Tu 00:00-02:00",
        PARIS,
        &[("2026-12-07T23:30", Open, Some("2026-12-08T02:00:00+01:00"))],
    );
    let year = [("2026-12-31T23:00", Open, Some("2027-01-01T06:00:00+01:00"))];
    check("Dec 31 20:00-30:00", PARIS, &year);
}

#[test]
fn one_instant_is_another_time_elsewhere() {
    use State::{Closed, Open};
    let until = Some("2026-07-01T18:00:00-04:00");
    check("09:00-18:00", NEW_YORK, &[("2026-07-01T16:00Z", Open, until), ("2026-07-01T16:00", Open, until)]);
    check("09:00-18:00", TOKYO, &[("2026-07-01T16:00Z", Closed, Some("2026-07-02T09:00:00+09:00"))]);
}

#[test]
fn clocks_skip_an_hour_and_show_another_twice() {
    use State::{Closed, Open};
    // On 29 March 02:00 is 03:00.
    let spring = [
        ("2026-03-29T00:59Z", Open, Some("2026-03-29T03:00:00+02:00")),
        ("2026-03-29T01:00Z", Closed, Some("2026-03-30T01:00:00+02:00")),
        ("2026-03-29T02:15", Open, Some("2026-03-29T03:00:00+02:00")),
    ];
    check("01:00-02:30", PARIS, &spring);
    check("01:00-05:00", PARIS, &[("2026-03-29T00:30Z", Open, Some("2026-03-29T05:00:00+02:00"))]);
    // On 25 October 03:00 is 02:00 once more.
    let autumn = [
        ("2026-10-25T00:15Z", Open, Some("2026-10-25T02:30:00+02:00")),
        ("2026-10-25T00:45Z", Closed, Some("2026-10-26T01:00:00+01:00")),
        ("2026-10-25T01:15Z", Open, Some("2026-10-25T02:30:00+01:00")),
        ("2026-10-25T02:15", Open, Some("2026-10-25T02:30:00+02:00")),
        ("2026-10-25T00:59:30Z", Closed, Some("2026-10-26T01:00:00+01:00")),
    ];
    check("01:00-02:30", PARIS, &autumn);
    check(
        "2026 Mar 08 01:00-03:00",
        NEW_YORK,
        &[("2026-03-08T06:30Z", Open, Some("2026-03-08T03:00:00-04:00"))],
    );
}

#[test]
fn holidays_are_those_of_the_country() {
    use State::{Closed, Open, Unknown};
    let hours = "Mo-Su 10:00-18:00; PH off";
    let christmas = "2026-12-25T12:00";
    check(hours, PARIS, &[(christmas, Closed, Some("2026-12-26T10:00:00+01:00"))]);
    check(hours, TOKYO, &[(christmas, Open, Some("2026-12-25T18:00:00+09:00"))]);
    // In Berlin, but not in all of Germany: nothing is known of the whole day.
    check(hours, BERLIN, &[("2027-03-08T12:00", Unknown, Some("2027-03-09T00:00:00+01:00"))]);
    // Nobody's country.
    check(hours, (0.0, -150.0), &[(christmas, Open, Some("2026-12-25T18:00:00-10:00"))]);
    check("PH 10:00-12:00", PARIS, &[("2026-07-14T11:00", Open, Some("2026-07-14T12:00:00+02:00"))]);
}

#[test]
fn zones_are_everywhere() {
    for (place, offset) in [
        ((27.7172, 85.324), "+05:45"),
        ((0.0, 180.0), "+12:00"),
        ((0.0, -180.0), "-12:00"),
        ((0.0, 179.9), "+12:00"),
        ((0.0, -179.9), "-12:00"),
        // An island on the antimeridian has one day.
        ((-16.8, 179.99), "+12:00"),
        ((-16.8, -179.99), "+12:00"),
        ((90.0, 0.0), "+00:00"),
        ((-90.0, 0.0), "+13:00"),
        ((-90.0, 180.0), "+13:00"),
        ((85.0, 10.0), "+01:00"),
    ] {
        let until = opening("00:00-12:00", place, "2026-12-24T11:00").until.unwrap().to_rfc3339();
        assert_eq!(until, format!("2026-12-24T12:00:00{offset}"), "{place:?}");
    }
}

#[test]
fn the_sun_is_that_of_the_position() {
    let end = |place, date: &str| {
        opening("sunrise-sunset", place, &format!("{date}T12:00")).until.map(|until| until.to_rfc3339())
    };
    let (summer, winter) = (end(PARIS, "2026-06-21").unwrap(), end(PARIS, "2026-12-21").unwrap());
    assert!(
        summer.starts_with("2026-06-21T21:5") && winter.starts_with("2026-12-21T16:5"),
        "{summer} {winter}"
    );
    // Beyond the polar circle it does not set in June, nor rise in December.
    let tromso = (69.65, 18.96);
    assert_eq!(opening("sunrise-sunset", tromso, "2026-06-21T23:30").state, State::Open);
    assert_eq!(opening("sunrise-sunset", tromso, "2026-12-21T12:00").state, State::Closed);
}

#[test]
fn what_never_closes_has_no_end() {
    for hours in
        ["24/7", "Mo-Su 00:00-24:00", "Mo-Fr; Sa-Su", "00:00-12:00 open \"a\", 12:00-24:00 open \"b\""]
    {
        check(hours, PARIS, &[("2026-12-24T18:00", State::Open, None)]);
    }
    check("2026-2030; 2028 off", PARIS, &[("2026-06-01T12:00", State::Open, None)]);
    // What is said of all other days ends as well.
    let otherwise = "Mo-Fr 10:00-12:00 || unknown \"by appointment\"";
    check(otherwise, PARIS, &[("2026-12-05T13:00", State::Unknown, Some("2026-12-07T00:00:00+01:00"))]);
    let season = [("2026-06-01T12:00", State::Open, Some("2026-11-01T00:00:00+01:00"))];
    check("Apr-Oct", PARIS, &season);
    check("off", PARIS, &[("2026-06-01T12:00", State::Closed, None)]);
}

#[test]
fn comments_and_doubts_are_told() {
    let doubt = opening("Mo-Fr 10:00-12:00 unknown \"by appointment\"", PARIS, "2026-12-24T11:00");
    assert_eq!((doubt.state, doubt.comment.as_deref()), (State::Unknown, Some("by appointment")));
    let remark = opening("\"ask at the bar\"", PARIS, "2026-12-24T11:00");
    assert_eq!(remark.comment.as_deref(), Some("ask at the bar"));
    assert_eq!(opening("Mo-Fr 10:00-12:00", PARIS, "2026-12-24T11:00").comment, None);
}

#[test]
fn places_are_found_by_their_property() {
    let payload = |properties: &str| format!(r#""id":"a","geometry":{{}},"properties":{properties}}}"#);
    let place = position(PARIS.0, PARIS.1);
    let noon: OpenAt = at("2026-12-24T12:00");
    let finds = |unstated, properties: &str| {
        OpenPlaces::new(noon, unstated, None).finds(place, payload(properties).as_bytes())
    };
    for (properties, left_out, included) in [
        (r#"{"opening_hours":"10:00-14:00"}"#, true, true),
        (r#"{"opening_hours":"10:00-14:00 unknown"}"#, true, true),
        (r#"{"opening_hours":"14:00-18:00"}"#, false, false),
        (r#"{"opening_hours":"by and by"}"#, false, true),
        (r#"{"opening_hours":["10:00-14:00"]}"#, false, true),
        (r#"{"opening_hours":null}"#, false, true),
        ("{}", false, true),
        (r#"{"opening_hours":"\u0031\u0030:00-14:00"}"#, true, true),
    ] {
        assert_eq!(finds(Unstated::LeftOut, properties), left_out, "{properties}");
        assert_eq!(finds(Unstated::Included, properties), included, "{properties}");
    }
    // More texts than it remembers.
    let places = OpenPlaces::new(noon, Unstated::LeftOut, None);
    for round in 0..2 {
        for minute in 0..1_440 {
            let hours = format!("00:00-{:02}:{:02}", minute / 60, minute % 60);
            let found = places.finds(place, payload(&format!(r#"{{"opening_hours":"{hours}"}}"#)).as_bytes());
            // `00:00-00:00` is the whole day.
            assert_eq!(found, minute > 720 || minute == 0, "{round} {hours}");
        }
    }
}
