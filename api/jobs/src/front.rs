//! Requests through HTTP, to warm what stands in front of the API, and the caches of the processes behind it.

use std::time::Duration;

use cellar_model::Collection;
use futures::stream::{self, StreamExt as _};
use geo_index::{Meters, Position};
use reqwest::{Client, Url};
use serde::Serialize;

/// Time for one request.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Where the requests go.
#[derive(Clone, Debug)]
pub struct Front {
    base: Url,
    client: Client,
}

/// What came of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FrontReport {
    /// Requests that were answered well.
    pub answered: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Why, of the first.
    pub first_failure: Option<String>,
}

impl Front {
    /// Requests to a server at this URL, which may have a path of its own.
    pub fn new(base: Url) -> Result<Self, reqwest::Error> {
        let agent = concat!("cellar-warm/", env!("CARGO_PKG_VERSION"));
        let client = Client::builder().timeout(TIME_LIMIT).user_agent(agent).build()?;
        Ok(Self { base, client })
    }

    /// Asks for the places near each position, `concurrency` at a time. `progress` is told the account so far.
    pub async fn ask(
        &self,
        collection: &Collection,
        origins: &[Position],
        radius: Meters,
        concurrency: usize,
        mut progress: impl FnMut(&FrontReport),
    ) -> FrontReport {
        let requests = origins.iter().map(|origin| self.get(self.nearby(collection, *origin, radius)));
        let mut answers = stream::iter(requests).buffer_unordered(concurrency.max(1));
        let mut report = FrontReport::default();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(()) => report.answered += 1,
                Err(reason) => {
                    report.failed += 1;
                    report.first_failure.get_or_insert(reason);
                }
            }
            progress(&report);
        }
        report
    }

    /// The URL of a search. Without a radius it is the server's own.
    fn nearby(&self, collection: &Collection, origin: Position, radius: Meters) -> Url {
        let mut url = self.base.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{path}/v1/collections/{collection}/nearby"));
        let mut query = url.query_pairs_mut();
        query.clear();
        query.append_pair("lat", &format!("{:.6}", origin.lat()));
        query.append_pair("lon", &format!("{:.6}", origin.lon()));
        if radius > Meters::ZERO {
            query.append_pair("radius", &radius.get().to_string());
        }
        drop(query);
        url
    }

    async fn get(&self, url: Url) -> Result<(), String> {
        let answered = async {
            let answer = self.client.get(url.clone()).send().await?.error_for_status()?;
            // What is cut off is not cached.
            answer.bytes().await
        };
        match answered.await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.status() {
                Some(status) => format!("{url}: {status}"),
                None => format!("{url}: {}", root_cause(&error)),
            }),
        }
    }
}

/// The innermost reason: the outer ones say no more than that a request failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), root_cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_those_of_nearby_searches() {
        let url = |base: &str, radius: f64| {
            let front = Front::new(base.parse().unwrap()).unwrap();
            let origin = Position::new(48.5, -0.000_000_1).unwrap();
            front.nearby(&"bars".parse().unwrap(), origin, Meters::new(radius).unwrap()).to_string()
        };
        let path = "v1/collections/bars/nearby?lat=48.500000&lon=-0.000000";
        assert_eq!(url("http://localhost:80", 0.0), format!("http://localhost/{path}"));
        assert_eq!(
            url("https://a.example/api/?x=1", 2_500.5),
            format!("https://a.example/api/{path}&radius=2500.5")
        );
    }
}
