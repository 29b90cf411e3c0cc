//! A client of cell answers: exact results that a CDN has for everybody, made as docs/EDGE.md says ("What a client
//! does").
//!
//! | module | what it holds |
//! |---|---|
//! | [`transport`] | what carries requests; [`http`] is the one over reqwest |
//! | [`found`] | results, and how they came about |
//! | [`error`] | why there are none, and what is wrong with an answer |
//! | `read` | from bodies to answers that results may rest on |
//! | `kept`, `fresh` | answers that are kept for as long as they say |
//! | `hints` | density maps |
//! | `open` | which hits are open (feature `hours`) |
//!
//! Invariant: results are those of [`refine`](geo_index::edge::refine()) on an answer that passed every check of `read`,
//! or those of the exact endpoint; whatever goes wrong on the way there leads to the exact endpoint, and whatever goes
//! wrong there is an error. No list is short because something failed.

mod call;
pub mod error;
pub mod found;
mod fresh;
mod hints;
#[cfg(feature = "reqwest")]
pub mod http;
mod kept;
mod limits;
#[cfg(feature = "hours")]
pub mod open;
mod read;
pub mod transport;
mod wanted;

use std::time::{Duration, Instant};

use geo_index::HALF_CIRCUMFERENCE;
use geo_index::edge::{CacheCell, PlannerMemory};

use self::call::Call;
pub use self::error::{ClientError, Fault};
pub use self::found::{By, Found, Hit, Outcome, Request};
use self::hints::Hints;
#[cfg(feature = "reqwest")]
pub use self::http::HttpTransport;
use self::kept::Kept;
pub use self::limits::ServerLimits;
pub use self::transport::{Response, Transport, TransportError};
pub use self::wanted::{MAX_LIMIT, Wanted};

/// Bytes of answers that are kept unless told otherwise.
const KEPT_BYTES: usize = 4 << 20;

/// Finds places near users, who may be many: one client serves all threads, and what worked for one user tells where
/// to look for the next.
///
/// ```
/// use std::time::Duration;
///
/// use cellar_client::{By, NearbyClient, Response, Transport, TransportError, Wanted};
/// use geo_index::{Meters, Position};
///
/// /// A server with one winery. [`HttpTransport`](cellar_client::HttpTransport) asks real ones.
/// struct Canned;
///
/// #[async_trait::async_trait]
/// impl Transport for Canned {
///     async fn get(&self, path: &str) -> Result<Response, TransportError> {
///         let body = match path {
///             "/v1/collections/wineries/cells/gh:u09t/nearby" => {
///                 r#"{"type": "FeatureCollection", "cell": "gh:u09t", "certified_radius_m": 100000, "features": [
///                     {"type": "Feature", "id": "w-1", "properties": {"name": "Le Cellier"},
///                      "geometry": {"type": "Point", "coordinates": [2.36, 48.86]}}]}"#
///             }
///             _ => return Err(TransportError(format!("{path} was not expected"))),
///         };
///         Ok(Response { body: body.into(), ..Response::default() })
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let client = NearbyClient::new(Canned);
/// let wanted = Wanted {
///     collection: "wineries".parse()?,
///     category: None,
///     position: Position::new(48.8566, 2.3522)?,
///     radius: Meters::new(10_000.0).unwrap(),
///     limit: 20,
/// };
/// let found = client.nearby(wanted, Duration::from_secs(2)).await?;
/// assert_eq!(found.hits[0].place.id.as_str(), "w-1");
/// assert_eq!(found.hits[0].distance.get().round(), 685.0);
/// assert_eq!(found.by, By::Cell("gh:u09t".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct NearbyClient<T> {
    transport: T,
    now: Box<dyn Fn() -> Instant + Send + Sync>,
    memory: PlannerMemory,
    hints: Hints,
    kept: Kept,
}

impl<T: Transport> NearbyClient<T> {
    /// A client that knows nothing yet.
    pub fn new(transport: T) -> Self {
        Self {
            transport,
            now: Box::new(Instant::now),
            memory: PlannerMemory::default(),
            hints: Hints::default(),
            kept: Kept::new(KEPT_BYTES),
        }
    }

    /// Keeps cell answers that were sent in so many bytes, for as long as their `max-age` says; 0 keeps none.
    #[must_use]
    pub fn keeping(self, bytes: usize) -> Self {
        Self { kept: Kept::new(bytes), ..self }
    }

    /// Remembers nothing of what worked in a neighbourhood: each search begins where the density map says, as that of a new
    /// user does.
    #[must_use]
    pub fn without_memory(self) -> Self {
        Self { memory: PlannerMemory::new(0), ..self }
    }

    /// Takes the age of cached answers and density maps by another clock, whose time `now` tells.
    #[must_use]
    pub fn with_clock(self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), ..self }
    }

    /// The nearest places, as an exact search of the collection finds them, or an error within the time given.
    ///
    /// A request for a cell may take half of the time that is left, so that there is some for the exact endpoint.
    pub async fn nearby(&self, wanted: Wanted, within: Duration) -> Result<Found, ClientError> {
        let plan = wanted.checked()?;
        let search = Call::new(self).run(&wanted, plan, within);
        tokio::time::timeout(within, search).await.unwrap_or(Err(ClientError::Deadline))
    }

    /// The same if the answer of this cell vouches for it, without a look at any other; `None` if it does not.
    /// For measurements of how much a level of cells is worth.
    pub async fn of_cell(
        &self,
        cell: CacheCell,
        wanted: Wanted,
        within: Duration,
    ) -> Result<Option<Found>, ClientError> {
        let plan = wanted.checked()?;
        let search = Call::new(self).of_cell(cell, &wanted, plan, within);
        tokio::time::timeout(within, search).await.unwrap_or(Err(ClientError::Deadline))
    }

    /// The same from the exact endpoint, without a look at any cell.
    pub async fn exact(&self, wanted: Wanted, within: Duration) -> Result<Found, ClientError> {
        wanted.checked()?;
        let search = Call::new(self).ask_exact(&wanted);
        tokio::time::timeout(within, search).await.unwrap_or(Err(ClientError::Deadline))
    }

    /// The same as far as the server looks without a radius: that of `wanted` does not count.
    pub async fn exact_to_horizon(&self, wanted: Wanted, within: Duration) -> Result<Found, ClientError> {
        let wanted = Wanted { radius: HALF_CIRCUMFERENCE, ..wanted };
        wanted.checked()?;
        let search = Call::new(self).ask_exact_to_horizon(&wanted);
        tokio::time::timeout(within, search).await.unwrap_or(Err(ClientError::Deadline))
    }

    /// The limits of the server's searches, as its OpenAPI document has them.
    pub async fn limits(&self, within: Duration) -> Result<ServerLimits, ClientError> {
        let asked = limits::ask(&self.transport);
        tokio::time::timeout(within, asked).await.unwrap_or(Err(ClientError::Deadline))
    }
}
