//! Searches from several positions in one request.

use std::time::{Instant, SystemTime};

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use cellar_model::Collection;
use cellar_search::Work;
use futures::stream::{self, StreamExt as _};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::body::JsonText;
use super::{nearby, require_collection};
use crate::description::{BatchAnswer, BatchBody, CollectionParameter, SearchBodyProblems};
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::SearchTiming;
use crate::middleware::rate_limit::{self, Counted};
use crate::params::{CollectionPath, NoQuery, QueryText, nearby_names, parse_nearby_text, read_members};
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Most positions of a request.
const MAX_POSITIONS: usize = 100;
/// Searches of a request at a time. They share pages: what one reads, the others have.
const AT_A_TIME: usize = 8;

const POSITIONS: &str = "positions";
const ID: &str = "id";
const POSITIONS_ALLOWED: &str = "an array of 1 to 100 objects with `lat` and `lon`";

/// The places nearest to each of several positions
///
/// Each member of `positions` has the parameters of `/nearby` as members; those that it lacks are taken from the body. The
/// results are in the order of the positions, each with the `id` of its position if that has one, and either with an
/// answer as `/nearby` has it or with the `problem` of its own. Each position counts as a request for the client's rate.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/nearby:batch",
    tag = "search",
    operation_id = "nearbyBatch",
    params(CollectionParameter),
    request_body(content = BatchBody, content_type = "application/json"),
    responses(
        (status = 200, description = "A result for each position", body = BatchAnswer, content_type = "application/json",
            headers(("server-timing" = String, description = "Time and work of all searches"))),
        SearchBodyProblems,
    ),
)]
pub async fn post(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    counted: Option<Extension<Counted>>,
    _: NoQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let (shared, positions) = read(&body)?;
    require_collection(&state, &collection, deadline).await?;
    let (started, now) = (Instant::now(), state.now());
    let counted = counted.as_ref().map(|Extension(counted)| counted);
    let search = |(index, position)| {
        // The request itself has taken a token: that of its first position.
        result(&state, &collection, counted.filter(|_| index > 0), (position, &shared, now), deadline)
    };
    let searches: Vec<_> = positions.iter().copied().enumerate().map(search).collect();
    let results: Vec<_> = stream::iter(searches).buffered(AT_A_TIME).collect().await;
    let mut work = Work::default();
    let (mut out, mut failed) = (br#"{"results":["#.to_vec(), Vec::new());
    for (index, (id, result)) in results.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'{');
        if let Some(id) = id {
            out.extend_from_slice(br#""id":"#);
            out.extend_from_slice(id.as_bytes());
            out.push(b',');
        }
        match result {
            Ok((answer, spent)) => {
                work += spent;
                out.extend_from_slice(br#""answer":"#);
                out.extend_from_slice(&answer);
            }
            Err(problem) => {
                out.extend_from_slice(br#""problem":"#);
                out.extend_from_slice(&problem.json());
                failed.push(problem);
            }
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    // Where nothing can be answered, the whole is as unavailable as each.
    let all_failed = failed.len() == positions.len();
    if let Some(problem) =
        failed.into_iter().find(|problem| all_failed && problem.kind().status().is_server_error())
    {
        return Err(problem);
    }
    let timing = SearchTiming { work, elapsed: started.elapsed() };
    Ok((Extension(timing), [(header::CONTENT_TYPE, "application/json")], out).into_response())
}

/// What all positions share, and the positions.
fn read(body: &str) -> Result<(QueryText<'_>, Vec<&RawValue>), Problem> {
    let (shared, others) = read_members(body, nearby_names(), &[POSITIONS])?;
    let wrong =
        |kind, detail: String| Problem::new(kind, detail).parameter(POSITIONS).allowed(POSITIONS_ALLOWED);
    let (_, json) =
        others.first().ok_or_else(|| wrong(Kind::ParameterMissing, format!("`{POSITIONS}` is required")))?;
    let positions: Vec<&RawValue> = serde_json::from_str(json.get())
        .map_err(|_| wrong(Kind::ParameterInvalid, format!("`{POSITIONS}` is no array")))?;
    match positions.len() {
        1..=MAX_POSITIONS => Ok((shared, positions)),
        count => {
            let detail = format!("there are {count} `{POSITIONS}`; there may be 1 to {MAX_POSITIONS}");
            Err(wrong(Kind::ParameterOutOfRange, detail))
        }
    }
}

/// The id of a position as it was sent, and what is asked for it.
fn one(position: &RawValue) -> Result<(Option<&str>, QueryText<'_>), Problem> {
    if !position.get().starts_with('{') {
        let detail = format!("a member of `{POSITIONS}` is no object");
        return Err(Problem::new(Kind::ParameterInvalid, detail)
            .parameter(POSITIONS)
            .allowed(POSITIONS_ALLOWED));
    }
    let (own, others) = read_members(position.get(), nearby_names(), &[ID])?;
    let id = others.first().map(|(_, id)| id.get());
    if id.is_some_and(|id| !is_id(id)) {
        let detail = "the `id` of a position is neither a text nor a number";
        return Err(Problem::new(Kind::ParameterInvalid, detail).parameter(ID));
    }
    Ok((id, own))
}

fn take(state: &AppState, Counted(client): &Counted) -> Result<(), Problem> {
    let quota = state.limiter.as_ref().map(|limiter| limiter.take(client.clone()));
    quota.as_ref().and_then(rate_limit::refuse).map_or(Ok(()), Err)
}

/// The id of a position, and the answer for it with what it took.
async fn result<'a>(
    state: &AppState,
    collection: &Collection,
    counted: Option<&Counted>,
    (position, shared, now): (&'a RawValue, &QueryText<'a>, SystemTime),
    deadline: Deadline,
) -> (Option<&'a str>, Result<(Vec<u8>, Work), Problem>) {
    let (id, text) = match one(position) {
        Ok((id, text)) => (id, text.or(shared)),
        Err(problem) => return (id_of(position), Err(problem)),
    };
    if Instant::now() >= deadline.0 {
        return (id, Err(Problem::out_of_time()));
    }
    let params = counted.map_or(Ok(()), |counted| take(state, counted));
    let params = params.and_then(|()| parse_nearby_text(text, collection, &state.config, now));
    match params {
        Ok(params) => (id, nearby::collection_of(state, collection, params, deadline).await),
        Err(problem) => (id, Err(problem)),
    }
}

/// The id of a position that has other members that are wrong.
fn id_of(position: &RawValue) -> Option<&str> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let named: Option<Named<'_>> = serde_json::from_str(position.get()).ok();
    named?.id.map(RawValue::get).filter(|id| is_id(id))
}

fn is_id(json: &str) -> bool {
    json.starts_with('"') || serde_json::from_str::<f64>(json).is_ok()
}
