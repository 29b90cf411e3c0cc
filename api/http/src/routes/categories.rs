//! The categories of a collection.

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use cellar_model::features::Link;
use cellar_model::{Category, escape_segment};
use cellar_search::category_counts::CategoryCounts;
use cellar_store::{CategoryPart, StoreError, bounded};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::encoded;
use super::coded::tagged;
use super::require_collection;
use crate::description::{CollectionParameter, SearchProblems};
use crate::middleware::deadline::Deadline;
use crate::params::{CollectionPath, parse_categories};
use crate::problem::Problem;
use crate::state::AppState;

/// The list changes seldom, and an old one does no harm.
const LIFETIME: &str = "public, max-age=60";

/// The categories of a collection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Categories")]
pub struct CategoriesDocument {
    /// In the order of their texts, byte by byte.
    categories: Vec<CategoryDocument>,
    /// When places were counted; not there if they never were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false, examples("2026-03-01T12:00:00Z"))]
    counted: Option<String>,
    /// Whether all places are indexed by category. If not, the list may lack some, and searches by category are slower.
    indexed: bool,
    #[schema(value_type = Vec<Object>)]
    links: Vec<Link>,
}

/// A category.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Category")]
pub struct CategoryDocument {
    /// Its text.
    #[schema(examples("wine bar"))]
    category: String,
    /// Its places when they were counted; not there if it was not among the counted ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, required = false)]
    count: Option<u64>,
}

/// The categories of a collection
///
/// A category is listed as soon as a place has it, and stays listed when no place has it any more. Counts are those of the
/// last time that places were counted (`cellar categories --count`). To go on, follow the link `next`.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/categories",
    tag = "collections",
    operation_id = "categories",
    params(
        CollectionParameter,
        ("limit" = inline(Option<u32>), Query, description = "Most categories to return; 1000 if left out", minimum = 1, maximum = 1000, example = json!(100)),
        ("after" = inline(Option<String>), Query, description = "Only categories behind this one in the order of their texts", min_length = 1, max_length = 200),
        ("if-none-match" = inline(Option<String>), Header, description = "Entity tags of the lists at hand"),
    ),
    responses(
        (status = 200, description = "The categories", body = CategoriesDocument,
            headers(
                ("etag" = String, description = "Changes with the list"),
                ("cache-control" = String, description = "How long it may be used"),
            )),
        (status = 304, description = "The list at hand is the current one"),
        SearchProblems,
    ),
)]
pub async fn list(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let params = parse_categories(raw.as_deref())?;
    require_collection(&state, &collection, deadline).await?;
    let store = &*state.store;
    let listed =
        bounded(deadline.0, store.categories(&collection, params.after.as_ref(), params.limit)).await;
    let CategoryPart { categories, more } = match listed {
        Err(StoreError::NoCategoryIndex) => CategoryPart::default(),
        listed => listed?,
    };
    let counts = bounded(deadline.0, CategoryCounts::read(store, &collection)).await?;
    let indexed = bounded(deadline.0, store.category_index(&collection)).await?.complete;
    let path = format!("/v1/collections/{collection}/categories");
    let next = categories
        .last()
        .filter(|_| more)
        .map(|last| format!("{path}?limit={}&after={}", params.limit, escape_segment(last.as_str())));
    let this = if raw.is_some() { params.text.link(&path) } else { path };
    let document = CategoriesDocument {
        counted: counts.as_ref().and_then(|counts| rfc3339(counts.counted_unix_ms)),
        categories: categories.iter().map(|category| described(category, counts.as_ref())).collect(),
        indexed,
        links: std::iter::once(Link::new("self", "application/json", this))
            .chain(next.map(|next| Link::new("next", "application/json", next)))
            .collect(),
    };
    let mut response = tagged(&headers, "application/json", encoded(&document)?).await?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(LIFETIME));
    Ok(response)
}

fn described(category: &Category, counts: Option<&CategoryCounts>) -> CategoryDocument {
    CategoryDocument {
        category: category.to_string(),
        count: counts.and_then(|counts| counts.counts.get(category).copied()),
    }
}

fn rfc3339(unix_ms: u64) -> Option<String> {
    DateTime::from_millis(i64::try_from(unix_ms).ok()?).fmt(DateTimeFormat::DateTime).ok()
}
