//! The one place where what went wrong inside becomes what the client is told.

use cellar_changes::log::LogError;
use cellar_changes::stream::StreamError;
use cellar_model::canonical::{Reject, RejectKind};
use cellar_model::geojson::{BatchError, FeatureError};
use cellar_model::{CursorError, KeyError};
use cellar_search::pages::PageError;
use cellar_store::StoreError;
use geo_index::SearchError;

use super::{FeatureFault, Kind, Problem};
use crate::imports::Refused;
use crate::live::NoSeat;

/// Most features that a problem lists.
const MAX_LISTED_FAULTS: usize = 20;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let internal = error.to_string();
        match error {
            StoreError::Deadline => Self::out_of_time(),
            StoreError::Throttled => Self::new(
                Kind::StoreThrottled,
                "the store takes no more requests for the moment; try again shortly",
            )
            .retry_after_s(1),
            StoreError::NoTable { .. } | StoreError::NoCategoryIndex | StoreError::Failed(_) => {
                Self::new(Kind::StoreUnavailable, "the store does not answer; try again shortly")
                    .retry_after_s(2)
            }
            StoreError::TooLarge { bytes, max_bytes, .. } => Self::new(
                Kind::BodyTooLarge,
                format!("the place takes {bytes} bytes in the store; {max_bytes} are allowed"),
            ),
            StoreError::Deleting { collection } => Self::new(
                Kind::CollectionDeleting,
                format!("collection `{collection}` is being deleted; it can be created anew once `GET /v1/collections/{collection}` is a 404"),
            )
            .parameter("collection")
            .retry_after_s(30),
            StoreError::Damaged { .. } => Self::new(
                Kind::Internal,
                "something stored cannot be read; the log has more under the request id",
            ),
        }
        .internal(internal)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::Busy { retry_after_s, .. } | Refused::NoRoom { retry_after_s } => {
                Self::new(Kind::ImportsBusy, detail).retry_after_s(retry_after_s)
            }
            Refused::TooLong { most } => {
                Self::new(Kind::BodyTooLarge, detail).allowed(format!("at most {most} bytes"))
            }
            Refused::Empty => Self::new(Kind::BodyInvalid, detail),
            Refused::TooSlow => Self::new(Kind::BodyTimeout, detail),
            Refused::Broken(why) => Self::new(Kind::BodyInvalid, detail).internal(why),
            Refused::Option { name, allowed, .. } => {
                let problem = Self::new(Kind::ParameterInvalid, detail).parameter(name);
                match allowed {
                    Some(allowed) => problem.allowed(allowed),
                    None => problem,
                }
            }
            Refused::KeyReused => Self::new(Kind::KeyReused, detail).parameter("Idempotency-Key"),
            Refused::KeyInUse => {
                Self::new(Kind::KeyInUse, detail).parameter("Idempotency-Key").retry_after_s(5)
            }
            Refused::NotHere { .. } => Self::new(Kind::ParameterInvalid, detail)
                .parameter("bytes")
                .allowed("the length of the file in bytes, at least 1"),
            Refused::Store(error) => error.into(),
            Refused::Failed(why) => Self::new(Kind::Internal, detail).internal(why),
        }
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        let internal = error.to_string();
        match error {
            LogError::Gone(_) => Self::new(
                Kind::ChangesGone,
                format!("{internal}; take a new token, then load the collection anew"),
            )
            .parameter("since"),
            LogError::Stream(StreamError::NoStream { .. }) => {
                Self::new(Kind::ChangesUnavailable, "the table has no stream of new and old images")
            }
            LogError::Stream(StreamError::Throttled) => StoreError::Throttled.into(),
            LogError::Stream(error) => StoreError::Failed(error.to_string()).into(),
        }
        .internal(internal)
    }
}

impl From<NoSeat> for Problem {
    fn from(refused: NoSeat) -> Self {
        match refused {
            NoSeat::Full => {
                Self::new(Kind::WatchersFull, "as many clients watch as this server takes").retry_after_s(30)
            }
            NoSeat::OfClient => Self::new(
                Kind::TooManyWatches,
                "this client watches as often at a time as it may; end another one first",
            )
            .retry_after_s(30),
        }
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::PageBudget { .. } => Self::new(Kind::SearchTooBroad, error.to_string()),
        }
    }
}

impl From<PageError> for Problem {
    fn from(failure: PageError) -> Self {
        match failure {
            PageError::Store(error) => error.into(),
            PageError::Search(error) => error.into(),
            PageError::NothingInTime => Self::new(
                Kind::NothingInTime,
                "no place was found in the part of the box that could be searched in time; ask again, which gets \
                 further, or for a smaller box",
            )
            .retry_after_s(1)
            .internal(failure.to_string()),
        }
    }
}

impl From<CursorError> for Problem {
    fn from(error: CursorError) -> Self {
        Self::new(Kind::CursorInvalid, error.to_string())
            .parameter("cursor")
            .allowed("the cursor of a `next` link, with all other parameters but `limit` as they were")
    }
}

impl From<FeatureError> for Problem {
    fn from(error: FeatureError) -> Self {
        let kind = match error {
            FeatureError::TooLarge { .. } => Kind::BodyTooLarge,
            FeatureError::Syntax { .. } => Kind::BodyInvalid,
            _ => Kind::FeatureInvalid,
        };
        let problem = Self::new(kind, error.to_string());
        if kind == Kind::FeatureInvalid { problem.errors(vec![fault(0, &error)]) } else { problem }
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let detail = error.to_string();
        match error {
            BatchError::TooMany { .. } => Self::new(Kind::BodyTooLarge, detail),
            BatchError::Features(faults) => Self::new(Kind::FeatureInvalid, detail).errors(
                faults.iter().take(MAX_LISTED_FAULTS).map(|(index, error)| fault(*index, error)).collect(),
            ),
            _ => Self::new(Kind::BodyInvalid, detail),
        }
    }
}

impl From<Reject> for Problem {
    fn from(reject: Reject) -> Self {
        let kind = match reject.kind {
            RejectKind::ParameterUnknown => Kind::ParameterUnknown,
            RejectKind::ParameterMissing => Kind::ParameterMissing,
            RejectKind::ParameterRepeated => Kind::ParameterRepeated,
            RejectKind::ParameterInvalid => Kind::ParameterInvalid,
            RejectKind::ParameterOutOfRange => Kind::ParameterOutOfRange,
            RejectKind::QueryMalformed => Kind::QueryMalformed,
            RejectKind::QueryTooLong => Kind::QueryTooLong,
        };
        let problem = Self::new(kind, reject.detail);
        match reject.parameter {
            Some(parameter) => problem.parameter(parameter),
            None => problem,
        }
    }
}

impl Problem {
    /// The request's time is up.
    pub fn out_of_time() -> Self {
        Self::new(Kind::DeadlineExceeded, "the answer was not ready in time; try again shortly")
            .retry_after_s(1)
    }

    /// A path segment that the grammar of keys does not allow.
    pub fn path_segment(name: &'static str, error: &KeyError) -> Self {
        let allowed = match name {
            "collection" => "1 to 64 characters of a-z, 0-9, `-` and `_`, the first a letter or digit",
            _ => "1 to 512 bytes of percent-encoded UTF-8 without control characters, not `.` or `..`",
        };
        Self::new(Kind::ParameterInvalid, error.to_string()).parameter(name).allowed(allowed)
    }
}

fn fault(index: usize, error: &FeatureError) -> FeatureFault {
    FeatureFault { index, pointer: error.pointer(), detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_cannot_be_exact_is_refused() {
        let problem = Problem::from(PageError::from(SearchError::PageBudget { budget: 7 }));
        assert_eq!((problem.kind(), problem.kind().status().as_u16()), (Kind::SearchTooBroad, 422));
    }

    #[test]
    fn a_scan_that_found_nothing_in_time_may_be_repeated() {
        let problem = Problem::from(PageError::NothingInTime);
        assert_eq!((problem.kind(), problem.kind().status().as_u16()), (Kind::NothingInTime, 503));
    }

    #[test]
    fn internals_stay_in_the_log() {
        for error in [
            StoreError::NoTable { table: "cellar-internal".into() },
            StoreError::Failed("cellar-internal".into()),
            StoreError::Damaged { key: "cellar-internal".into(), reason: "x".into() },
        ] {
            let problem = Problem::from(error);
            assert!(problem.internal_text().is_some_and(|text| text.contains("cellar-internal")));
            let json = String::from_utf8(problem.json()).unwrap();
            assert!(!json.contains("cellar-internal"), "{json}");
        }
    }
}
