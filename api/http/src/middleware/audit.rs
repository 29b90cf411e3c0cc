//! Who has written what: a line of the log for each write, with the target `cellar::audit`.
//!
//! Lines hold the id of the key and that of the place; no secret, no body, no position. Invariant: a write that was
//! let in has a line, even if its client does not wait for the answer: then the status is missing.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use cellar_model::{Collection, PlaceId};

use crate::keys::Caller;
use crate::state::AppState;

const TARGET: &str = "cellar::audit";

/// How many places a batch has; its handler leaves it in the response's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Places(pub usize);

/// What a request would change.
#[derive(Debug)]
pub struct Write {
    /// Its method.
    pub method: Method,
    /// The collection, if it has the name of one.
    pub collection: Option<Collection>,
    /// The place, if it is one.
    pub place: Option<PlaceId>,
}

/// A write that was let in, until it is answered or given up.
pub struct Audited {
    write: Write,
    /// `None` on a server that takes writes of anybody.
    who: Option<Caller>,
    outcome: Option<(StatusCode, Option<usize>)>,
}

impl Audited {
    /// Begins.
    pub fn begin(write: Write, who: Option<Caller>) -> Self {
        Self { write, who, outcome: None }
    }

    /// It is answered.
    pub fn answered(mut self, response: &Response) {
        let places = response.extensions().get::<Places>().map(|&Places(places)| places);
        self.outcome = Some((response.status(), places));
    }
}

impl Drop for Audited {
    fn drop(&mut self) {
        let Self { write: Write { method, collection, place }, who, outcome } = self;
        let (collection, place) =
            (collection.as_ref().map(Collection::as_str), place.as_ref().map(PlaceId::as_str));
        let status = outcome.map(|(status, _)| status.as_u16());
        let places = outcome.and_then(|(_, places)| places);
        if let Some(who) = who {
            tracing::info!(target: TARGET, who = &*who.id, %method, collection, place, places, status, "write");
        } else {
            // Nobody can be told apart on such a server, which is for one machine.
            tracing::debug!(target: TARGET, %method, collection, place, places, status, "write");
        }
    }
}

/// Notes a write that was refused. Anybody can send those, so of many only some are logged, and how many there were.
pub fn refused(state: &AppState, write: &Write, who: Option<&Caller>, status: StatusCode) {
    let Some(unlogged) = state.repeats.admit("audit-refused") else { return };
    let unlogged = (unlogged > 0).then_some(unlogged);
    let Write { method, collection, place } = write;
    let (who, status) = (who.map(|who| &*who.id), status.as_u16());
    let (collection, place) =
        (collection.as_ref().map(Collection::as_str), place.as_ref().map(PlaceId::as_str));
    tracing::info!(target: TARGET, who, %method, collection, place, status, unlogged, "write refused");
}
