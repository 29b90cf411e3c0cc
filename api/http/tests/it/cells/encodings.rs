//! Content codings over HTTP.

use std::io::Read as _;

use axum::http::Method;

use super::{ask, count, deterministic, trusted};
use cellar_test_kit::server::Server;

const CELL: &str = "/v1/collections/wineries/cells/gh:s000/nearby";

fn decoded(encoding: &str, body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    match encoding {
        "br" => drop(brotli::Decompressor::new(body, 4_096).read_to_end(&mut text).unwrap()),
        "gzip" => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut text).unwrap()),
        _ => text.extend_from_slice(body),
    }
    text
}

#[tokio::test]
async fn each_coding_has_its_own_entity_tag_and_the_same_text() {
    let server = Server::with_wineries(60).await;
    let plain = ask(&server, Method::GET, CELL, &[]).await;
    let mut etags = vec![plain.header("etag").to_owned()];
    for (accept, encoding) in
        [("br", "br"), ("gzip", "gzip"), ("gzip, deflate, br;q=0.9", "gzip"), ("*", "br")]
    {
        let raw = ask(&server, Method::GET, CELL, &[("accept-encoding", accept)]).await;
        assert_eq!(raw.header("content-encoding"), encoding, "{accept}");
        assert_eq!(decoded(encoding, &raw.body), plain.body, "{accept}");
        assert!(
            raw.body.len() * 3 < plain.body.len(),
            "{accept}: {} of {}",
            raw.body.len(),
            plain.body.len()
        );
        for name in ["vary", "content-location", "cache-tag", "cache-control", "content-type"] {
            assert_eq!(raw.header(name), plain.header(name), "{accept}");
        }
        etags.push(raw.header("etag").to_owned());
    }
    assert_eq!(plain.header("vary"), "accept-encoding");
    assert_eq!(plain.header("content-encoding"), "");
    assert!(etags.iter().all(|etag| etag.starts_with('"') && etag.ends_with('"')), "{etags:?}");
    etags.sort();
    etags.dedup();
    assert_eq!(etags.len(), 3, "{etags:?}");
}

#[tokio::test]
async fn a_head_has_the_headers_of_its_get() {
    let server = Server::with_wineries(60).await;
    for uri in [CELL, "/v1/collections/wineries/nearby?mode=cell&lat=0&lon=0"] {
        for accept in ["br", "gzip", "identity"] {
            let get = ask(&server, Method::GET, uri, &[("accept-encoding", accept)]).await;
            let head = ask(&server, Method::HEAD, uri, &[("accept-encoding", accept)]).await;
            assert_eq!((head.status, head.body.len()), (get.status, 0));
            assert_eq!(head.header("content-length"), get.body.len().to_string());
            for name in ["etag", "cache-control", "content-encoding", "content-type", "vary", "cache-tag"] {
                assert_eq!(head.header(name), get.header(name), "{uri} {accept} {name}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_is_compressed_once_for_all() {
    let server = trusted(deterministic()).filled_with_wineries(60).await;
    let asks = (0..50).map(async |number| {
        let accept = if number % 2 == 0 { "br" } else { "gzip" };
        ask(&server, Method::GET, CELL, &[("accept-encoding", accept)]).await.body
    });
    let mut answers = futures::future::join_all(asks).await;
    answers.sort();
    answers.dedup();
    assert_eq!(answers.len(), 2);
    assert_eq!(count(&server, "cellar_cell_encodings_total").await, 2);
}
