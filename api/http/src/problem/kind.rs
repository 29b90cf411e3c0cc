//! The kinds of problems: the stable part of every error.

use axum::http::StatusCode;

/// A kind of problem. Its [`slug`](Kind::slug) is what a client may match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described once, in `facts`")]
pub enum Kind {
    ParameterUnknown,
    ParameterMissing,
    ParameterRepeated,
    ParameterInvalid,
    ParameterOutOfRange,
    CursorInvalid,
    OpenAtUnsupported,
    QueryMalformed,
    QueryTooLong,
    BodyInvalid,
    FeatureInvalid,
    WriteUnauthorized,
    ReadUnauthorized,
    ScopeMissing,
    RateLimited,
    WriteDisabled,
    HealthUnauthorized,
    RouteUnknown,
    CollectionUnknown,
    PlaceUnknown,
    MethodNotAllowed,
    EncodingUnacceptable,
    BodyTimeout,
    BodyTooLarge,
    MediaTypeUnsupported,
    SearchTooBroad,
    NothingInTime,
    AnswerTooLarge,
    HeaderInvalid,
    PreconditionFailed,
    CollectionDeleting,
    CollectionGone,
    KeyReused,
    KeyInUse,
    ImportUnknown,
    ImportsDisabled,
    ImportsBusy,
    TokenInvalid,
    ChangesGone,
    ChangesUnavailable,
    WatchersFull,
    TooManyWatches,
    RequestInvalid,
    Internal,
    Overloaded,
    DeadlineExceeded,
    StoreThrottled,
    StoreUnavailable,
    ForcedFailure,
}

struct Facts {
    slug: &'static str,
    status: StatusCode,
    title: &'static str,
    meaning: &'static str,
}

const fn facts(slug: &'static str, status: StatusCode, title: &'static str, meaning: &'static str) -> Facts {
    Facts { slug, status, title, meaning }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 49] = [
        Self::ParameterUnknown,
        Self::ParameterMissing,
        Self::ParameterRepeated,
        Self::ParameterInvalid,
        Self::ParameterOutOfRange,
        Self::CursorInvalid,
        Self::OpenAtUnsupported,
        Self::QueryMalformed,
        Self::QueryTooLong,
        Self::BodyInvalid,
        Self::FeatureInvalid,
        Self::WriteUnauthorized,
        Self::ReadUnauthorized,
        Self::ScopeMissing,
        Self::RateLimited,
        Self::WriteDisabled,
        Self::HealthUnauthorized,
        Self::RouteUnknown,
        Self::CollectionUnknown,
        Self::PlaceUnknown,
        Self::MethodNotAllowed,
        Self::EncodingUnacceptable,
        Self::BodyTimeout,
        Self::BodyTooLarge,
        Self::MediaTypeUnsupported,
        Self::SearchTooBroad,
        Self::NothingInTime,
        Self::AnswerTooLarge,
        Self::HeaderInvalid,
        Self::PreconditionFailed,
        Self::CollectionDeleting,
        Self::CollectionGone,
        Self::KeyReused,
        Self::KeyInUse,
        Self::ImportUnknown,
        Self::ImportsDisabled,
        Self::ImportsBusy,
        Self::TokenInvalid,
        Self::ChangesGone,
        Self::ChangesUnavailable,
        Self::WatchersFull,
        Self::TooManyWatches,
        Self::RequestInvalid,
        Self::Internal,
        Self::Overloaded,
        Self::DeadlineExceeded,
        Self::StoreThrottled,
        Self::StoreUnavailable,
        Self::ForcedFailure,
    ];

    /// Last segment of the problem's `type`.
    pub fn slug(self) -> &'static str {
        self.facts().slug
    }

    /// Status of the response.
    pub fn status(self) -> StatusCode {
        self.facts().status
    }

    /// A short text that is the same for every problem of the kind.
    pub fn title(self) -> &'static str {
        self.facts().title
    }

    /// What it means and what to do about it.
    pub fn meaning(self) -> &'static str {
        self.facts().meaning
    }

    #[rustfmt::skip]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn facts(self) -> Facts {
        use StatusCode as S;
        match self {
            Self::ParameterUnknown => facts("parameter-unknown", S::BAD_REQUEST, "Unknown parameter",
                "The query has a parameter that this resource does not know; `allowed` lists those it knows."),
            Self::ParameterMissing => facts("parameter-missing", S::BAD_REQUEST, "Missing parameter",
                "A required parameter is not there."),
            Self::ParameterRepeated => facts("parameter-repeated", S::BAD_REQUEST, "Repeated parameter",
                "A parameter is there more than once."),
            Self::ParameterInvalid => facts("parameter-invalid", S::BAD_REQUEST, "Invalid parameter",
                "A parameter of the query or the path cannot be read; `allowed` says what it may be."),
            Self::ParameterOutOfRange => facts("parameter-out-of-range", S::BAD_REQUEST, "Parameter out of range",
                "A parameter lies outside of its range, which is in `allowed`."),
            Self::CursorInvalid => facts("cursor-invalid", S::BAD_REQUEST, "Invalid cursor",
                "The cursor is damaged or belongs to another query; start again without it."),
            Self::OpenAtUnsupported => facts("open-at-unsupported", S::BAD_REQUEST, "No opening hours",
                "This server was built without the time zones and holidays that `open_at` takes; ask without it, and evaluate `opening_hours` of the places."),
            Self::QueryMalformed => facts("query-malformed", S::BAD_REQUEST, "Malformed query",
                "The URL is not valid percent-encoded UTF-8."),
            Self::QueryTooLong => facts("query-too-long", S::BAD_REQUEST, "Query too long",
                "The query of a request for a cell answer may have 2,048 bytes."),
            Self::BodyInvalid => facts("body-invalid", S::BAD_REQUEST, "Invalid body",
                "The body is not the JSON that is expected here."),
            Self::FeatureInvalid => facts("feature-invalid", S::BAD_REQUEST, "Invalid feature",
                "A feature cannot be stored; nothing was written. `errors` says which members are at fault."),
            Self::WriteUnauthorized => facts("write-unauthorized", S::UNAUTHORIZED, "Key required",
                "Writing takes a valid API key, or the write token, as a bearer token."),
            Self::ReadUnauthorized => facts("read-unauthorized", S::UNAUTHORIZED, "Key required",
                "Reading from this server takes a valid API key as a bearer token."),
            Self::ScopeMissing => facts("scope-missing", S::FORBIDDEN, "Scope missing",
                "The API key does not allow this; `allowed` is the least scope that does."),
            Self::RateLimited => facts("rate-limited", S::TOO_MANY_REQUESTS, "Too many requests",
                "The client, told by its key or its address, asks more often than it may; `Retry-After` and `RateLimit` say when it may again."),
            Self::WriteDisabled => facts("write-disabled", S::FORBIDDEN, "Writing is disabled",
                "This server has no keys and is not open for writing, or not to the web page that asks."),
            Self::HealthUnauthorized => facts("health-unauthorized", S::FORBIDDEN, "Health secret required",
                "Deep health checks take the server's health secret."),
            Self::RouteUnknown => facts("route-unknown", S::NOT_FOUND, "No such resource",
                "Nothing lives at this path; `/openapi.json` lists what does."),
            Self::CollectionUnknown => facts("collection-unknown", S::NOT_FOUND, "No such collection",
                "There is no collection of this name."),
            Self::PlaceUnknown => facts("place-unknown", S::NOT_FOUND, "No such place",
                "The collection has no place of this id."),
            Self::MethodNotAllowed => facts("method-not-allowed", S::METHOD_NOT_ALLOWED, "Method not allowed",
                "The resource does not know the method; the header `Allow` lists those it knows."),
            Self::EncodingUnacceptable => facts("encoding-unacceptable", S::NOT_ACCEPTABLE, "No acceptable encoding",
                "`Accept-Encoding` rules out `identity` and names none of `br`, `zstd` and `gzip`."),
            Self::BodyTimeout => facts("body-timeout", S::REQUEST_TIMEOUT, "Body not received in time",
                "The body took longer than a request may take."),
            Self::BodyTooLarge => facts("body-too-large", S::PAYLOAD_TOO_LARGE, "Body too large",
                "The body, or what it holds, exceeds a limit; send less at a time."),
            Self::MediaTypeUnsupported => facts("media-type-unsupported", S::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported media type", "The body must be `application/geo+json` or `application/json`, and not compressed."),
            Self::SearchTooBroad => facts("search-too-broad", S::UNPROCESSABLE_ENTITY, "Search too broad",
                "The search would read more pages than one request may; narrow it down."),
            Self::NothingInTime => facts("nothing-in-time", S::SERVICE_UNAVAILABLE, "Nothing found in time",
                "The box holds no place in the part of it that could be searched in time, and there is more of it. What was read is kept, so asking again gets further."),
            Self::AnswerTooLarge => facts("answer-too-large", S::UNPROCESSABLE_ENTITY, "Answer too large",
                "The answer is larger than the server's platform can send; ask for fewer places at a time."),
            Self::HeaderInvalid => facts("header-invalid", S::BAD_REQUEST, "Invalid header",
                "A header of the request cannot be read, or means nothing here; `parameter` names it."),
            Self::PreconditionFailed => facts("precondition-failed", S::PRECONDITION_FAILED, "Precondition failed",
                "The place is not what `If-Match` or `If-None-Match` says; nothing was written. Read it again."),
            Self::CollectionDeleting => facts("collection-deleting", S::CONFLICT, "Collection is being deleted",
                "Nothing can be written to the collection, nor can it be created anew, until its deletion is complete."),
            Self::CollectionGone => facts("collection-gone", S::GONE, "Collection is gone",
                "The collection is being deleted; there is nothing left to be read."),
            Self::KeyReused => facts("key-reused", S::UNPROCESSABLE_ENTITY, "Idempotency key reused",
                "The `Idempotency-Key` came with another body before; nothing was written. Each batch needs a key of its own."),
            Self::KeyInUse => facts("key-in-use", S::CONFLICT, "Still being written",
                "A request with this `Idempotency-Key` is being worked on; repeat it after `Retry-After`."),
            Self::ImportUnknown => facts("import-unknown", S::NOT_FOUND, "No such import",
                "The collection has no import of this id that the server knows; those that have ended are forgotten after a while."),
            Self::ImportsDisabled => facts("imports-disabled", S::FORBIDDEN, "No imports",
                "This server takes no imports; its operator has not given them a directory."),
            Self::ImportsBusy => facts("imports-busy", S::SERVICE_UNAVAILABLE, "Too many imports",
                "As many imports wait, or come in, as there is room for; try again after `Retry-After`."),
            Self::TokenInvalid => facts("token-invalid", S::BAD_REQUEST, "Invalid token",
                "The token of changes is damaged or of another version; load the collection and begin with a new token."),
            Self::ChangesGone => facts("changes-gone", S::GONE, "Changes are gone",
                "Changes after the token are not kept any more, or the token is of another table. Take a new token, then load the collection anew."),
            Self::ChangesUnavailable => facts("changes-unavailable", S::NOT_IMPLEMENTED, "No changes here",
                "This server cannot tell of changes: it is a function, whose invocations end, or the table has no stream. A server (`cellar serve`) on a table with a stream can."),
            Self::WatchersFull => facts("watchers-full", S::SERVICE_UNAVAILABLE, "Too many watchers",
                "As many clients watch as the server takes; try again after `Retry-After`."),
            Self::TooManyWatches => facts("too-many-watches", S::TOO_MANY_REQUESTS, "Too many watches of one client",
                "The client, told by its key or its address, watches as often at a time as it may."),
            Self::RequestInvalid => facts("request-invalid", S::BAD_REQUEST, "Invalid request",
                "The request cannot be understood."),
            Self::Internal => facts("internal", S::INTERNAL_SERVER_ERROR, "Internal error",
                "A fault of the server; the log has more under the request id."),
            Self::Overloaded => facts("overloaded", S::SERVICE_UNAVAILABLE, "Overloaded",
                "The server works on as many requests as it can; try again after `Retry-After`."),
            Self::DeadlineExceeded => facts("deadline-exceeded", S::SERVICE_UNAVAILABLE, "Out of time",
                "The answer was not ready in the time that a request has; try again after `Retry-After`."),
            Self::StoreThrottled => facts("store-throttled", S::SERVICE_UNAVAILABLE, "Store throttled",
                "The store takes no more requests for the moment; try again after `Retry-After`."),
            Self::StoreUnavailable => facts("store-unavailable", S::SERVICE_UNAVAILABLE, "Store unavailable",
                "The store does not answer; try again after `Retry-After`."),
            Self::ForcedFailure => facts("forced-failure", S::SERVICE_UNAVAILABLE, "Told to fail",
                "The operator makes health checks of this server fail: a drill."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique() {
        let mut slugs = Kind::ALL.map(Kind::slug);
        slugs.sort_unstable();
        assert!(slugs.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
