//! Which edge a subcommand tells to forget.

use std::time::Duration;

use aws_config::BehaviorVersion;
use cellar_cli_kit::CliError;
use cellar_config::Env;
use cellar_purge::cloudfront::CloudFrontPurge;
use cellar_purge::nginx::NginxPurge;
use cellar_purge::{EdgeInvalidator, PurgeSettings};
use cellar_purge::{EdgeKind, purge_settings};
use clap::Args;

use crate::explain::OrExplain as _;

/// Where another endpoint for CloudFront is set, as for all AWS tools.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_CLOUDFRONT", "AWS_ENDPOINT_URL"];

/// The edge in front of this server, told when places change
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Edge")]
pub struct EdgePurgeArgs {
    /// Local edge to tell when places change, as in `http://127.0.0.1:8090`; it listens to its own machine only
    #[arg(
        long = "edge-purge",
        value_name = "URL",
        env = "CELLAR_EDGE_PURGE_URL",
        conflicts_with = "cloudfront"
    )]
    url: Option<String>,

    /// CloudFront distribution to tell when places change, by its id
    #[arg(long, value_name = "ID", env = "CELLAR_CLOUDFRONT_DISTRIBUTION")]
    cloudfront: Option<String>,
}

impl EdgePurgeArgs {
    /// The kind of edge; that of AWS if there is none.
    pub(super) fn kind(&self) -> EdgeKind {
        if self.url.as_ref().is_some_and(|url| !url.is_empty()) {
            EdgeKind::Nginx
        } else {
            EdgeKind::CloudFront
        }
    }

    /// Which edge is told, for people.
    pub(super) fn describe(&self) -> Option<String> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let nginx = given(&self.url).map(|url| format!("told of changes at {url}"));
        nginx.or_else(|| {
            Some(format!("CloudFront distribution {}, told of changes", given(&self.cloudfront)?))
        })
    }
}

/// An edge, and how it is told.
pub(super) type Edge = (Box<dyn EdgeInvalidator>, PurgeSettings);

impl EdgePurgeArgs {
    /// The edge, if there is one. `settle` is how long the store's index may lag behind.
    pub(super) async fn edge(&self, env: &dyn Env, settle: Duration) -> Result<Option<Edge>, CliError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(url) = given(&self.url) {
            let settings = purge_settings(env, EdgeKind::Nginx, settle).explained()?;
            let edge = NginxPurge::new(&url)
                .map_err(|problem| CliError::usage(format!("--edge-purge: {problem}")))?;
            return Ok(Some((Box::new(edge), settings)));
        }
        let Some(id) = given(&self.cloudfront) else { return Ok(None) };
        let settings = purge_settings(env, EdgeKind::CloudFront, settle).explained()?;
        let sdk = aws_config::defaults(BehaviorVersion::latest()).load().await;
        let endpoint =
            ENDPOINTS.iter().find_map(|name| std::env::var(name).ok().filter(|url| !url.is_empty()));
        let edge = CloudFrontPurge::new(&id, &sdk, endpoint.as_deref())
            .map_err(|problem| CliError::usage(format!("--cloudfront is {id:?}; {problem}")))?;
        Ok(Some((Box::new(edge), settings)))
    }
}
