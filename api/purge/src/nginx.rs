//! The local edge: nginx, as `cellar edge` and infra/edge/start.sh run it.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Url};
use serde::Serialize;

use super::{EdgeInvalidator, Purge, PurgeError, whole};

/// How long it may take: it reads the head of each cached file.
const LIMIT: Duration = Duration::from_secs(10);

/// The purge address of the local edge, which answers to its own machine only.
#[derive(Clone, Debug)]
pub struct NginxPurge {
    client: Client,
    url: Url,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    all: bool,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    collections: &'a BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    tags: &'a BTreeSet<String>,
}

impl NginxPurge {
    /// An edge by its address, as in `http://127.0.0.1:8090`. The error says what is wrong with it.
    ///
    /// ```
    /// use cellar_purge::nginx::NginxPurge;
    ///
    /// assert!(NginxPurge::new("http://127.0.0.1:8090").is_ok());
    /// assert!(NginxPurge::new("127.0.0.1:8090").is_err());
    /// ```
    pub fn new(edge: &str) -> Result<Self, String> {
        let wrong = || "it has to be an address as in http://127.0.0.1:8090".to_owned();
        let mut url = Url::parse(edge).map_err(|_| wrong())?;
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if !(url.scheme() == "http" && url.path() == "/" && bare && url.fragment().is_none()) {
            return Err(wrong());
        }
        url.set_path("/_edge/purge");
        // A proxy of the environment is not on the way to one's own machine.
        let client =
            Client::builder().no_proxy().timeout(LIMIT).build().map_err(|error| error.to_string())?;
        Ok(Self { client, url })
    }
}

#[async_trait]
impl EdgeInvalidator for NginxPurge {
    async fn purge(&self, purge: &Purge, _: &str) -> Result<(), PurgeError> {
        let body = Body { all: purge.all, collections: &purge.collections, tags: &purge.tags };
        let sent = self.client.post(self.url.clone()).json(&body).send().await;
        match sent {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(PurgeError(format!("{} answers {}", self.url, answer.status()))),
            Err(error) => Err(PurgeError(whole(&error))),
        }
    }
}
