//! Documents for people: the class HTML of OGC API - Features.

use std::collections::BTreeSet;

use axum::http::{Method, header};
use cellar_http::config::{ApiConfig, WriteConfig};
use cellar_test_kit::server::{Answer, Server, link, request};

const BASE: &str = "https://geo.example.com/cellar";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const DOCUMENTS: [&str; 7] = [
    "/v1",
    "/v1/",
    "/conformance",
    "/v1/collections",
    "/v1/collections/wineries",
    "/v1/collections/wineries/items",
    "/v1/collections/wineries/items/w-000",
];

async fn published() -> Server {
    let config = ApiConfig { public_url: Some(BASE.into()), ..ApiConfig::default() };
    Server::with(config, WriteConfig { token: None, open: true }).filled_with_wineries(30).await
}

async fn browse(server: &Server, path: &str) -> Answer {
    let mut request = request(Method::GET, path, "");
    request.headers_mut().insert(header::ACCEPT, BROWSER.parse().unwrap());
    server.send(request).await
}

/// What a page links to, as paths of the server.
fn links_of(page: &str) -> Vec<String> {
    let targets = page.split("href=\"").skip(1).filter_map(|text| text.split('"').next());
    let own = targets.filter(|target| !target.starts_with("data:"));
    own.map(|target| {
        let path = target.strip_prefix(BASE).unwrap_or_else(|| panic!("{target} is not below {BASE}"));
        path.replace("&amp;", "&")
    })
    .collect()
}

fn varies(answer: &Answer) -> String {
    let values: Vec<_> = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    values.join(", ")
}

#[tokio::test]
async fn a_browser_reaches_everything_by_links() {
    let server = published().await;
    let (mut next, mut seen) = (vec!["/v1".to_owned()], BTreeSet::new());
    while let Some(path) = next.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = browse(&server, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        if answer.header("content-type").starts_with("text/html") && path != "/explorer" {
            assert!(answer.text.contains("<title>") && answer.text.ends_with("</html>"), "{path}");
            next.extend(links_of(&answer.text));
        }
    }
    let items =
        (0..30).filter(|index| seen.contains(&format!("/v1/collections/wineries/items/w-{index:03}")));
    assert_eq!(items.count(), 30, "{seen:?}");
    for path in ["/explorer", "/conformance", "/openapi.json", "/v1/collections/wineries/items?f=json"] {
        assert!(seen.contains(path), "{path} in {seen:?}");
    }
}

#[tokio::test]
async fn each_document_has_both_forms_and_says_so() {
    let server = published().await;
    for path in DOCUMENTS {
        let (json, html) =
            (server.get(&format!("{path}?f=json")).await, server.get(&format!("{path}?f=html")).await);
        assert_eq!(html.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(json.header("content-type").ends_with("json"), "{path}");
        assert!(browse(&server, &format!("{path}?f=json")).await.json().is_object(), "`f` counts");
        assert_eq!(browse(&server, path).await.header("content-type"), "text/html; charset=utf-8", "{path}");
        if path != "/conformance" {
            let alternate = link(&json.json(), "alternate").unwrap().strip_prefix(BASE).unwrap().to_owned();
            assert_eq!(server.get(&alternate).await.header("content-type"), "text/html; charset=utf-8");
        }
        for answer in [&json, &html] {
            assert!(varies(answer).split(", ").any(|name| name == "accept"), "{path}: {}", varies(answer));
            assert_eq!(answer.header("cache-control"), "private, no-store", "{path}");
            assert!(answer.header("link").contains("rel=\"self\""), "{path}: {}", answer.header("link"));
        }
    }
    let classes = server.get("/conformance").await.json()["conformsTo"].clone();
    let html = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html";
    assert!(classes.as_array().unwrap().contains(&html.into()));
}

#[tokio::test]
async fn headers_link_as_the_document_does() {
    let server = published().await;
    let answer = server.get("/v1/collections/wineries/items?limit=7").await;
    let document = answer.json();
    let links = document["links"].as_array().unwrap();
    assert_eq!(links.len(), 4);
    let header: Vec<_> = answer.header("link").split(", ").collect();
    for (link, value) in links.iter().zip(header) {
        let text = |name: &str| link[name].as_str().unwrap();
        assert_eq!(value, format!("<{}>; rel=\"{}\"; type=\"{}\"", text("href"), text("rel"), text("type")));
    }
    assert!(answer.header("link").contains("rel=\"next\""));
}

#[tokio::test]
async fn a_page_goes_on_in_its_form() {
    let server = published().await;
    let mut path = "/v1/collections/wineries/items?limit=20&f=html".to_owned();
    let mut places = 0;
    loop {
        let page = server.get(&path).await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        places += page.text.matches("/items/w-").count();
        let Some(next) = links_of(&page.text).into_iter().find(|link| link.contains("cursor=")) else {
            break;
        };
        // The link to the same as JSON has the cursor, too.
        if next.contains("f=json") {
            break;
        }
        path = next;
    }
    assert_eq!(places, 30);
}

#[tokio::test]
async fn the_root_is_the_explorer_for_browsers_and_a_page_where_one_is_named() {
    let server = published().await;
    assert!(browse(&server, "/").await.text.contains("script-src"), "the explorer");
    let page = browse(&server, "/?f=html&utm_source=x").await.text;
    assert!(!page.contains("<script") && page.contains("/explorer"), "{page}");
    assert_eq!(browse(&server, "/?f=json").await.json()["title"], "Cellar");
}

#[tokio::test]
async fn pages_load_nothing_and_are_in_no_frame() {
    let server = published().await;
    for path in DOCUMENTS {
        let page = browse(&server, path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(
            policy.contains("frame-ancestors 'none'")
                && !policy.contains("unsafe")
                && !policy.contains("http")
        );
        assert_eq!((page.header("x-frame-options"), page.header("referrer-policy")), ("DENY", "no-referrer"));
        assert!(!page.text.contains("<script") && !page.text.contains(" style="), "{path}");
    }
    let explorer = server.get("/explorer").await;
    assert!(explorer.text.contains(explorer.header("content-security-policy")), "it says what the page says");
}

#[tokio::test]
async fn a_page_has_a_tag_of_its_own() {
    let server = published().await;
    let path = "/v1/collections/wineries/items/w-000";
    let (json, page) = (server.get(path).await, browse(&server, path).await);
    assert_ne!(json.header("etag"), page.header("etag"));
    let mut again = request(Method::GET, path, "");
    again.headers_mut().insert(header::ACCEPT, BROWSER.parse().unwrap());
    again.headers_mut().insert(header::IF_NONE_MATCH, page.header("etag").parse().unwrap());
    assert_eq!(server.send(again).await.status, 304);
}

#[tokio::test]
async fn what_is_stored_is_shown_as_text() {
    let server = Server::with_wineries(0).await;
    let place = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[2.5,48.25]},"properties":{"name":"<script>alert(1)</script>","n":7}}"#;
    server.put("/v1/collections/wineries/items/a%22%3E%3Cb%3E", place).await;
    server.put("/v1/collections/wineries", r#"{"title":"<img src=x onerror=alert(1)>"}"#).await;
    for path in [
        "/v1/collections",
        "/v1/collections/wineries",
        "/v1/collections/wineries/items",
        "/v1/collections/wineries/items/a%22%3E%3Cb%3E",
    ] {
        let page = browse(&server, path).await;
        assert_eq!(page.status, 200, "{path}");
        for markup in ["<script", "<img", "<b>a", "\"><b>"] {
            assert!(!page.text.contains(markup), "{path}: {markup} in {}", page.text);
        }
    }
    let page = browse(&server, "/v1/collections/wineries/items").await.text;
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("2.5, 48.25"), "{page}");
}
