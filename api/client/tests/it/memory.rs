//! What a client remembers of densities, and that it need not.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use cellar_client::{NearbyClient, Response, Transport, TransportError, Wanted};
use geo_index::edge::CacheCell;
use geo_index::{Meters, Position, distance};

/// A server without a density map, with one place, at which its answers end.
#[derive(Default)]
struct Narrow(Mutex<Vec<String>>);

#[async_trait]
impl Transport for &Narrow {
    async fn get(&self, path: &str) -> Result<Response, TransportError> {
        let Some(cell) = path.split('/').nth(5).and_then(|cell| cell.parse::<CacheCell>().ok()) else {
            return Err(TransportError(format!("{path} is not there")));
        };
        self.0.lock().unwrap().push(cell.to_string());
        let place = Position::new(49.03, 2.3522).unwrap();
        let certified_m = distance(cell.centre(), place).get().floor();
        let body = format!(
            r#"{{"type":"FeatureCollection","cell":"{cell}","certified_radius_m":{certified_m},"features":[
                {{"type":"Feature","id":"w-1","properties":{{}},
                  "geometry":{{"type":"Point","coordinates":[2.3522,49.03]}}}}]}}"#
        );
        Ok(Response { body: body.into(), ..Response::default() })
    }
}

/// The cells that two searches of one user ask for: 10 km from the centre of `u09t`, and looking 19 km far: the place is 28 km from
/// that centre, and 19.3 from the user.
async fn asked(remembers: bool) -> Vec<String> {
    let server = Narrow::default();
    let client = NearbyClient::new(&server).keeping(0);
    let client = if remembers { client } else { client.without_memory() };
    for _ in 0..2 {
        let wanted = Wanted {
            collection: "wineries".parse().unwrap(),
            category: None,
            position: Position::new(48.8566, 2.3522).unwrap(),
            radius: Meters::new(19_000.0).unwrap(),
            limit: 20,
        };
        assert!(client.nearby(wanted, Duration::from_mins(1)).await.unwrap().hits.is_empty());
    }
    drop(client);
    server.0.into_inner().unwrap()
}

#[tokio::test]
async fn what_worked_comes_first_the_next_time_unless_nothing_is_remembered() {
    assert_eq!(asked(true).await, ["gh:u09t", "gh:u09tv", "gh:u09tv"]);
    assert_eq!(asked(false).await, ["gh:u09t", "gh:u09tv", "gh:u09t", "gh:u09tv"]);
}
