//! `cellar stats`.

use serde_json::{Value, json};

use super::process::Desk;

/// 200 places on one point, 300 on a grid of 1 km, and one far away.
fn desk() -> Desk {
    let desk = Desk::new();
    let crowd = (0..200).map(|n| format!("c-{n},10,20,bar\n"));
    let grid = (0..300).map(|n| {
        format!("g-{n},{},{},cafe\n", 48.0 + f64::from(n / 20) / 100.0, 2.0 + f64::from(n % 20) / 100.0)
    });
    let rows: String = crowd.chain(grid).chain(["far,-30,140,\n".to_owned()]).collect();
    desk.write("a.csv", format!("id,lat,lon,category\n{rows}"));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    desk.write("b.csv", "id,lat,lon\na,1,2\n");
    desk.ok(&["import", "b.csv", "-c", "others"]);
    desk
}

fn stats(desk: &Desk, args: &[&str]) -> Value {
    serde_json::from_str(&desk.ok(&[&["stats", "--json"], args].concat())).unwrap()
}

#[test]
fn what_is_known_is_told_without_reading_places() {
    let desk = desk();
    let all = stats(&desk, &[]);
    assert!(all["store"]["disk_bytes"].as_u64() > Some(4_096), "{all}");
    assert!(all["store"]["place"].as_str().unwrap().ends_with("/cellar-data (embedded engine)"), "{all}");
    let names: Vec<&Value> =
        all["collections"].as_array().unwrap().iter().map(|one| &one["collection"]).collect();
    assert_eq!(names, ["others", "places"]);
    let places = &all["collections"][1];
    assert_eq!((&places["categories"], &places["roots"]), (&json!(2), &json!(3)));
    assert_eq!(
        (&places["places"], &places["counted_unix_ms"]),
        (&Value::Null, &Value::Null),
        "nobody has counted"
    );
    assert!(places.get("splits").is_none());

    desk.ok(&["categories", "-c", "places", "--count"]);
    let counted = &stats(&desk, &["-c", "places"])["collections"][0];
    assert_eq!(counted["places"], 501);
    assert!(counted["counted_unix_ms"].is_u64());
    let text = desk.ok(&["stats", "--collection", "places"]);
    assert!(text.contains("\nplaces\n  places          501, counted ") && text.contains(" ago\n"), "{text}");
}

#[test]
fn counting_tells_of_pages() {
    let desk = desk();
    let counted = &stats(&desk, &["--count", "-c", "places"])["collections"][0];
    let of = |name: &str| counted[name].as_u64().unwrap();
    assert_eq!((of("places"), of("crowded_points"), of("largest_crowd")), (501, 1, 200));
    assert_eq!(of("deepest_page"), 15, "the crowd's");
    // Resolutions 3 to 14 of the crowd, and at least one of the grid.
    assert!((13..=20).contains(&of("splits")), "{counted}");
    let exported: usize =
        desk.ok(&["export", "-", "-c", "places", "--format", "ndjson"]).lines().map(str::len).sum();
    assert_eq!(of("bytes"), exported as u64);
    let unknown = desk.run(&["stats", "-c", "nope"]);
    assert!(
        unknown.code == Some(1) && unknown.stderr.contains("there is no collection `nope`"),
        "{unknown:?}"
    );
}
