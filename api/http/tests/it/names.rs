//! Searches by name: `q`.

use std::num::NonZeroUsize;

use cellar_http::config::{ApiConfig, WriteConfig};
use cellar_search::Limits;
use cellar_test_kit::server::{Server, link};
use geo_index::tree::SearchLimits;
use serde_json::{Value, json};

const ITEMS: &str = "/v1/collections/cafes/items";
const NEARBY: &str = "/v1/collections/cafes/nearby?lat=48.85&lon=2.35";
const SEARCH: &str = "/v1/collections/cafes/search";

/// Names, and their words as one would type them.
const NAMES: [(&str, &str); 10] = [
    ("Café Müller", "cafe muller"),
    ("Pizzeria Roma", "pizzeria roma"),
    ("Große Straße", "grosse strasse"),
    ("İstanbul Kebap", "istanbul kebap"),
    ("CAFE-BAR 3", "cafe bar 3"),
    ("Smørrebrød", "smorrebrod"),
    ("🍕 Pizza!", "pizza"),
    ("🍕", ""),
    ("\u{301}", ""),
    ("Muller & Roma", "muller roma"),
];

/// What is typed, and its words.
const TYPED: [(&str, &str); 12] = [
    ("c", "c"),
    ("CAFÉ", "cafe"),
    ("cafe m", "cafe m"),
    ("mulelr", "mulelr"),
    ("cfae bra", "cfae bra"),
    ("pizza", "pizza"),
    ("pizeria r", "pizeria r"),
    ("roma  piz", "roma piz"),
    ("strasse", "strasse"),
    ("ISTANBUL", "istanbul"),
    ("smorebrd", "smorebrd"),
    ("nowhere", "nowhere"),
];

/// The edit distance, by recursion over the ends of both words.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i.min(j) == 0 {
                i.max(j)
            } else {
                let other = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 2] == b[j - 1] && a[i - 1] == b[j - 2];
                let swapped = if swapped { table[i - 2][j - 2] + 1 } else { usize::MAX };
                other.min(swapped).min(table[i - 1][j] + 1).min(table[i][j - 1] + 1)
            };
        }
    }
    table[a.len()][b.len()]
}

fn is_found(typed: &str, name: &str) -> bool {
    let typed: Vec<&[u8]> = typed.split_whitespace().map(str::as_bytes).collect();
    typed.iter().enumerate().all(|(at, word)| {
        let typos = [0, 0, 0, 1, 1, 1].get(word.len()).copied().unwrap_or(2);
        name.split_whitespace().map(str::as_bytes).any(|name| {
            let shortest = if at + 1 == typed.len() { 0 } else { name.len() };
            (shortest..=name.len()).any(|end| distance(word, &name[..end]) <= typos)
        })
    })
}

fn id(index: usize) -> String {
    format!("c-{index:04}")
}

/// Cafes in Paris, the nearest to the position of [`NEARBY`] first.
async fn cafes(count: usize, pages: Option<usize>) -> Server {
    let writes = WriteConfig { token: None, open: true };
    let all = Limits::default();
    let limits = match pages.and_then(NonZeroUsize::new) {
        Some(page_budget) => Limits {
            nearby: SearchLimits { page_budget, ..all.nearby },
            items: SearchLimits { page_budget, ..all.items },
            ..all
        },
        None => all,
    };
    let server = Server::with_limits(ApiConfig::default(), writes, limits);
    assert_eq!(server.put("/v1/collections/cafes", "").await.status, 201);
    let feature = |index: usize| {
        json!({ "type": "Feature", "id": id(index), "properties": { "n": index, "name": NAMES[index % NAMES.len()].0 },
                "geometry": { "type": "Point", "coordinates": [2.35 + 0.000_01 * (index as f64 + 1.0), 48.85] } })
    };
    for chunk in (0..count).collect::<Vec<_>>().chunks(500) {
        let features: Vec<Value> = chunk.iter().map(|index| feature(*index)).collect();
        let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
        assert_eq!(server.post_as(ITEMS, "application/geo+json", batch).await.status, 200);
    }
    server
}

/// Follows `next` links to the end: the ids, and how many answers it took.
async fn walk(server: &Server, first: &str) -> (Vec<String>, usize) {
    let (mut found, mut answers, mut uri) = (Vec::new(), 0, first.to_owned());
    loop {
        let answer = server.get(&uri).await;
        assert_eq!(answer.status, 200, "{uri}: {}", answer.text);
        let page = answer.json();
        let features = page["features"].as_array().unwrap();
        found.extend(features.iter().map(|feature| feature["id"].as_str().unwrap().to_owned()));
        answers += 1;
        let Some(next) = link(&page, "next") else { return (found, answers) };
        next.clone_into(&mut uri);
    }
}

fn expected(count: usize, typed: &str) -> Vec<String> {
    (0..count).filter(|index| is_found(typed, NAMES[index % NAMES.len()].1)).map(id).collect()
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn names_found_are_those_that_a_look_at_each_finds() {
    let server = cafes(200, None).await;
    for (text, typed) in TYPED {
        let (expected, q) = (expected(200, typed), escaped(text));
        let (near, _) = walk(&server, &format!("{NEARBY}&limit=15&q={q}")).await;
        assert_eq!(near, expected, "{text}");
        let within = format!("{SEARCH}?bbox=2,48,3,49&lat=48.85&lon=2.35&limit=15&q={q}");
        assert_eq!(walk(&server, &within).await.0, expected, "{text}");
        let (mut boxed, _) = walk(&server, &format!("{ITEMS}?bbox=2,48,3,49&limit=15&q={q}")).await;
        boxed.sort();
        assert_eq!(boxed, expected, "{text}");
    }
}

#[tokio::test]
async fn names_go_with_filters_orders_and_batches() {
    let server = cafes(40, None).await;
    let (found, _) = walk(&server, &format!("{NEARBY}&q=cafe+mul&filter=n%3E5&sort=-n")).await;
    assert_eq!(found, [id(30), id(20), id(10)]);
    let position = json!({ "lat": 48.85, "lon": 2.35 });
    let body = json!({ "positions": [position], "q": "cafe mul", "filter": "n > 5" }).to_string();
    let answer = server.post_as("/v1/collections/cafes/nearby:batch", "application/json", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for (index, is_in) in [(0, false), (10, true), (11, false), (30, true)] {
        assert_eq!(answer.text.contains(&id(index)), is_in, "{index}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_search_that_reads_all_it_may_goes_on_by_cursor() {
    let server = cafes(3_000, Some(4)).await;
    let (found, answers) = walk(&server, &format!("{NEARBY}&limit=100&q=nowhere")).await;
    assert!(found.is_empty() && answers > 1, "{answers} answers");
    let (found, _) = walk(&server, &format!("{NEARBY}&limit=100&q=smorrebrod")).await;
    assert_eq!(found, expected(3_000, "smorrebrod"));
}

#[tokio::test]
async fn what_is_no_name_is_refused() {
    let server = cafes(1, None).await;
    let cases = [
        ("%20", "parameter-invalid"),
        ("%CC%81", "parameter-invalid"),
        ("%F0%9F%8D%95", "parameter-invalid"),
        (&"a".repeat(257), "parameter-out-of-range"),
        (&"a+".repeat(9), "parameter-out-of-range"),
        (&"a".repeat(64), "parameter-out-of-range"),
    ];
    for (q, kind) in cases {
        let answer = server.get(&format!("{NEARBY}&q={q}")).await;
        let problem = answer.json();
        assert_eq!(
            (answer.status.as_u16(), problem["parameter"].as_str()),
            (400, Some("q")),
            "{}",
            answer.text
        );
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{q}");
    }
    assert_eq!(server.get(&format!("{NEARBY}&q=a&mode=cell")).await.status, 400);
}
