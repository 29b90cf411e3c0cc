//! `cellar nearby --url`: the same search by the client of cell answers.

use std::fmt::Write as _;
use std::time::Duration;

use clap::ValueEnum;
use geo_index::edge::Wanted;

use super::rows::{Row, table};
use crate::cli::CliError;
use crate::client::{By, ClientError, Found, HttpTransport, NearbyClient, Outcome, Request, TransportError};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// Answers of cells, which an edge keeps for everybody; the exact endpoint if none is certified
    Cell,
    /// The exact endpoint
    Exact,
}

/// Asks the API at a URL.
pub(super) async fn ask(url: &str, mode: Mode, wanted: Wanted) -> Result<Found, CliError> {
    let transport = HttpTransport::new(url)
        .map_err(|TransportError(reason)| CliError::usage(format!("--url {url}: {reason}")))?;
    let client = NearbyClient::new(transport);
    let found = match mode {
        Mode::Cell => client.nearby(wanted, PATIENCE).await,
        Mode::Exact => client.exact(wanted, PATIENCE).await,
    };
    Ok(found?)
}

/// The places, and how they were found.
pub(super) fn describe(found: &Found) -> String {
    let mut text = table(found.hits.iter().map(Row::from)).to_string();
    let by = match found.by {
        By::Cell(cell) => format!("certified by the answer of {cell}"),
        By::Exact => "by the exact endpoint".to_owned(),
    };
    let asked: Vec<String> = found.requests.iter().map(one).collect();
    // Writing to a string cannot fail.
    let _ = write!(text, "\n{} places, {by}; asked: {}", found.hits.len(), asked.join(", then "));
    text
}

fn one(request: &Request) -> String {
    let mut text = request.cell.map_or_else(|| "exact".to_owned(), |cell| cell.to_string());
    let mut more: Vec<String> = Vec::new();
    if let Outcome::Failed(why) = &request.outcome {
        more.push(why.clone());
    }
    more.extend(request.cache_status.clone());
    more.extend(request.age.map(|age| format!("{} s old", age.as_secs())));
    if !more.is_empty() {
        let _ = write!(text, " ({})", more.join("; "));
    }
    text.retain(|c| !c.is_control());
    text
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let hint = match error {
            ClientError::Invalid { .. } => return Self::usage(error.to_string()),
            ClientError::Unreachable(_) => "check --url, and that `cellar serve` or an edge runs there",
            ClientError::Refused { status: 400..=499, .. } => "check --collection and the other arguments",
            ClientError::Refused { .. } | ClientError::Deadline => "try again later",
            ClientError::Broken(_) => "check that --url names this API",
        };
        Self::failure(error.to_string()).hint(hint)
    }
}
