//! OGC API - Features 1.0, Part 1 (<https://docs.ogc.org/is/17-069r4/17-069r4.html>), as its clients walk through it.

use axum::http::Method;
use cellar_http::config::{ApiConfig, WriteConfig};
use cellar_test_kit::server::{Server, request, send};
use serde_json::{Value, json};

const BASE: &str = "https://geo.example.com/cellar";

async fn published() -> Server {
    let config = ApiConfig { public_url: Some(BASE.into()), ..ApiConfig::default() };
    Server::with(config, WriteConfig { token: None, open: true }).filled_with_wineries(30).await
}

/// The target of the first link of a relation.
fn link(document: &Value, rel: &str) -> Option<String> {
    let links = document["links"].as_array()?;
    let found = links.iter().find(|link| link["rel"] == rel)?;
    found["href"].as_str().map(str::to_owned)
}

/// Follows a link, which must be a whole address, to a document that says where it is itself.
async fn follow(server: &Server, document: &Value, rel: &str) -> Value {
    let href = link(document, rel).unwrap_or_else(|| panic!("no `{rel}` in {document}"));
    let path = href.strip_prefix(BASE).unwrap_or_else(|| panic!("{href} is not below {BASE}"));
    let answer = server.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn from_the_landing_page_everything_is_found() {
    let server = published().await;
    for path in ["/", "/v1"] {
        let landing = server.get(path).await.json();
        assert_eq!(link(&landing, "self").unwrap(), format!("{BASE}{path}"));
        let conformance = follow(&server, &landing, "conformance").await;
        let classes = conformance["conformsTo"].as_array().unwrap();
        assert!(classes.contains(&json!("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core")));
        let api = follow(&server, &landing, "service-desc").await;
        assert_eq!((&api["openapi"], &api["servers"][0]["url"]), (&json!("3.0.3"), &json!(BASE)));
        let collections = follow(&server, &landing, "data").await;
        assert_eq!(collections["collections"].as_array().map(Vec::len), Some(1));
    }
    assert_eq!(
        server.get("/openapi-3.0.json").await.header("content-type"),
        "application/vnd.oai.openapi+json;version=3.0"
    );
}

#[tokio::test]
async fn every_page_of_a_collection_is_read() {
    let server = published().await;
    let collections = server.get("/v1/collections").await.json();
    let listed = &collections["collections"][0];
    let collection = follow(&server, listed, "self").await;
    assert_eq!(&collection, listed, "the list says the same");
    assert_eq!(collection["itemType"], "feature");
    assert_eq!(collection["crs"], json!(["http://www.opengis.net/def/crs/OGC/1.3/CRS84"]));
    let bbox = collection["extent"]["spatial"]["bbox"][0].as_array().unwrap().clone();
    let edge = |index: usize| bbox[index].as_f64().unwrap();

    let mut page = server.get("/v1/collections/wineries/items?limit=7").await.json();
    let mut read = Vec::new();
    loop {
        assert!(page["timeStamp"].as_str().is_some_and(|at| at.ends_with('Z') && at.len() == 20), "{page}");
        assert_eq!(page["numberReturned"].as_u64(), page["features"].as_array().map(|f| f.len() as u64));
        assert_eq!(page.get("numberMatched"), None, "it is not known");
        assert_eq!(follow(&server, &page, "collection").await, collection);
        read.extend(page["features"].as_array().unwrap().clone());
        if link(&page, "next").is_none() {
            break;
        }
        page = follow(&server, &page, "next").await;
    }
    let mut ids: Vec<_> = read.iter().map(|feature| feature["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((read.len(), ids.len()), (30, 30));
    for feature in &read {
        let at = |index: usize| feature["geometry"]["coordinates"][index].as_f64().unwrap();
        assert!((edge(0)..=edge(2)).contains(&at(0)) && (edge(1)..=edge(3)).contains(&at(1)), "{feature}");
    }
    let whole = server.get("/v1/collections/wineries/items?limit=10000").await.json();
    assert_eq!((&whole["numberMatched"], &whole["numberReturned"]), (&json!(30), &json!(30)));
}

#[tokio::test]
async fn a_feature_says_where_it_is_and_can_be_sent_back() {
    let server = published().await;
    let uri = "/v1/collections/wineries/items/w-000";
    let answer = server.get(uri).await;
    let feature = answer.json();
    assert_eq!(link(&feature, "self").unwrap(), format!("{BASE}{uri}"));
    assert_eq!(follow(&server, &feature, "self").await, feature);
    assert_eq!(follow(&server, &feature, "collection").await["id"], "wineries");
    let sent_back = server.put(uri, answer.text.clone()).await;
    assert_eq!((sent_back.status.as_u16(), &sent_back.text), (200, &answer.text));
    assert_eq!(sent_back.header("etag"), answer.header("etag"), "links are not stored");
}

#[tokio::test]
async fn parameters_of_the_standard_are_checked() {
    let server = published().await;
    let server = &server;
    let items = async |query: &str| server.get(&format!("/v1/collections/wineries/items?{query}")).await;
    let all = items("limit=100").await.json();
    for same in [
        "limit=101",
        "bbox=-180,-90,180,90&limit=100",
        "bbox=-180,-90,-10,180,90,9000&limit=100",
        "datetime=2026-01-31T12:00:00Z&limit=100",
        "datetime=../2026-01-31T12:00:00Z&limit=100",
    ] {
        assert_eq!(items(same).await.json()["features"], all["features"], "{same}");
    }
    for (bad, slug, parameter) in [
        ("limit=0", "parameter-out-of-range", "limit"),
        ("datetime=tomorrow", "parameter-invalid", "datetime"),
        ("datetime=2027-01-31T12:00:00Z/2026-01-31T12:00:00Z", "parameter-invalid", "datetime"),
        ("bbox=1,2,3,4,5", "parameter-invalid", "bbox"),
        ("bbox=1,2,9,3,4,8", "parameter-out-of-range", "bbox"),
        ("f=xml", "parameter-invalid", "f"),
        ("f=json&f=json", "parameter-repeated", "f"),
        ("crs=x", "parameter-unknown", "crs"),
    ] {
        assert_eq!(items(bad).await.problem(400, slug)["parameter"], parameter, "{bad}");
    }
}

/// `OWSLib` adds a slash to the address and looks for everything below it.
#[tokio::test]
async fn below_the_api_is_what_is_at_the_root() {
    let server = published().await;
    assert_eq!(server.get("/v1/").await.text, server.get("/v1").await.text);
    assert_eq!(server.get("/v1/conformance").await.text, server.get("/conformance").await.text);
}

#[tokio::test]
async fn collections_are_found_from_the_root() {
    let server = published().await;
    let answer = server.get("/collections").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (307, &*format!("{BASE}/v1/collections"))
    );
}

/// Clients such as GDAL 3.6 resolve no paths.
#[tokio::test]
async fn without_an_address_links_begin_with_the_host_that_was_asked() {
    let server = Server::with_wineries(1).await;
    let mut request = request(Method::GET, "/v1/collections/wineries", "");
    request.headers_mut().insert("host", "localhost:8080".parse().unwrap());
    request.headers_mut().insert("x-forwarded-host", "evil.example.com".parse().unwrap());
    let collection = send(&server.router, request).await.json();
    assert_eq!(link(&collection, "self").unwrap(), "http://localhost:8080/v1/collections/wineries");
}

/// Where the server does not know its own address, links are paths.
/// Clients look for the paths of the document below the server that it names. Names are made up at will: none is forgotten
/// wrongly for that.
#[tokio::test]
async fn documents_name_the_server_as_it_was_asked() {
    let server = Server::with_wineries(0).await;
    for n in (0..20).chain(0..20) {
        for path in ["/openapi.json", "/openapi-3.0.json"] {
            let mut request = request(Method::GET, path, "");
            request.headers_mut().insert("host", format!("host{n}.test:8080").parse().unwrap());
            let answer = server.send(request).await;
            assert_eq!(answer.json()["servers"][0]["url"], format!("http://host{n}.test:8080"));
            assert_eq!(answer.header("cache-control"), "private, max-age=300");
        }
    }
}

#[tokio::test]
async fn without_an_address_or_host_links_are_paths() {
    let server = Server::with_wineries(1).await;
    let collection = server.get("/v1/collections/wineries").await.json();
    assert_eq!(link(&collection, "items").unwrap(), "/v1/collections/wineries/items");
    assert_eq!(link(&server.get("/v1").await.json(), "data").unwrap(), "/v1/collections");
}
