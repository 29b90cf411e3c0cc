//! `cellar nearby --url`: the same search by the client of cell answers.

use std::fmt::Write as _;
use std::time::Duration;

use cellar_cli_kit::CliError;
use cellar_client::{By, Found, HttpTransport, NearbyClient, Outcome, Request, TransportError, Wanted};
use clap::ValueEnum;
use geo_index::{HALF_CIRCUMFERENCE, Meters};

use super::rows::{Row, table};
use crate::explain::OrExplain as _;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// Answers of cells, which an edge caches for all users; the exact endpoint if none is certified
    Cell,
    /// The exact endpoint
    Exact,
}

/// Asks the API at a URL. Without a radius, as far as the server looks then.
pub(super) async fn ask(
    url: &str,
    mode: Mode,
    radius: Option<Meters>,
    wanted: impl FnOnce(Meters) -> Wanted,
) -> Result<Found, CliError> {
    let transport = HttpTransport::new(url)
        .map_err(|TransportError(reason)| CliError::usage(format!("--url {url}: {reason}")))?;
    let client = NearbyClient::new(transport);
    let radius = match (radius, mode) {
        (Some(radius), Mode::Exact) => radius,
        (Some(radius), Mode::Cell) => {
            // A cell's answer knows nothing of radii. A server that does not say its limits is asked all the same: it may be
            // away while an edge still has the answer.
            if let Ok(limits) = client.limits(PATIENCE / 6).await
                && radius > limits.max_radius
            {
                return Err(too_far(radius, limits.max_radius));
            }
            radius
        }
        (None, Mode::Exact) => {
            return client.exact_to_horizon(wanted(HALF_CIRCUMFERENCE), PATIENCE).await.explained();
        }
        (None, Mode::Cell) => {
            let limits = client.limits(PATIENCE).await.explained()?;
            if limits.horizon > limits.max_radius {
                // No client may ask for as much by itself.
                return client.exact_to_horizon(wanted(limits.horizon), PATIENCE).await.explained();
            }
            limits.horizon
        }
    };
    let found = match mode {
        Mode::Cell => client.nearby(wanted(radius), PATIENCE).await,
        Mode::Exact => client.exact(wanted(radius), PATIENCE).await,
    };
    found.explained()
}

fn too_far(radius: Meters, most: Meters) -> CliError {
    CliError::failure(format!("--radius is {radius}; the server takes at most {most}"))
        .hint("leave --radius out to look as far as the server does")
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
