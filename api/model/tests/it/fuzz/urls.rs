//! Whole URLs: valid, nearly valid and hostile. None holds a line feed, which ends a line.

use rand::seq::SliceRandom as _;
use rand::{Rng, RngExt};

use super::spelling::{encoded, more_escapes, mutated, pick};
use super::{number, text};

/// Other values of `mode`.
const MODES: &[&str] = &["", "exact", "Cell", "cell+", "%", "c%65ll", "%FF", "cell%00"];

/// A path with its query, as sent.
pub(super) fn url(rng: &mut impl Rng) -> String {
    let url = match rng.random_range(0..10) {
        0..=5 => position(rng),
        6..=8 => cell(rng),
        _ => elsewhere(rng),
    };
    let url = if rng.random_ratio(1, 12) { mutated(rng, &url) } else { url };
    url.replace('\n', "%0A")
}

fn position(rng: &mut impl Rng) -> String {
    let collection = text::collection(rng);
    let collection = more_escapes(rng, &collection);
    format!("/v1/collections/{collection}/nearby?{}", position_query(rng))
}

fn position_query(rng: &mut impl Rng) -> String {
    let mut parts = Vec::new();
    for name in ["lat", "lon", "mode", "radius", "limit", "category", "precision", "cursor"] {
        let wanted = match name {
            "lat" | "lon" | "mode" => rng.random_ratio(39, 40),
            "cursor" => rng.random_ratio(1, 12),
            _ => rng.random_ratio(1, 4),
        };
        if wanted {
            parts.push(part(rng, name));
        }
    }
    // Both a part that asks for a cell and one that cannot be read.
    if rng.random_ratio(1, 25) {
        parts.push(format!("mode={}", pick(rng, MODES)));
    }
    query(rng, parts)
}

fn cell(rng: &mut impl Rng) -> String {
    let (collection, cell) = (text::collection(rng), text::cell(rng));
    let path = format!(
        "/v1/collections/{}/cells/{}/nearby",
        more_escapes(rng, &collection),
        more_escapes(rng, &cell)
    );
    let mut parts = Vec::new();
    if rng.random_bool(0.5) {
        parts.push(part(rng, "category"));
    }
    if rng.random_ratio(1, 10) {
        let name = pick(rng, &["lat", "lon", "radius", "limit", "precision", "mode", "cursor"]);
        parts.push(part(rng, name));
    }
    let query = query(rng, parts);
    if query.is_empty() && rng.random_bool(0.5) { path } else { format!("{path}?{query}") }
}

/// Paths that only look so, most of them in cell mode.
fn elsewhere(rng: &mut impl Rng) -> String {
    const PATHS: &[&str] = &[
        "",
        "/",
        "//",
        "/v1/collections/c/nearby/",
        "//v1/collections/c/nearby",
        "/v1//collections/c/nearby",
        "/V1/collections/c/nearby",
        "/v1/collections/c/near%62y",
        "/v1/collections/c/items",
        "/v1/collections/c",
        "/v1/collections/c/cells/gh:u09",
        "/v1/collections/c/cells//nearby",
        "/v1/collections//cells/gh:u09/nearby",
        "/v1/collections/c/cells/nearby",
        "/v1/collections/c/cells/gh:u09/x/nearby",
        "/v1/collections//nearby",
        "/v1/collections/c/cells/gh:u09/nearby/",
        "/v1/collections/c/cell/gh:u09/nearby",
        "/v1/collections/nearby",
        "v1/collections/c/nearby",
        "/v1/collections/c/nearby%3F",
        "/v1/collections/c/nearby%0A",
        "/v1/collections/c/nearby\r",
        "/v1/collections/c/../nearby",
        "/v1/collections/%2e%2e/nearby",
        "/v1/collections/c%2Fd/nearby",
    ];
    let path = pick(rng, PATHS);
    format!("{path}?{}", position_query(rng))
}

/// One parameter; its value is right more often than not.
fn part(rng: &mut impl Rng, name: &str) -> String {
    let value = match name {
        "lat" => number::degrees(rng, 90.0),
        "lon" => number::degrees(rng, 180.0),
        "radius" => number::radius(rng),
        "limit" => number::whole(rng, 100),
        "precision" => number::whole(rng, 8),
        "category" => {
            let category = text::category(rng);
            encoded(rng, &category)
        }
        "mode" if rng.random_ratio(19, 20) => "cell".into(),
        "mode" => pick(rng, MODES).to_string(),
        _ => pick(rng, &["x", "eyJ0", "abc", "a-b_c", "", "%", "%C3%28"]).to_string(),
    };
    // Not decodable, in one of many: for each parameter alike.
    let value = if rng.random_ratio(1, 60) {
        value + pick(rng, &["%", "%C3", "%ED%A0%80", "%f", "%00"])
    } else {
        value
    };
    let name = more_escapes(rng, name);
    let value = more_escapes(rng, &value);
    if value.is_empty() && rng.random_bool(0.5) { name } else { format!("{name}={value}") }
}

/// Parts in some order, now and then with one twice, one unknown, or far too many.
fn query(rng: &mut impl Rng, mut parts: Vec<String>) -> String {
    const UNKNOWN: &[&str] = &[
        "x=1",
        "lng=2",
        "Lat=1",
        "LAT=1",
        "lat%20=1",
        "+lat=1",
        "__proto__=1",
        "constructor=1",
        "toString=1",
        "=1",
        "=",
        "a",
        "%=1",
        "%FF=1",
        "%C0%80=1",
        "%zz",
        "lat[]=1",
        "l%61t%00=1",
        "mode%3Dcell",
        "é=1",
        "%C3%A9=1",
        "?lat=1",
        "bbox=1,2,3,4",
    ];
    parts.shuffle(rng);
    if rng.random_ratio(1, 12) {
        let at = rng.random_range(0..=parts.len());
        parts.insert(at, pick(rng, UNKNOWN).into());
    }
    if rng.random_ratio(1, 8) && !parts.is_empty() {
        let (from, to) = (rng.random_range(0..parts.len()), rng.random_range(0..=parts.len()));
        let again = parts[from].clone();
        parts.insert(to, if rng.random_bool(0.5) { again } else { more_escapes(rng, &again) });
    }
    if rng.random_ratio(1, 10) {
        parts.insert(rng.random_range(0..=parts.len()), String::new());
    }
    let mut query = parts.join("&");
    if rng.random_ratio(1, 80) {
        query += &filler(rng, query.len());
    }
    query
}

/// Up to 8 KB more, often just as many as are allowed or one beyond.
fn filler(rng: &mut impl Rng, length: usize) -> String {
    let aim = pick(rng, &[2_046, 2_047, 2_048, 2_049, 2_050, 4_096, 8_192]);
    let unit = pick(rng, &["&", "&category=", "&x=", "é", "🍷", "%20", "0"]);
    let mut filler = unit.to_owned();
    let letter = if unit.starts_with('&') && unit.len() > 1 { "a" } else { unit };
    filler += &letter.repeat(usize::saturating_sub(aim, length + unit.len()) / letter.len());
    filler
}
