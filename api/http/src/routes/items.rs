//! The places of a bounding box.

use std::time::{Instant, SystemTime};

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use cellar_model::cursor::Cursor as _;
use cellar_model::features::Link;
use cellar_search::Items;

use super::answer::{feature_page, negotiated};
use super::{html, require_collection};
use crate::base::Base;
use crate::description::{
    AttributeParameters, CellProblems, CollectionParameter, FeatureCollection, FormatParameter,
    PageParameters,
};
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::SearchTiming;
use crate::params::{CollectionPath, Format, parse_items};
use crate::problem::Problem;
use crate::state::AppState;

/// The places in a bounding box, or all places
///
/// In an order that is stable but has no meaning. To go on, follow the link `next`, until there is none. An answer
/// with such a link holds at least one place; it holds fewer than `limit` only where more could not be found in time.
/// Each answer is of an instant of its own: a place that moves in between may be listed again, or be missed.
///
/// With `filter`, which is asked of each place on the way, an answer may hold no place although there is a link `next`.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/items",
    tag = "search",
    operation_id = "items",
    params(
        CollectionParameter,
        ("bbox" = Option<Vec<f64>>, Query, description = "west,south,east,north in degrees; west > east crosses the antimeridian. Six numbers have heights, which places have not: west,south,low,east,north,high. Without it, all places", style = Form, explode = false, min_items = 4, max_items = 6, example = json!([2.2, 48.8, 2.5, 48.9])),
        ("datetime" = Option<String>, Query, description = "An instant as in RFC 3339, or an interval with a slash: checked, and met by all places, which have no time", style = Form, explode = false, example = "2026-01-31T12:00:00Z"),
        PageParameters,
        AttributeParameters,
        FormatParameter,
    ),
    responses(
        (status = 200, description = "The places", body = FeatureCollection, content_type = "application/geo+json",
            headers(
                ("link" = String, description = "The links of the answer"),
                ("server-timing" = String, description = "Time and work of the search"),
            )),
        CellProblems,
    ),
)]
pub async fn items(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    base: Base,
    deadline: Deadline,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let params = parse_items(raw.as_deref(), &collection, state.now())?;
    let format = Format::of(&params.text, &headers)?;
    require_collection(&state, &collection, deadline).await?;
    let started = Instant::now();
    let Items { hits, next, work } =
        state.search.items_of(&collection, params.query.clone(), params.selection, deadline.0).await?;
    let timing = SearchTiming { work, elapsed: started.elapsed() };
    let path = base.address(&format!("/v1/collections/{collection}/items"));
    let next = next.map(|key| params.text.next_link(&path, &key.to_cursor(params.fingerprint)));
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    // All there are, where one answer has them.
    let is_whole = next.is_none() && params.query.after.is_none();
    let matched = if is_whole { format!("\"numberMatched\":{},", hits.len()) } else { String::new() };
    let in_form = |format: Format| params.text.link_as(&path, "f", format.name());
    let mut links = Link::of_page(params.text.link(&path), next.clone());
    links.push(Link::new("alternate", "text/html", in_form(Format::Html)));
    links.push(Link::new(
        "collection",
        "application/json",
        base.address(&format!("/v1/collections/{collection}")),
    ));
    let mut response = match format {
        Format::Html => {
            let json = in_form(Format::Json);
            let page = html::items(&base, &collection, &hits, (&json, next.as_deref()));
            html::answer(&headers, page).await?
        }
        Format::Json => {
            feature_page(&hits, &format!("\"timeStamp\":\"{now}\",{matched}"), &links, &params.form)
        }
    };
    negotiated(&mut response, &links);
    Ok((Extension(timing), response).into_response())
}
