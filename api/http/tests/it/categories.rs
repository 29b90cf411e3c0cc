//! Searches by category, and the list of categories.

use serde_json::{Value, json};

use cellar_test_kit::server::{Server, ids, link};

const ITEMS: &str = "/v1/collections/bars/items";

fn feature(id: &str, lon: f64, category: &Value) -> Value {
    json!({ "type": "Feature", "id": id, "properties": { "category": category },
            "geometry": { "type": "Point", "coordinates": [lon, 0.0] } })
}

/// Places along the equator: `c` is a cafe, `b` a bar, `l` both, `n` has the number 541, `t` has a text that looks like it,
/// `x` no category.
async fn bars() -> Server {
    let server = Server::new();
    assert_eq!(server.put("/v1/collections/bars", "").await.status, 201);
    let all = [
        ("c", json!("cafe")),
        ("b", json!(" bar ")),
        ("l", json!(["cafe", "bar", "bar"])),
        ("n", json!(541)),
        ("t", json!("0541")),
        ("x", json!(null)),
        ("k", json!("food, drink")),
    ];
    let features: Vec<Value> = all
        .iter()
        .enumerate()
        .map(|(i, (id, category))| feature(id, 0.001 * (i as f64 + 1.0), category))
        .collect();
    let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
    assert_eq!(server.post_as(ITEMS, "application/geo+json", batch).await.status, 200);
    server
}

async fn found(server: &Server, category: &str) -> Vec<String> {
    let answer = server.get(&format!("/v1/collections/bars/nearby?lat=0&lon=0&category={category}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let boxed = server.get(&format!("{ITEMS}?bbox=-1,-1,1,1&category={category}")).await;
    assert_eq!(boxed.status, 200, "{}", boxed.text);
    let cell = server.get(&format!("/v1/collections/bars/cells/gh:s000/nearby?category={category}")).await;
    let of = |answer: &Value| {
        let mut ids = ids(answer);
        ids.sort();
        ids
    };
    assert_eq!(of(&answer.json()), of(&boxed.json()), "{category}");
    assert_eq!(of(&answer.json()), of(&cell.json()), "{category}");
    ids(&answer.json())
}

#[tokio::test]
async fn categories_are_compared_by_their_texts() {
    let server = bars().await;
    for (category, expected) in [
        ("cafe", vec!["c", "l"]),
        ("+bar+", vec!["b", "l"]),
        ("bar,cafe", vec!["c", "b", "l"]),
        ("541", vec!["n"]),
        ("0541", vec!["t"]),
        ("food%5C,+drink", vec!["k"]),
        ("nowhere", vec![]),
        ("nowhere,541", vec!["n"]),
        ("!bar", vec!["c", "n", "t", "x", "k"]),
        ("!bar,cafe,541", vec!["t", "x", "k"]),
    ] {
        assert_eq!(found(&server, category).await, expected, "{category}");
    }
}

#[tokio::test]
async fn a_category_that_is_nowhere_costs_no_query() {
    let server = bars().await;
    let answer = server.get("/v1/collections/bars/nearby?lat=0&lon=0&category=nowhere").await;
    assert!(
        answer.header("server-timing").contains("queries;desc=\"0\""),
        "{}",
        answer.header("server-timing")
    );
    // Until it is somewhere; a cell answer is kept for seconds only.
    let cell = "/v1/collections/bars/cells/gh:s000/nearby?category=zoo";
    let empty = server.get(cell).await;
    assert!(empty.header("cache-control").contains("s-maxage=5"), "{}", empty.header("cache-control"));
    let zoo = feature("z", 0.001, &json!("zoo")).to_string();
    assert_eq!(server.put(&format!("{ITEMS}/z"), zoo).await.status, 201);
    assert_eq!(ids(&server.get(cell).await.json()), ["z"]);
    assert_eq!(found(&server, "zoo").await, ["z"]);
}

#[tokio::test]
async fn what_could_not_be_found_again_is_refused() {
    let server = bars().await;
    for category in [json!("x".repeat(201)), json!("a\nb"), json!(["a", "b\u{1}"]), json!([1, 2, 3, 4, 5])] {
        let body = feature("bad", 0.0, &category).to_string();
        let answer = server.put(&format!("{ITEMS}/bad"), body).await;
        assert!(answer.status.is_client_error(), "{}", answer.text);
        assert!(answer.text.contains("category"), "{}", answer.text);
        assert_eq!(server.get(&format!("{ITEMS}/bad")).await.status, 404);
    }
}

#[tokio::test]
async fn categories_are_listed_in_parts() {
    let server = bars().await;
    let path = "/v1/collections/bars/categories";
    let answer = server.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    let texts = |page: &Value| -> Vec<String> {
        let listed = page["categories"].as_array().unwrap().iter();
        listed.map(|line| line["category"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["0541", "541", "bar", "cafe", "food, drink"];
    assert_eq!(texts(&answer.json()), all);
    assert_eq!(answer.json()["indexed"], true);
    let (mut walked, mut uri) = (Vec::new(), format!("{path}?limit=2"));
    loop {
        let page = server.get(&uri).await.json();
        walked.extend(texts(&page));
        let Some(next) = link(&page, "next") else { break };
        next.clone_into(&mut uri);
    }
    assert_eq!(walked, all);
    assert_eq!(server.get("/v1/collections/nope/categories").await.status, 404);
    assert_eq!(server.get(&format!("{path}?limit=0")).await.status, 400);
}
