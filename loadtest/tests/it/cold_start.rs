//! The measurement of cold starts, small, with real processes.

use cellar_loadtest::cli::cold_start::{ColdStartArgs, run};
use cellar_loadtest::coldstart::tls::TlsFront;
use clap::Parser;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::built;

/// The path of the bare function.
fn hello() -> String {
    built::example("hello-function").display().to_string()
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: ColdStartArgs,
}

/// Small numbers, which the arguments of a test go on from.
async fn cold_start(more: &[&str]) -> String {
    let hello = format!("hello={}", hello());
    let small =
        ["--rounds", "2", "--warm", "3", "--before-memory", "10", "--at-once", "5", "--duration", "500ms"];
    let all = ["loadtest", "--function", &hello].into_iter().chain(small).chain(more.iter().copied());
    let args = Cli::try_parse_from(all).unwrap_or_else(|error| panic!("{error}")).args;
    run(&args).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_measured_is_reported() {
    let other = format!("other={},RUST_LOG=warn", hello());
    let report = cold_start(&[
        "--function",
        &other,
        "--json",
        "--rate",
        "40",
        "--idle",
        "50ms",
        "--simulate",
        "100",
        "--simulate-for",
        "1m",
    ])
    .await;
    let report: Value = serde_json::from_str(&report).unwrap();
    for (at, name) in ["hello", "other"].into_iter().enumerate() {
        let start = &report["starts"][at];
        assert_eq!(start["name"], name);
        // 10 invocations in the first environment and 4 in the second, each with one cold.
        assert_eq!((&start["init"]["count"], &start["warm"]["count"]), (&2.into(), &12.into()), "{start}");
        assert!(start["init"]["p50_ms"].as_f64().unwrap() > 0.0);
        assert!(start["memory"]["resident_kib"].as_u64().unwrap() > 100);
        let burst = &report["bursts"][at];
        assert_eq!(
            (&burst["asked"], &burst["answered"], &burst["environments"]),
            (&5.into(), &5.into(), &5.into())
        );
    }
    assert_eq!(report["starts"][0]["init_ratio"], 1.0);
    let load = &report["loads"][0];
    assert_eq!(load["measured"]["failed"], 0, "{load}");
    assert_eq!(load["measured"]["answered"], load["simulated"]["answered"], "the same arrivals");
    assert!(load["measured"]["cold"].as_u64().unwrap() >= 1);
    assert!(load["little_busy_mean"].as_f64().unwrap() > 0.0);
    assert!(report["simulated"][0]["outcome"]["answered"].as_u64().unwrap() > 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_fails_is_told_and_not_hidden() {
    let crash = format!("crash={},UNRULY=crash", built::example("unruly-function").display());
    let text = cold_start(&["--function", &crash]).await;
    assert!(text.contains("2: RequestId: "), "{text}");
    assert!(text.contains("5: RequestId: "), "{text}");
    assert!(text.lines().any(|line| line.trim_start().starts_with("hello")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_start_environments_and_are_no_requests() {
    let report = cold_start(&["--json", "--rate", "0.001", "--idle", "30s", "--warmer", "2"]).await;
    let report: Value = serde_json::from_str(&report).unwrap();
    let load = &report["loads"][0];
    assert_eq!(load["arrivals"]["warmer"]["width"], 2);
    assert_eq!(
        (&load["measured"]["answered"], &load["measured"]["failed"]),
        (&0.into(), &0.into()),
        "{load}"
    );
    assert!(load["measured"]["environments"].as_u64().unwrap() >= 1, "{load}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tls_front_passes_what_is_behind_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = TlsFront::open(listener.local_addr().unwrap()).await.unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1_024];
        let read = stream.read(&mut head).await.unwrap();
        assert!(head[..read].starts_with(b"GET /x HTTP/1.1\r\n"));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nplain!").await.unwrap();
    });
    let ca = reqwest::Certificate::from_pem(&std::fs::read(front.ca()).unwrap()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
    let answer = client.get(format!("{}/x", front.url())).send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, "plain!");
    server.await.unwrap();
    assert!(reqwest::get(front.url()).await.is_err(), "nobody trusts it but who is told to");
}
