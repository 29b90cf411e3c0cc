//! Routes, headers, metrics and the table, each from the code that makes it.

use cellar_cli_kit::CliError;
use cellar_http::emf;
use cellar_http::router;
use cellar_http::routes::ping::Health;
use cellar_search::cells::representation::CACHE_TAG;
use cellar_store::table::Schema;
use clap::Command;
use serde::Serialize;

use super::readers::{self, ReadVariable};

/// What others may rely on.
#[derive(Serialize)]
pub(super) struct Contract {
    pub(super) version: &'static str,
    pub(super) routes: Vec<Route>,
    headers: Headers,
    health: String,
    metrics: Metrics,
    pub(super) variables: Vec<ReadVariable>,
    pub(super) table: Schema,
}

/// A path of the API.
#[derive(Serialize)]
pub(super) struct Route {
    pub(super) path: &'static str,
    /// Without HEAD, which every GET answers.
    pub(super) methods: Vec<String>,
    /// Those of the methods that change something.
    pub(super) writes: Vec<String>,
    /// Whether requests are admitted, shed under load, and have a deadline.
    pub(super) is_data: bool,
}

/// Names of headers that an edge has to know.
#[derive(Serialize)]
struct Headers {
    cache_tag: String,
}

/// Metrics that the Lambda function writes for `CloudWatch`.
#[derive(Serialize)]
struct Metrics {
    namespace: &'static str,
    names: Vec<&'static str>,
}

impl Contract {
    /// All of it; `cellar` is the whole command.
    pub(super) fn of(cellar: &Command) -> Result<Self, CliError> {
        let failed = |error: String| CliError::failure(error);
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            routes: router::routes().iter().map(Route::of).collect(),
            headers: Headers { cache_tag: CACHE_TAG.to_string() },
            health: serde_json::to_string(&Health::example()).map_err(|error| failed(error.to_string()))?,
            metrics: Metrics { namespace: emf::NAMESPACE, names: emf::names().collect() },
            variables: readers::variables(cellar)?,
            table: Schema::of_a_new_table().map_err(|error| failed(error.to_string()))?,
        })
    }
}

impl Route {
    fn of(route: &router::Route) -> Self {
        Self {
            path: route.path,
            methods: route.methods.iter().map(ToString::to_string).collect(),
            writes: route.writes().map(ToString::to_string).collect(),
            is_data: route.is_data,
        }
    }
}
