//! Imports as clients see them; who carries them out is a double.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{Method, header};
use cellar_http::config::{AccessConfig, ApiConfig, WriteConfig, WriteToken};
use cellar_http::keys::{KeyRecord, Keyring, Keys};
use cellar_search::cells::EdgeConfig;
use cellar_test_kit::imports::{ELSEWHERE, REJECT};
use cellar_test_kit::server::{Answer, Server, link, request};
use futures::stream;
use serde_json::{Value, json};

const IMPORTS: &str = "/v1/collections/wineries/imports";
const FIRST: &str = "/v1/collections/wineries/imports/00000000000000000000000000000001";

async fn server() -> Server {
    let server = Server::new();
    server.put("/v1/collections/wineries", "").await;
    server
}

async fn post(server: &Server, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = request(Method::POST, uri, body);
    for (name, value) in headers {
        let name: header::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    server.send(request).await
}

#[tokio::test]
async fn a_file_becomes_a_job_that_can_be_watched_cancelled_and_forgotten() {
    let server = server().await;
    let uri = format!("{IMPORTS}?id-column=nr&types=price=number,open=boolean&skip=2");
    let answer = post(&server, &uri, &[("content-type", "text/csv")], "nr,lat,lon\n1,1,2\n").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (202, FIRST), "{}", answer.text);
    let job = answer.json();
    assert_eq!(
        (&job["state"], &job["collection"], &job["bytes"]),
        (&json!("queued"), &json!("wineries"), &json!(17))
    );
    assert_eq!(
        job["options"],
        json!({ "id-column": "nr", "types": "price=number,open=boolean", "skip": "2" })
    );
    assert_eq!(job["created"], "2025-11-30T10:53:20.000Z");
    assert_eq!(job.get("error"), None);
    assert!(link(&job, "self").unwrap().ends_with(FIRST));
    assert_eq!(server.get(FIRST).await.json(), job);
    let list = server.get(IMPORTS).await.json();
    assert_eq!(list["imports"], json!([job]));
    let rejects = server.get(link(&job, "rejects").unwrap()).await;
    assert_eq!((rejects.text.as_str(), rejects.header("content-type")), (REJECT, "application/x-ndjson"));
    assert!(rejects.header("content-disposition").ends_with("0001.rejected.jsonl\""));
    let cancelled = post(&server, &format!("{FIRST}/cancel"), &[], "").await.json();
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(server.send(request(Method::DELETE, FIRST, "")).await.status, 204);
    let gone = [
        server.get(FIRST).await,
        server.get(&format!("{FIRST}/rejects")).await,
        post(&server, &format!("{FIRST}/cancel"), &[], "").await,
        server.send(request(Method::DELETE, FIRST, "")).await,
    ];
    for answer in gone {
        assert_eq!(answer.problem(404, "import-unknown")["parameter"], "import");
    }
}

#[tokio::test]
async fn jobs_are_those_of_their_collection() {
    let server = server().await;
    server.put("/v1/collections/others", "").await;
    post(&server, IMPORTS, &[], "x").await;
    server.get(&FIRST.replace("wineries", "others")).await.problem(404, "import-unknown");
    assert_eq!(server.get("/v1/collections/others/imports").await.json()["imports"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_by_name() {
    let server = server().await;
    let unknown = post(&server, "/v1/collections/nothing/imports", &[], "x").await;
    unknown.problem(404, "collection-unknown");
    let parameter = post(&server, &format!("{IMPORTS}?idcolumn=x"), &[], "x").await;
    let problem = parameter.problem(400, "parameter-unknown");
    assert!(problem["allowed"].as_str().unwrap().starts_with("format, preset, "), "{problem}");
    post(&server, &format!("{IMPORTS}?format="), &[], "x").await.problem(400, "parameter-invalid");
    let form = post(&server, IMPORTS, &[("content-type", "multipart/form-data; boundary=x")], "x").await;
    assert!(
        form.problem(415, "media-type-unsupported")["detail"].as_str().unwrap().contains("--data-binary")
    );
    let coded = post(&server, IMPORTS, &[("content-encoding", "br")], "x").await;
    assert_eq!(coded.problem(415, "media-type-unsupported")["allowed"], "identity, gzip, x-gzip, zstd");
    let busy = post(&server, IMPORTS, &[], "busy").await;
    busy.problem(503, "imports-busy");
    assert_eq!(busy.header("retry-after"), "30");
    assert_eq!(post(&server, IMPORTS, &[("content-encoding", "gzip")], "x").await.status, 202);
    let conditional = post(&server, IMPORTS, &[("if-match", "*")], "x").await;
    conditional.problem(400, "header-invalid");
}

#[tokio::test]
async fn a_file_that_is_announced_is_sent_and_carried_out_elsewhere() {
    let server = server().await;
    let hash = "0F".repeat(32);
    let answer = post(&server, &format!("{IMPORTS}?bytes=17&sha256={hash}&skip=1"), &[], "").await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let job = answer.json();
    assert_eq!(job["options"], json!({ "skip": "1" }), "what announces a file does not say how it is read");
    let upload = json!({
        "method": "PUT", "url": ELSEWHERE, "headers": { "content-length": "17" }, "expires": "2025-11-30T11:08:20Z"
    });
    assert_eq!(job["upload"], upload);
    assert_eq!(post(&server, IMPORTS, &[], "x").await.json().get("upload"), None);
    let rejects = server.get(&format!("{FIRST}/rejects")).await;
    assert_eq!((rejects.status.as_u16(), rejects.header("location")), (303, ELSEWHERE));
    assert_eq!((rejects.header("cache-control"), rejects.text.as_str()), ("no-store", ""));
    let cancelled = post(&server, &format!("{FIRST}/cancel"), &[], "").await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.json()["state"]), (202, &json!("running")));
}

#[tokio::test]
async fn an_announcement_that_cannot_be_read_is_named() {
    let server = server().await;
    let long = "0".repeat(65);
    for (query, name) in [
        ("bytes=0", "bytes"),
        ("bytes=", "bytes"),
        ("bytes=-1", "bytes"),
        ("bytes=1e3", "bytes"),
        ("bytes=99999999999999999999", "bytes"),
        ("bytes=1&sha256=x", "sha256"),
        (&format!("bytes=1&sha256={long}"), "sha256"),
        (&format!("bytes=1&sha256={}", "é".repeat(32)), "sha256"),
        (&format!("sha256={}", &long[1..]), "sha256"),
    ] {
        let query = query.replace('é', "%C3%A9");
        let problem =
            post(&server, &format!("{IMPORTS}?{query}"), &[], "").await.problem(400, "parameter-invalid");
        assert_eq!(problem["parameter"], name, "{query}");
        assert!(problem["allowed"].is_string(), "{query}");
    }
    post(&server, &format!("{IMPORTS}?bytes=1&bytes=2"), &[], "").await.problem(400, "parameter-repeated");
}

#[tokio::test]
async fn a_server_without_a_directory_says_so() {
    let server = Server::cached(cellar_cache::Policy::default(), EdgeConfig::default());
    server.put("/v1/collections/wineries", "").await;
    let answer = post(&server, IMPORTS, &[], "x").await;
    let problem = answer.problem(403, "imports-disabled");
    assert!(problem["detail"].as_str().unwrap().contains("CELLAR_IMPORT_DIR"), "{problem}");
    server.get(IMPORTS).await.problem(403, "imports-disabled");
}

#[tokio::test]
async fn jobs_end_with_their_collection() {
    let server = server().await;
    post(&server, IMPORTS, &[], "x").await;
    assert_eq!(server.send(request(Method::DELETE, "/v1/collections/wineries", "")).await.status, 202);
    assert_eq!(server.get(FIRST).await.json()["state"], "cancelled");
    post(&server, IMPORTS, &[], "x").await.problem(409, "collection-deleting");
}

/// What an import tells is of data that is not stored yet, or never will be: reads are open, and this is not.
#[tokio::test]
async fn imports_are_for_those_who_may_write_there() {
    let made = ["read:*", "write:wineries", "write:others"].map(|scope| {
        let scopes = vec![scope.parse().unwrap()];
        KeyRecord::generate(None, scopes, std::time::SystemTime::UNIX_EPOCH, None)
    });
    let (records, keys): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    let ring = Keyring::of(records).unwrap();
    let access = AccessConfig { keys: Some(Arc::new(Keys::fixed(ring))), keyed_reads: false };
    let token = "correct-horse-battery";
    let writes = WriteConfig { token: Some(WriteToken::new(token).unwrap()), open: false };
    let server = Server::with_access(ApiConfig::default(), writes, access);
    let bearer = |key: &str| format!("Bearer {key}");
    let send = async |key: &str, method: Method, uri: &str| {
        let mut request = request(method, uri, "x");
        if !key.is_empty() {
            request.headers_mut().insert(header::AUTHORIZATION, bearer(key).parse().unwrap());
        }
        server.send(request).await
    };
    let mut made = request(Method::PUT, "/v1/collections/wineries", "");
    made.headers_mut().insert(header::AUTHORIZATION, bearer(token).parse().unwrap());
    assert_eq!(server.send(made).await.status, 201);
    let rejects = format!("{FIRST}/rejects");
    let requests = [
        (Method::POST, IMPORTS, 202),
        (Method::GET, IMPORTS, 200),
        (Method::GET, FIRST, 200),
        (Method::GET, &rejects, 200),
        (Method::DELETE, FIRST, 204),
    ];
    for (method, uri, status) in requests {
        send("", method.clone(), uri).await.problem(401, "write-unauthorized");
        for key in [&keys[0], &keys[2]] {
            let problem = send(key, method.clone(), uri).await.problem(403, "scope-missing");
            assert_eq!(problem["allowed"], "write:wineries", "{method} {uri}");
        }
        let answer = send(&keys[1], method.clone(), uri).await;
        assert_eq!(answer.status, status, "{method} {uri}: {}", answer.text);
    }
    assert_eq!(send("", Method::GET, "/v1/collections/wineries").await.status, 200, "reads are open");
}

/// Files take minutes to come in. They neither take the places of writes nor wait for one.
#[tokio::test]
async fn files_on_their_way_keep_no_writer_waiting() {
    if cellar_test_kit::transport::is_lambda() {
        return; // A function has the whole body before it begins.
    }
    let config = ApiConfig { max_writes_in_flight: 1, ..ApiConfig::default() };
    let server = Server::with(config, WriteConfig { token: None, open: true });
    server.put("/v1/collections/wineries", "").await;
    let slow = |router: axum::Router| {
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        tokio::spawn(async move {
            cellar_test_kit::server::send(&router, request(Method::POST, IMPORTS, never)).await.status
        })
    };
    let uploads: Vec<_> = (0..3).map(|_| slow(server.router.clone())).collect();
    tokio::task::yield_now().await;
    let written = server
        .put("/v1/collections/wineries/items/w-000", cellar_test_kit::server::winery(0).to_string())
        .await;
    assert_eq!(written.status, 201, "{}", written.text);
    assert!(uploads.iter().all(|upload| !upload.is_finished()));
    let _: Value = server.get(IMPORTS).await.json();
    uploads.iter().for_each(tokio::task::JoinHandle::abort);
}
