//! What the `type` of a problem leads to.

use axum::extract::RawPathParams;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::json;
use crate::description::LookupProblems;
use crate::problem::{Kind, Problem};

/// A kind of problem.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemKind {
    /// The `type` of such problems.
    #[schema(examples("/problems/parameter-out-of-range"))]
    r#type: String,
    /// Their title.
    #[schema(examples("Parameter out of range"))]
    title: &'static str,
    /// Their status.
    #[schema(examples(400))]
    status: u16,
    /// What they mean.
    meaning: &'static str,
}

impl From<Kind> for ProblemKind {
    fn from(kind: Kind) -> Self {
        Self {
            r#type: format!("/problems/{}", kind.slug()),
            title: kind.title(),
            status: kind.status().as_u16(),
            meaning: kind.meaning(),
        }
    }
}

/// All kinds of problems
///
/// What the `type` of an error may be, and what each means.
#[utoipa::path(get, path = "/problems", tag = "service", operation_id = "listProblems",
    responses((status = 200, description = "The kinds", body = Vec<ProblemKind>)))]
pub async fn list() -> Response {
    json(&Kind::ALL.map(ProblemKind::from).as_slice())
}

/// One kind of problem
///
/// Where the `type` of an error leads.
#[utoipa::path(get, path = "/problems/{problem}", tag = "service", operation_id = "getProblem",
    params(("problem" = String, Path, description = "Last segment of the `type`", example = json!("parameter-out-of-range"))),
    responses((status = 200, description = "The kind", body = ProblemKind), LookupProblems))]
pub async fn get(params: RawPathParams) -> Result<Response, Problem> {
    let slug = params.iter().next().map_or("", |(_, value)| value);
    match Kind::ALL.into_iter().find(|kind| kind.slug() == slug) {
        Some(kind) => Ok(json(&ProblemKind::from(kind))),
        None => {
            Err(Problem::new(Kind::RouteUnknown, "there is no such kind of problem").parameter("problem"))
        }
    }
}
