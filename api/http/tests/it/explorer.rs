//! The page for people: at the address itself for those who ask for HTML, and at a path of its own.

use axum::http::{Method, StatusCode, header};

use cellar_test_kit::server::{Answer, Server, request};

async fn ask(server: &Server, uri: &str, name: header::HeaderName, value: &str) -> Answer {
    let mut request = request(Method::GET, uri, "");
    request.headers_mut().insert(name, value.parse().unwrap());
    server.send(request).await
}

#[tokio::test]
async fn browsers_get_the_page_and_programs_get_links() {
    let server = Server::new();
    let page = ask(&server, "/", header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text.starts_with("<!doctype html>"));
    for accept in ["*/*", "application/json", "text/html;q=0"] {
        let links = ask(&server, "/", header::ACCEPT, accept).await;
        assert_eq!(links.json()["title"], "Cellar", "{accept}");
        // A shared cache may not heed `Vary`.
        for answer in [&page, &links] {
            let vary: Vec<_> =
                answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
            assert!(vary.join(", ").split(", ").any(|name| name == "accept"), "{accept}: {vary:?}");
            assert_eq!(answer.header("cache-control"), "private, no-store");
        }
    }
}

#[tokio::test]
async fn the_page_has_a_path_of_its_own_and_may_be_kept() {
    let server = Server::new();
    let page = server.get("/explorer").await;
    assert_eq!(page.header("cache-control"), "public, max-age=300");
    let again = ask(&server, "/explorer", header::IF_NONE_MATCH, page.header("etag")).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
}

#[tokio::test]
async fn the_page_may_load_nothing_from_anybody_and_is_in_no_frame() {
    let page = Server::new().get("/explorer").await;
    let policy = page.text.split("content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(policy.contains("connect-src 'self'") && !policy.contains("unsafe") && !policy.contains("http"));
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
}
