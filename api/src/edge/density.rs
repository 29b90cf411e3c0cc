//! Density maps of the origin's collections, in the form that the edge reads.

use std::collections::BTreeMap;
use std::io::Write as _;

use cellar_cli_kit::CliError;
use cellar_model::Collection;
use cellar_model::key::density_row_key;
use cellar_purge::whole;
use reqwest::{Client, Url};
use serde::Deserialize;
use tempfile::NamedTempFile;

/// What of `GET /v1/collections/{collection}/edge-map` is of use here.
#[derive(Deserialize)]
struct Document {
    rows: BTreeMap<String, String>,
}

/// The maps of some collections, in a file.
pub(super) async fn fetch(
    client: &Client,
    origin: &Url,
    collections: &[Collection],
) -> Result<NamedTempFile, CliError> {
    let mut rows = BTreeMap::new();
    for collection in collections {
        let failed = |problem: String| {
            CliError::failure(format!(
                "cannot get the density map of `{collection}` from {origin}: {problem}"
            ))
        };
        let path = format!("/v1/collections/{collection}/edge-map");
        let url = origin.join(&path).map_err(|error| failed(error.to_string()))?;
        let asked = async { client.get(url).send().await?.error_for_status()?.json::<Document>().await };
        let document = asked.await.map_err(|error| failed(whole(&error)))?;
        rows.extend(document.rows.into_iter().map(|(cells, row)| (density_row_key(collection, &cells), row)));
    }
    let write = || {
        let mut file = NamedTempFile::new()?;
        serde_json::to_writer(&mut file, &rows)?;
        file.flush()?;
        Ok::<_, std::io::Error>(file)
    };
    write().map_err(|error| CliError::failure(format!("cannot write a density map: {error}")))
}
