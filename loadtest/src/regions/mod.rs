//! Regions of a service: whose asks go where, and how far that is.
//!
//! | module | what it holds |
//! |---|---|
//! | `table` | the regions of AWS and their positions |
//! | `rtt` | the time that the way takes |
//!
//! Invariant: a user's ask goes to the region that is nearest to the position asked from, as latency-based routing would
//! have it; where two are as near, to the one that was named first.

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
    /// What it is called: `us-east-1`.
    pub name: String,
    /// Where it is.
    pub position: Position,
    /// What its API's paths follow: `https://us.places.example`, without a slash at the end.
    pub url: Url,
}

/// Regions, one or more, each with a name of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Regions(Vec<Region>);

/// Why a text is no list of regions.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RegionsError {
    /// No `=`.
    #[error("`{0}` is no region; write NAME=URL or NAME@LAT,LON=URL")]
    Form(String),
    /// A name that says nothing of the position.
    #[error(
        "the region `{name}` is not known; say where it is, `{name}@LAT,LON=URL`, or take one of {known}"
    )]
    Unknown {
        /// The name.
        name: String,
        /// All known names.
        known: String,
    },
    /// No position on Earth.
    #[error("the region `{name}` is at `{position}`, which is no LAT,LON from -90 to 90 and -180 to 180")]
    Position {
        /// The name.
        name: String,
        /// What stands for its position.
        position: String,
    },
    /// No URL to send to.
    #[error("the URL of the region `{name}`, `{url}`, {why}")]
    Url {
        /// The name.
        name: String,
        /// What stands for its URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two of one name.
    #[error("the region `{0}` is named twice")]
    Twice(String),
}

impl Regions {
    /// All regions, in the order in which they were named.
    pub fn all(&self) -> &[Region] {
        &self.0
    }

    /// The region that serves a position: its number, and its distance in metres.
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

    /// The region that serves a position, and how long a round trip of the user to it takes.
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
            // The comma of a position is no end of a region.
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

/// What may stand before the paths of the API.
fn base_url(text: &str) -> Result<Url, String> {
    if !text.contains("://") {
        return Err(format!("has no scheme; write http://{text} or https://{text}"));
    }
    let url = Url::parse(text).map_err(|error| format!("cannot be read: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is neither http nor https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or a password; leave them out".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment; paths are appended to it".to_owned());
    }
    Ok(url)
}

/// A URL for an error: without what may be a password.
fn shown(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://…@{rest}"),
        None => url.to_owned(),
    }
}
