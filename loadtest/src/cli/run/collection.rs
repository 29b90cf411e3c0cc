//! The default collection of a run: the only one of the first region.
//!
//! Invariant: whatever the server does, this ends within its time limit, in bounded memory, with a collection or a one-line error.

use std::time::{Duration, Instant};

use cellar_cli_kit::{CliError, terminal};
use cellar_model::Collection;
use serde::Deserialize;

use crate::http::{Keep, Pool, RequestError, Settings};
use crate::record::Failure;
use crate::run::Region;

/// Where a server lists its collections.
const PATH: &str = "/v1/collections";
/// Most collections that an error message names.
const MAX_NAMES: usize = 10;

#[derive(Deserialize)]
struct List {
    collections: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
}

/// Asks the region for its collections; unless there is exactly one, the user has to choose.
pub(super) async fn only_one(
    region: &Region,
    http: &Settings,
    limit: Duration,
) -> Result<Collection, CliError> {
    let found = listed(region, http, limit).await.map_err(|why| {
        CliError::failure(format!(
            "cannot ask {}{PATH} for its collections: {why}; fix that, or add --collection NAME",
            region.target.url
        ))
    })?;
    match &found[..] {
        [only] => {
            terminal::note(&format!("searching `{only}`, the only collection of {}", region.name));
            Ok(only.clone())
        }
        [] => Err(CliError::usage(format!(
            "{} has no collection: import one (`cellar import FILE --collection NAME`) or add --collection NAME",
            region.target.url
        ))),
        several => Err(CliError::usage(format!(
            "{} has several collections: add --collection NAME, one of {}",
            region.target.url,
            names(several)
        ))),
    }
}

async fn listed(region: &Region, http: &Settings, limit: Duration) -> Result<Vec<Collection>, String> {
    // Without a content coding: the list is short.
    let http = Settings { accept_encoding: "identity", ..http.clone() };
    let pool = Pool::new(region.target.clone(), http);
    let answer = pool.get(PATH, Keep::All, Instant::now() + limit).await.map_err(|error| match error {
        RequestError::Unsent => Failure::TimeLimit.words().to_owned(),
        RequestError::Failed(failed) => failed.failure.words().to_owned(),
    })?;
    if answer.status != 200 {
        return Err(format!("status {}", answer.status));
    }
    let foreign = || "the answer is not a list of collections".to_owned();
    let list: List = serde_json::from_slice(&answer.body).map_err(|_| foreign())?;
    list.collections.into_iter().map(|listed| listed.id.parse().map_err(|_| foreign())).collect()
}

fn names(collections: &[Collection]) -> String {
    let told: Vec<String> = collections.iter().take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
    let more = collections.len().saturating_sub(MAX_NAMES);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    told.join(", ") + &rest
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::http::{Protocol, Target};

    #[tokio::test]
    async fn a_server_that_says_nothing_is_waited_for_no_longer_than_the_limit() {
        // Connections are made, and nobody takes them.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
        let region = Region::new("here", Target::resolve(url).await.unwrap());
        let http =
            Settings { protocol: Protocol::Http1, connections: 1, tls: None, accept_encoding: "identity" };
        let error = only_one(&region, &http, Duration::from_millis(50)).await.unwrap_err();
        assert!(error.to_string().contains("time limit; "), "{error}");
    }

    #[test]
    fn many_names_are_not_all_told() {
        let collections: Vec<Collection> = (0..12).map(|n| format!("c{n}").parse().unwrap()).collect();
        assert_eq!(names(&collections[..2]), "`c0`, `c1`");
        assert!(names(&collections).ends_with("`c9` and 2 more"));
    }
}
