//! Changes as they happen: server-sent events (HTML Standard, section 9.2).
//!
//! A watcher is a task that writes into a short queue, which the connection reads. Invariant: the `id` of an event is a token
//! behind it, so whoever comes back with the last one misses nothing; it may be told some things twice.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use cellar_changes::log::{End, Entry, Follower, Seen, Shape, seen};
use cellar_model::Collection;
use cellar_model::place::json_number;
use futures::stream::unfold;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info};

use super::changes::{live as live_of, rfc3339};
use super::require_collection;
use crate::access::Presented;
use crate::client::Peer;
use crate::description::{ChangesProblems, CollectionParameter};
use crate::keys::Right;
use crate::live::{Endless, Live, Seat};
use crate::middleware::deadline::Deadline;
use crate::middleware::rate_limit;
use crate::params::{CollectionPath, parse_live};
use crate::problem::Problem;
use crate::state::AppState;

/// Events that wait for a connection to take them, beside those that it has taken.
const QUEUE: usize = 8;

/// How long a client waits before it comes back, in milliseconds.
const RETRY_MS: u32 = 2_000;

/// Watch changes
///
/// Server-sent events: `enter` (a place is inside of the shape and was not), `exit` (it was inside and is not, or is gone),
/// `move` (it is inside, elsewhere) and `change` (it is inside, with other properties), from now on or after a token. The shape
/// is a circle (`lat`, `lon`, `radius`), a box, or a polygon; without one it is the whole collection. The data of an event is
/// JSON: `id`, `time`, `feature` as it is now (not there if it is gone), `from`, the position before, if that is another one.
///
/// The `id` of an event is a token: a client that comes back with it in `Last-Event-ID`, as browsers do, or in `since`, misses
/// nothing and may be told some things twice. Before the end of a stream there is an event `end` (come back) or `reset` (changes
/// are lost: load anew). Comments show that somebody is there.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/live",
    tag = "changes",
    operation_id = "watch",
    params(
        CollectionParameter,
        ("lat" = inline(Option<f64>), Query, description = "Latitude of the centre in degrees", minimum = -90, maximum = 90, example = json!(48.8566)),
        ("lon" = inline(Option<f64>), Query, description = "Longitude of the centre in degrees", minimum = -180, maximum = 180, example = json!(2.3522)),
        ("radius" = inline(Option<f64>), Query, description = "Radius in metres", exclusive_minimum = 0, example = json!(5000)),
        ("bbox" = Option<Vec<f64>>, Query, description = "west,south,east,north in degrees, instead of a circle", style = Form, explode = false, min_items = 4, max_items = 6),
        ("shape" = inline(Option<String>), Query, description = "A GeoJSON Polygon or MultiPolygon of at most 4,096 bytes and 500 corners, instead of a circle", min_length = 1, max_length = 4096),
        ("since" = inline(Option<String>), Query, description = "A token: changes after it; without it, those from now on", min_length = 1),
        ("last-event-id" = inline(Option<String>), Header, description = "The `id` of the last event; counts before `since`"),
    ),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream"), ChangesProblems),
)]
pub async fn live(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    request: Request,
) -> Result<Response, Problem> {
    let (Parts { method, uri, headers, extensions, .. }, _) = request.into_parts();
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?"));
    let params = parse_live(uri.query(), last, &state.config)?;
    require_collection(&state, &collection, deadline).await?;
    let live = Arc::clone(live_of(&state)?);
    if method == Method::HEAD {
        return Ok(answer(Body::empty()));
    }
    let presented = state.access.identify(&headers);
    let client = rate_limit::client(&state, extensions.get::<Peer>().copied(), &headers, &presented);
    let seat = live.sit(client)?;
    let begin = Follower::begin(Arc::clone(live.hub()), collection.clone(), params.since);
    let begun = tokio::time::timeout_at(deadline.0.into(), begin).await;
    let follower = begun.map_err(|_| Problem::out_of_time())??;
    let (events, sent) = mpsc::channel(QUEUE);
    let mut key = HeaderMap::new();
    key.extend(headers.get(header::AUTHORIZATION).cloned().map(|value| (header::AUTHORIZATION, value)));
    let watcher =
        Watcher { state, live, follower, shape: params.shape, collection, key, events, _seat: seat };
    tokio::spawn(watcher.run());
    let body = Body::from_stream(unfold(sent, async |mut sent: mpsc::Receiver<Bytes>| {
        sent.recv().await.map(|event| (Ok::<_, std::convert::Infallible>(event), sent))
    }));
    Ok(answer(body))
}

/// No proxy may collect it, and nobody keeps it.
fn answer(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let unbuffered = [("x-accel-buffering", "no")];
    (headers, unbuffered, Extension(Endless), body).into_response()
}

struct Watcher {
    state: AppState,
    live: Arc<Live>,
    follower: Follower,
    shape: Shape,
    collection: Collection,
    /// What the client has presented, to be looked at again.
    key: HeaderMap,
    events: mpsc::Sender<Bytes>,
    _seat: Seat,
}

impl Watcher {
    async fn run(mut self) {
        let heartbeat = self.live.config.heartbeat;
        let mut text = Some(format!("retry: {RETRY_MS}\n{}\n", self.id()));
        let (mut said, mut checked) = (Instant::now(), Instant::now());
        loop {
            if let Some(text) = text.take() {
                if !self.send(text).await {
                    return;
                }
                said = Instant::now();
            }
            if checked.elapsed() >= heartbeat {
                if !self.may_go_on() {
                    self.send(closing("end", "unauthorized")).await;
                    return;
                }
                checked = Instant::now();
            }
            let due = said + heartbeat;
            let next = tokio::select! {
                () = self.events.closed() => return,
                next = timeout_at(due, self.follower.next()) => next,
            };
            text = match next {
                Ok(Ok(entry)) => {
                    self.event(&entry).or_else(|| (Instant::now() >= due).then(|| self.heartbeat()))
                }
                Ok(Err(end)) => {
                    self.send(ended(&end)).await;
                    return;
                }
                Err(_) => Some(self.heartbeat()),
            };
        }
    }

    /// Whether the client, if it needed a key, still has a valid one.
    fn may_go_on(&self) -> bool {
        !self.state.access.keyed_reads()
            || matches!(
                self.state.access.identify(&self.key),
                Presented::Key(caller) if caller.may(Right::Read, Some(&self.collection))
            )
    }

    /// False if nobody reads.
    async fn send(&self, text: String) -> bool {
        let sent = self.events.send_timeout(text.into(), self.live.config.stalled).await.is_ok();
        if !sent {
            debug!("a watcher has left, or takes nothing");
        }
        sent
    }

    /// A line that sets the token to come back with, if there is one.
    fn id(&self) -> String {
        self.follower.token().encode().map_or_else(|_| String::new(), |token| format!("id: {token}\n"))
    }

    /// An id without data is no event, but clients remember it.
    fn heartbeat(&self) -> String {
        format!(":\n{}\n", self.id())
    }

    fn event(&self, entry: &Entry) -> Option<String> {
        let seen = seen(&self.shape, entry)?;
        self.live.events().inc();
        let mut text = format!("event: {}\n{}data: ", seen.name(), self.id());
        write_data(&mut text, entry, seen);
        text.push_str("\n\n");
        Some(text)
    }
}

/// JSON on one line.
fn write_data(text: &mut String, entry: &Entry, seen: Seen) {
    // Writing to a string cannot fail; a text is JSON.
    let id = serde_json::to_string(entry.id.as_str()).unwrap_or_default();
    let _ = write!(text, "{{\"id\":{id}");
    if let Some(created_ms) = entry.created_ms {
        let _ = write!(text, ",\"time\":\"{}\"", rfc3339(created_ms));
    }
    let old = entry.old.as_ref().map(|place| place.position);
    if let Some(old) =
        old.filter(|old| seen != Seen::Change && entry.new.as_ref().is_none_or(|new| new.position != *old))
    {
        let _ = write!(text, ",\"from\":[{},{}]", json_number(old.lon()), json_number(old.lat()));
    }
    if let Some(new) = &entry.new {
        let _ = write!(text, ",\"feature\":{}", new.feature());
    }
    text.push('}');
}

fn ended(end: &End) -> String {
    match end {
        End::Behind => closing("end", "behind"),
        End::Stopping => closing("end", "stopping"),
        End::Gone(reason) => {
            info!(reason, "a watcher has to load anew");
            closing("reset", "gone")
        }
        End::Failed(reason) => {
            info!(reason, "a watcher is sent away");
            closing("end", "failed")
        }
    }
}

fn closing(event: &str, reason: &str) -> String {
    format!("event: {event}\ndata: {{\"reason\":\"{reason}\"}}\n\n")
}
