//! Imports: files that are too large for a request are taken in, and stored after it (docs/IMPORT.md).

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Body;
use axum::extract::{RawPathParams, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cellar_model::Collection;
use cellar_model::features::Link;
use futures::StreamExt as _;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::answer::json;
use super::conditional::Unconditional;
use super::require_writable;
use crate::base::Base;
use crate::description::{
    AnnouncementParameters, CollectionParameter, FeatureBatch, ImportParameter, ImportParameters,
    LinkDocument, WriteProblems,
};
use crate::idempotency::IdempotencyKey;
use crate::imports::{ANNOUNCEMENT, Announced, Imports, Job, JobState, OPTIONS, Order, Rejects, Upload};
use crate::middleware::deadline::Deadline;
use crate::params::{CollectionPath, NoQuery, QueryText};
use crate::problem::{Kind, Problem};
use crate::state::AppState;

const LENGTH: &str = "the length of the file in bytes, at least 1";
const SHA256: &str = "the SHA-256 of the file, 64 hexadecimal digits";

/// Codings of a body that the readers of files know.
const CODINGS: [&str; 4] = ["identity", "gzip", "x-gzip", "zstd"];

/// An import.
#[derive(Serialize, ToSchema)]
pub struct Import {
    /// Its id.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    /// Where to.
    collection: String,
    /// How far it is.
    state: JobState,
    /// How the body is read, as it was asked for.
    #[schema(value_type = Object)]
    options: serde_json::Map<String, Value>,
    /// Length of the body.
    bytes: u64,
    /// Bytes of the body that were read.
    read_bytes: u64,
    /// Records read: stored, rejected or repeated.
    read: u64,
    /// Places stored; with `dry-run`, places that would be.
    stored: u64,
    /// Records that are no places.
    rejected: u64,
    /// Records whose id another record before them has.
    repeated: u64,
    /// When it was accepted (RFC 3339).
    created: String,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    /// When it is forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// How often it went on after an interruption.
    resumed: u32,
    /// What the body was recognised as.
    #[serde(skip_serializing_if = "Option::is_none")]
    recognised: Option<String>,
    /// What else there is to know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What was found out about the data, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    findings: Option<Value>,
    /// How to send the file, where it does not come in the body and is awaited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Upload, required = false)]
    upload: Option<Upload>,
    /// `self`, and `rejects` where something is listed.
    #[schema(value_type = Vec<LinkDocument>)]
    links: Vec<Link>,
}

/// The imports of a collection.
#[derive(Serialize, ToSchema)]
pub struct ImportList {
    /// The newest first.
    imports: Vec<Import>,
    /// `self`.
    #[schema(value_type = Vec<LinkDocument>)]
    links: Vec<Link>,
}

/// Import a file
///
/// The body is a file of any format that `cellar import` reads, packed or not; parameters have the names of its options. It
/// is kept by the server, which answers with a job: `GET` of its `Location` tells how far it is. Until it is done,
/// some of its places are there and others are not. A job goes on after a restart of the server.
///
/// On AWS the file does not come in the body: `bytes` says how long it is, and `upload` in the answer where to `PUT` it. It is
/// imported once it is there.
///
/// With an `Idempotency-Key` a file that is sent again is the same job. While as many jobs wait as may, the answer is a 503
/// with `Retry-After`.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/imports",
    tag = "imports",
    operation_id = "postImport",
    params(
        CollectionParameter,
        ImportParameters,
        AnnouncementParameters,
        ("idempotency-key" = inline(Option<String>), Header, description = "A text of the client's own, in double quotes: the file is imported once, however often it is sent while the job is known", min_length = 1, max_length = 257),
    ),
    request_body(content = FeatureBatch, description = "A file of any format that is recognised, whatever media type it is sent with", content_type = "application/geo+json"),
    responses(
        (status = 202, description = "It will be imported", body = Import,
            headers(("location" = String, description = "Where the job is"))),
        WriteProblems,
    ),
)]
#[expect(clippy::too_many_arguments, reason = "what a request is made of")]
pub async fn post(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    base: Base,
    Deadline(deadline): Deadline,
    _: Unconditional,
    IdempotencyKey(key): IdempotencyKey,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let imports = imports(&state)?;
    let (options, announced) = parameters(query.as_deref())?;
    check(&headers)?;
    // The deadline is that of a body on its way.
    let soon = deadline.min(Instant::now() + state.config.write_time_limit);
    require_writable(&state, &collection, Deadline(soon)).await?;
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let order = Order { collection: collection.clone(), options, length, key, announced };
    let body = body.into_data_stream().map(|part| part.map_err(|error| error.to_string())).boxed();
    let job = imports.submit(order, body).await?;
    let location = path(&collection, &job.id);
    let document = json(&document(&base, job));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], document).into_response())
}

/// The imports of a collection
///
/// Those that wait or run, and those that have ended and are not forgotten yet.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/imports",
    tag = "imports",
    operation_id = "listImports",
    params(CollectionParameter),
    responses((status = 200, description = "The imports, the newest first", body = ImportList), WriteProblems),
)]
pub async fn list(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    base: Base,
    _: NoQuery,
) -> Result<Response, Problem> {
    let jobs = imports(&state)?.list(&collection).await?;
    let imports = jobs.into_iter().map(|job| document(&base, job)).collect();
    let this = base.address(&format!("/v1/collections/{collection}/imports"));
    Ok(json(&ImportList { imports, links: vec![Link::new("self", "application/json", this)] }))
}

/// One import
///
/// How far it is, and what came of it.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/imports/{import}",
    tag = "imports",
    operation_id = "getImport",
    params(CollectionParameter, ImportParameter),
    responses((status = 200, description = "How far it is", body = Import), WriteProblems),
)]
pub async fn get(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    params: RawPathParams,
    base: Base,
    _: NoQuery,
) -> Result<Response, Problem> {
    let job = imports(&state)?.get(&collection, id(&params)).await?;
    Ok(json(&document(&base, job.ok_or_else(|| unknown(&collection))?)))
}

/// Cancel an import
///
/// With a 200 nothing more is written for it; with a 202 it is carried out elsewhere, and ends soon. What is stored stays. An import
/// that has ended stays as it is.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/imports/{import}/cancel",
    tag = "imports",
    operation_id = "cancelImport",
    params(CollectionParameter, ImportParameter),
    responses(
        (status = 200, description = "It has ended", body = Import),
        (status = 202, description = "It will end soon", body = Import),
        WriteProblems,
    ),
)]
pub async fn cancel(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    params: RawPathParams,
    base: Base,
    _: Unconditional,
    _: NoQuery,
) -> Result<Response, Problem> {
    let job = imports(&state)?.cancel(&collection, id(&params)).await?;
    let job = job.ok_or_else(|| unknown(&collection))?;
    let status = if job.state.is_end() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, json(&document(&base, job))).into_response())
}

/// Cancel and forget an import
///
/// Its list of rejected records goes, too.
#[utoipa::path(
    delete,
    path = "/v1/collections/{collection}/imports/{import}",
    tag = "imports",
    operation_id = "deleteImport",
    params(CollectionParameter, ImportParameter),
    responses((status = 204, description = "It is forgotten"), WriteProblems),
)]
pub async fn delete(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    params: RawPathParams,
    _: Unconditional,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    let was_there = imports(&state)?.remove(&collection, id(&params)).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&collection)) }
}

/// What an import did not store
///
/// A line of JSON for each record that is rejected, or has an id that came before: the line of the file in which it begins, its id,
/// the reason, its first 500 characters. Of an import that runs, the lines so far.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/imports/{import}/rejects",
    tag = "imports",
    operation_id = "getImportRejects",
    params(CollectionParameter, ImportParameter),
    responses(
        (status = 200, description = "The list", body = String, content_type = "application/x-ndjson"),
        (status = 303, description = "The list is elsewhere, for a few minutes",
            headers(("location" = String, description = "Where it is; the request needs no authorization"))),
        WriteProblems,
    ),
)]
pub async fn rejects(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    params: RawPathParams,
    _: NoQuery,
) -> Result<Response, Problem> {
    let id = id(&params);
    let list = match imports(&state)?.rejects(&collection, id).await?.ok_or_else(|| unknown(&collection))? {
        Rejects::List(list) => list,
        Rejects::At(url) => {
            let headers = [(header::LOCATION, url), (header::CACHE_CONTROL, "no-store".to_owned())];
            return Ok((StatusCode::SEE_OTHER, headers).into_response());
        }
    };
    let name = format!("attachment; filename=\"{id}.rejected.jsonl\"");
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (header::CONTENT_LENGTH, list.length.to_string()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(list.lines)).into_response())
}

fn imports(state: &AppState) -> Result<Arc<dyn Imports>, Problem> {
    state.imports.get().ok_or_else(|| {
        Problem::new(
            Kind::ImportsDisabled,
            "this server takes no imports: its operator has given it no directory for them (CELLAR_IMPORT_DIR; on AWS no bucket, CELLAR_IMPORT_BUCKET), or another process takes those of its data until it ends",
        )
    })
}

fn id(params: &RawPathParams) -> &str {
    params.iter().find(|(name, _)| *name == "import").map_or("", |(_, value)| value)
}

fn unknown(collection: &Collection) -> Problem {
    let detail = format!(
        "there is no such import of `{collection}` here; `GET /v1/collections/{collection}/imports` lists those that are known"
    );
    Problem::new(Kind::ImportUnknown, detail).parameter("import")
}

fn path(collection: &Collection, id: &str) -> String {
    format!("/v1/collections/{collection}/imports/{id}")
}

/// The options of an import, as they are asked for.
type Options = Vec<(&'static str, String)>;

fn parameters(query: Option<&str>) -> Result<(Options, Option<Announced>), Problem> {
    let known: Vec<_> = OPTIONS.into_iter().chain(ANNOUNCEMENT).collect();
    let query = QueryText::parse(query, &known)?;
    let mut options = Vec::new();
    for name in OPTIONS {
        if let Some(value) = query.optional(name, "a value; `true` for an option that is on or off")? {
            options.push((name, value.to_owned()));
        }
    }
    Ok((options, announced(&query)?))
}

fn announced(query: &QueryText<'_>) -> Result<Option<Announced>, Problem> {
    let invalid = |name: &'static str, allowed: &'static str| {
        Problem::new(Kind::ParameterInvalid, format!("`{name}` is not what it has to be"))
            .parameter(name)
            .allowed(allowed)
    };
    let [length, hash] = ANNOUNCEMENT;
    let sha256 = query.optional(hash, SHA256)?;
    let sha256 = sha256.map(|text| digest(text).ok_or_else(|| invalid(hash, SHA256))).transpose()?;
    let Some(bytes) = query.optional(length, LENGTH)? else {
        return sha256.map_or(Ok(None), |_| Err(invalid(hash, "only together with `bytes`")));
    };
    let bytes = bytes.parse().ok().filter(|bytes| *bytes > 0).ok_or_else(|| invalid(length, LENGTH))?;
    Ok(Some(Announced { bytes, sha256 }))
}

/// 32 bytes of 64 hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (at, byte) in digest.iter_mut().enumerate().filter(|_| is_hex) {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    is_hex.then_some(digest)
}

/// Refuses what could only be stored as rubbish. Media types are not looked at: `curl` says that every body is a form.
fn check(headers: &HeaderMap) -> Result<(), Problem> {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"multipart/"));
    if is_form {
        return Err(Problem::new(
            Kind::MediaTypeUnsupported,
            "the body has to be the file itself, not a form that holds it (curl: `--data-binary @FILE`, not `-F`)",
        ));
    }
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let known = |coding: &[u8]| CODINGS.iter().any(|known| coding.eq_ignore_ascii_case(known.as_bytes()));
    if codings.all(|coding| known(coding.as_bytes().trim_ascii())) {
        return Ok(());
    }
    Err(Problem::new(Kind::MediaTypeUnsupported, "the body has a content coding that is not read")
        .parameter("content-encoding")
        .allowed(CODINGS.join(", ")))
}

fn document(base: &Base, job: Job) -> Import {
    let this = base.address(&path(&job.collection, &job.id));
    let mut links = vec![Link::new("self", "application/json", this.clone())];
    if job.rejects_bytes > 0 {
        links.push(Link::new("rejects", "application/x-ndjson", format!("{this}/rejects")));
    }
    Import {
        id: job.id,
        collection: job.collection.to_string(),
        state: job.state,
        options: job.options.into_iter().map(|(name, value)| (name, value.into())).collect(),
        bytes: job.bytes,
        read_bytes: job.read_bytes,
        read: job.read,
        stored: job.stored,
        rejected: job.rejected,
        repeated: job.repeated,
        created: time(job.created_unix_ms),
        started: job.started_unix_ms.map(time),
        ended: job.ended_unix_ms.map(time),
        expires: job.expires_unix_ms.map(time),
        resumed: job.resumed,
        recognised: job.recognised,
        notices: job.notices,
        error: job.error,
        findings: job.findings,
        upload: job.upload,
        links,
    }
}

fn time(unix_ms: u64) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms);
    humantime::format_rfc3339_millis(at).to_string()
}
