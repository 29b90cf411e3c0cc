//! The regions of a service: which one a search goes to, and how long the way takes.
//!
//! | module | what it holds |
//! |---|---|
//! | `table` | the regions of AWS and their positions |
//! | `rtt` | round-trip times |
//!
//! Invariant: a search goes to the region nearest to its position, as with latency-based routing; of two at the same distance, to the
//! one that was named first.

mod rtt;
mod table;

#[cfg(test)]
mod tests;

use std::str::FromStr;
use std::time::Duration;

use geo_index::{Position, distance};
use thiserror::Error;
use url::Url;

pub use rtt::ClientRtt;
pub use table::{KnownRegion, known};

/// A region of the service under test.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its name, such as `us-east-1`.
    pub name: String,
    /// Where it is.
    pub position: Position,
    /// Base URL of its API, such as `https://us.places.example`, without a trailing slash.
    pub url: Url,
}

/// One or more regions with distinct names.
#[derive(Clone, Debug, PartialEq)]
pub struct Regions(Vec<Region>);

/// Why a text is not a list of regions.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RegionsError {
    /// No `=`.
    #[error("`{0}` is not a region; write NAME=URL or NAME@LAT,LON=URL")]
    Form(String),
    /// The position of the name is not known.
    #[error(
        "the region `{name}` is not known; give its position, `{name}@LAT,LON=URL`, or use one of {known}"
    )]
    Unknown {
        /// The name.
        name: String,
        /// All known names.
        known: String,
    },
    /// Not a position on Earth.
    #[error("the position of region `{name}`, `{position}`, is not LAT,LON from -90 to 90 and -180 to 180")]
    Position {
        /// The name.
        name: String,
        /// The text given as its position.
        position: String,
    },
    /// Not a base URL.
    #[error("the URL of the region `{name}`, `{url}`, {why}")]
    Url {
        /// The name.
        name: String,
        /// The text given as its URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two regions have the same name.
    #[error("the region `{0}` is named twice")]
    Twice(String),
}

impl Regions {
    /// All regions, in the order in which they were named.
    pub fn all(&self) -> &[Region] {
        &self.0
    }

    /// The region that serves a position: its index, and its distance in metres.
    ///
    /// ```
    /// use cellar_loadtest::regions::Regions;
    /// use geo_index::Position;
    ///
    /// let regions: Regions = "us-east-1=http://127.0.0.1:8080,lab@48.9,2.4=http://127.0.0.1:8081".parse()?;
    /// let (nearest, _) = regions.nearest(Position::new(51.5, -0.1)?);
    /// assert_eq!(regions.all()[nearest].name, "lab");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nearest(&self, position: Position) -> (usize, f64) {
        let away_m = self.0.iter().map(|region| distance(region.position, position).get());
        let nearest = away_m.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
        nearest.unwrap_or((0, 0.0))
    }

    /// The region that serves a position, and the round-trip time between the two.
    pub fn route(&self, position: Position, rtt: ClientRtt) -> (usize, Duration) {
        let (nearest, away_m) = self.nearest(position);
        (nearest, rtt.of(away_m))
    }
}

impl FromStr for Regions {
    type Err = RegionsError;

    /// Parses `NAME=URL,NAME@LAT,LON=URL,…`.
    fn from_str(text: &str) -> Result<Self, RegionsError> {
        let mut regions: Vec<Region> = Vec::new();
        let mut before = String::new();
        for part in text.split(',') {
            // The comma within a position does not end a region.
            let whole = format!("{before}{}", part.trim());
            if !whole.contains('=') && whole.contains('@') && before.is_empty() {
                before = format!("{whole},");
                continue;
            }
            before.clear();
            let region: Region = whole.parse()?;
            if regions.iter().any(|other| other.name == region.name) {
                return Err(RegionsError::Twice(region.name));
            }
            regions.push(region);
        }
        if before.is_empty() { Ok(Self(regions)) } else { Err(RegionsError::Form(before)) }
    }
}

impl FromStr for Region {
    type Err = RegionsError;

    fn from_str(text: &str) -> Result<Self, RegionsError> {
        let form = || RegionsError::Form(text.to_owned());
        let (place, url) = text.split_once('=').ok_or_else(form)?;
        let (name, given) = place.split_once('@').map_or((place, None), |(name, at)| (name, Some(at)));
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(form());
        }
        let position = match given {
            Some(text) => given_position(text)
                .ok_or_else(|| RegionsError::Position { name: name.to_owned(), position: text.to_owned() })?,
            None => table::position(name).ok_or_else(|| RegionsError::Unknown {
                name: name.to_owned(),
                known: known().iter().map(|region| region.name).collect::<Vec<_>>().join(", "),
            })?,
        };
        let url =
            base_url(url).map_err(|why| RegionsError::Url { name: name.to_owned(), url: shown(url), why })?;
        Ok(Self { name: name.to_owned(), position, url })
    }
}

fn given_position(text: &str) -> Option<Position> {
    let (lat, lon) = text.split_once(',')?;
    Position::new(lat.trim().parse().ok()?, lon.trim().parse().ok()?).ok()
}

/// A base URL for the paths of the API.
fn base_url(text: &str) -> Result<Url, String> {
    if !text.contains("://") {
        return Err(format!("has no scheme; write http://{text} or https://{text}"));
    }
    let url = Url::parse(text).map_err(|error| format!("cannot be parsed: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is neither http nor https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user or a password; leave them out".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment; paths are appended to it".to_owned());
    }
    Ok(url)
}

/// A URL for an error message, without what may be a password.
fn shown(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://…@{rest}"),
        None => url.to_owned(),
    }
}
