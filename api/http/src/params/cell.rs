//! Which cell answer a URL asks for, if it asks for one.
//!
//! Invariant: a URL gets the same cell answer here and at the edge, or the same problem. Both follow docs/EDGE.md,
//! and nothing that axum decodes takes part.

use axum::http::Uri;
use cellar_model::Collection;
use cellar_model::canonical::{Canonical, CellUrl, canonical};
use geo_index::{GeohashCell, Meters};

use crate::problem::Problem;

/// The cell answer that a URL asks for; `None` if it asks for something else. `max_radius` is the largest radius that is
/// taken, `precision_at` is the density map.
///
/// ```
/// use cellar_http::config::ApiConfig;
/// use cellar_http::params::cell_url;
///
/// let uri = "/v1/collections/w/nearby?lat=48.85&lon=2.35&mode=cell".parse()?;
/// let url = cell_url(&uri, ApiConfig::default().max_radius, |_, _| None).unwrap();
/// assert_eq!(url.unwrap().to_string(), "/v1/collections/w/cells/gh:u09t/nearby");
/// # Ok::<(), axum::http::uri::InvalidUri>(())
/// ```
pub fn cell_url(
    uri: &Uri,
    max_radius: Meters,
    precision_at: impl FnOnce(&Collection, GeohashCell) -> Option<u8>,
) -> Result<Option<CellUrl>, Problem> {
    match canonical(uri.path(), uri.query().unwrap_or_default(), max_radius, precision_at)? {
        Canonical::Cell(url) => Ok(Some(url)),
        Canonical::PassThrough => Ok(None),
    }
}
