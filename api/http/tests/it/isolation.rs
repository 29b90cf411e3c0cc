//! What takes too long keeps nobody else waiting.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::Method;
use cellar_http::config::{ApiConfig, WriteConfig};
use cellar_test_kit::fake::Fault;
use cellar_test_kit::server::{Server, request, send};

/// Reads of the table for searches at a time.
const READS_AT_ONCE: u32 = 128;

/// Three hundred searches want to read a table that does not answer. 128 reads are under way; the others wait where it costs
/// nothing.
#[tokio::test]
async fn so_many_reads_of_the_table_are_under_way_for_searches_and_no_more() {
    let minute = Duration::from_mins(1);
    let config = ApiConfig { max_in_flight: 1_000, read_time_limit: minute, ..ApiConfig::default() };
    let server = Server::with(config, WriteConfig { token: None, open: true });
    let server = server.filled_with_wineries(3).await;
    let settled = async |reads: u32| {
        let mut last = 0;
        // Nothing else runs on this thread: when all of it has had its turn many times, nothing will change any more.
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
            last = server.store.range_reads.load(Ordering::Relaxed);
        }
        assert_eq!(last, reads);
    };
    server.store.range_reads.store(0, Ordering::Relaxed);
    server.store.set_fault(Some(Fault::Stall));
    let search = |number: u32| {
        let (router, lat) = (server.router.clone(), f64::from(number) * 0.1 - 15.0);
        let uri = format!("/v1/collections/wineries/nearby?lat={lat}&lon=0&radius=1000");
        tokio::spawn(async move { send(&router, request(Method::GET, &uri, "")).await.status })
    };
    // Those of the second time find the places of the first ones free again.
    for times in 1..=2 {
        let searches: Vec<_> = (0..300).map(search).collect();
        settled(times * READS_AT_ONCE).await;
        assert!(searches.iter().all(|search| !search.is_finished()), "none was turned away");
        searches.iter().for_each(tokio::task::JoinHandle::abort);
    }
    server.store.set_fault(None);
    let answer = server.get("/v1/collections/wineries/nearby?lat=0&lon=0").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
