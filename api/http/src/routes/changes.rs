//! What has changed in a collection since.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{RawQuery, State};
use axum::response::Response;
use cellar_changes::log::{Entry, Part, Token};
use cellar_model::features::Link;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::answer::json;
use super::require_collection;
use crate::description::{ChangesProblems, CollectionParameter};
use crate::live::Live;
use crate::middleware::deadline::Deadline;
use crate::params::{CollectionPath, parse_changes};
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Changes of a collection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Changes")]
#[expect(clippy::struct_field_names, reason = "the name in the answer")]
pub struct Changes {
    /// Those of one place are in their order.
    changes: Vec<Change>,
    /// The token to go on with.
    next: String,
    /// Whether more are known to be waiting: ask again at once.
    more: bool,
    #[schema(value_type = Vec<Object>)]
    links: Vec<Link>,
}

/// What became of a place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Change")]
pub struct Change {
    /// Id of the place.
    #[schema(examples("w-1"))]
    id: String,
    kind: ChangeKind,
    /// When, to about a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false, examples("2026-03-01T12:00:00Z"))]
    time: Option<String>,
    /// The place as it is after the change; not there if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = crate::description::Feature, required = false)]
    feature: Option<Box<RawValue>>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new, or replaced.
    Put,
    /// It is gone.
    Delete,
}

/// Changes since a token
///
/// For clients that keep a copy of a collection. First ask without `since`: the answer has no changes and a token of now, in
/// `next`. Then load the collection (`/items`), and from then on ask with `since` and the `next` of the answer before. Changes
/// are told at least once, deletions included, those of one place in their order: applied one after the other they make the
/// copy what the collection is. Those of the last seconds before a token of now are told again, since a search may lag behind.
///
/// A token is of the table and its stream, which keeps changes for 24 hours; an older one, or one of another table or region, is
/// the problem `changes-gone`: begin anew. An answer may hold fewer changes than `limit`, or none, and still say that there are
/// `more`.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/changes",
    tag = "changes",
    operation_id = "changes",
    params(
        CollectionParameter,
        ("since" = inline(Option<String>), Query, description = "The `next` of the answer before; without it the answer is a token of now", min_length = 1),
        ("limit" = inline(Option<u32>), Query, description = "Most changes to return; 100 if left out", minimum = 1, maximum = 1000, example = json!(100)),
    ),
    responses((status = 200, description = "The changes", body = Changes), ChangesProblems),
)]
pub async fn changes(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let params = parse_changes(raw.as_deref())?;
    require_collection(&state, &collection, deadline).await?;
    let log = live(&state)?.log();
    let read = async {
        match &params.since {
            None => log.now().await.map(|next| Part { entries: Vec::new(), next, more: false }),
            Some(since) => log.read(&collection, since, params.limit).await,
        }
    };
    let read = tokio::time::timeout_at(deadline.0.into(), read).await.map_err(|_| Problem::out_of_time())?;
    let Part { entries, next, more } = read?;
    let next = text(&next)?;
    let path = format!("/v1/collections/{collection}/changes");
    let links = vec![
        Link::new("self", "application/json", params.text.link(&path)),
        Link::new("next", "application/json", params.text.link_as(&path, "since", &next)),
    ];
    Ok(json(&Changes { changes: entries.iter().map(described).collect(), next, more, links }))
}

/// Who tells of changes.
pub(super) fn live(state: &AppState) -> Result<&Arc<Live>, Problem> {
    state.live.as_ref().ok_or_else(|| {
        let detail = "this server cannot tell of changes: that takes a server that runs on (`cellar serve`), not a function";
        Problem::new(Kind::ChangesUnavailable, detail)
    })
}

/// The text of a token.
pub(super) fn text(token: &Token) -> Result<String, Problem> {
    token.encode().map_err(|error| Problem::new(Kind::ChangesUnavailable, error.to_string()))
}

fn described(entry: &Entry) -> Change {
    let feature = entry.new.as_ref().and_then(|place| RawValue::from_string(place.feature()).ok());
    Change {
        id: entry.id.to_string(),
        kind: if feature.is_some() { ChangeKind::Put } else { ChangeKind::Delete },
        time: entry.created_ms.map(rfc3339),
        feature,
    }
}

/// An instant as RFC 3339 has it.
pub(super) fn rfc3339(unix_ms: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(at).to_string()
}
