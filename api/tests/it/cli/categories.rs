//! Categories on the command line: listed, counted, searched for, and refused in rows.

use super::process::Desk;

const ROWS: &str = "id,lat,lon,category\na,1,2,cafe\nb,1,2.001,bar\nc,1,2.002,0541\nd,1,2.003,cafe\n";

#[test]
fn categories_are_listed_and_counted() {
    let desk = Desk::new();
    desk.write("a.csv", ROWS);
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let list = desk.ok(&["categories", "-c", "places"]);
    assert_eq!(list.split_whitespace().collect::<Vec<_>>(), ["-", "0541", "-", "bar", "-", "cafe"], "{list}");
    desk.ok(&["categories", "-c", "places", "--count"]);
    let list = desk.ok(&["categories", "-c", "places", "--json"]);
    let expected = concat!(
        r#"{"categories":[{"category":"0541","count":1},{"category":"bar","count":1},"#,
        r#"{"category":"cafe","count":2}]}"#
    );
    assert_eq!(list.trim_end(), expected);
    let near = |category: &str| {
        let found = desk.ok(&[
            "nearby",
            "-c",
            "places",
            "--lat",
            "1",
            "--lon",
            "2",
            "--category",
            category,
            "--json",
        ]);
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        let ids = found["features"].as_array().unwrap().iter().map(|place| place["id"].as_str().unwrap());
        ids.collect::<String>()
    };
    assert_eq!(["cafe", "bar,0541", "!cafe", "nowhere"].map(near), ["ad", "bc", "bc", ""]);
    assert!(desk.ok(&["reindex", "-c", "places"]).contains("4 places of `places` are indexed by category"));
    let verified = desk.ok(&["verify", "-c", "places", "--searches", "60", "--json"]);
    assert!(verified.contains(r#""differences":0"#), "{verified}");
}

#[test]
fn rows_whose_category_could_not_be_found_are_rejected() {
    let desk = Desk::new();
    desk.write("a.csv", format!("{ROWS}e,1,2,{}\n", "x".repeat(201)));
    desk.run(&["import", "a.csv", "-c", "places", "--rejects", "rejects.ndjson"]);
    let rejects = desk.read("rejects.ndjson");
    assert!(rejects.contains("`category` cannot be stored") && rejects.lines().count() == 1, "{rejects}");
}
