//! What an SDK error means: worth another try, or final.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::StoreError;

/// Why one attempt did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// DynamoDB asked for fewer requests.
    Throttled,
    /// No answer within the attempt's limit.
    TimedOut,
    /// A fault that another attempt may not meet: a broken connection, an error of the service itself.
    Passing(String),
    /// Another attempt would end the same way.
    Final(StoreError),
}

/// Whether a request was refused because its condition does not hold.
pub fn refuses_condition<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: ProvideErrorMetadata + Error + 'static,
{
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ConditionalCheckFailedException")
}

/// Judges an SDK error of a request to a table.
pub fn classify<E>(table: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => Failure::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Failure::TimedOut,
        // The SDK files a connection that ends without an answer under "other", with a kind that says it was transient.
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.as_other().is_some() => {
            Failure::Passing(describe(error))
        }
        SdkError::ResponseError(_) => Failure::Passing(describe(error)),
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            judge(table, service.err().code(), service.err().message(), status)
        }
        _ => Failure::Final(StoreError::Failed(describe(error))),
    }
}

fn judge(table: &str, code: Option<&str>, message: Option<&str>, status: u16) -> Failure {
    let text = || {
        let code = code.map_or_else(|| format!("HTTP status {status}"), str::to_owned);
        message.map_or_else(|| code.clone(), |message| format!("{code}: {}", first_line(message)))
    };
    match code {
        Some(
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "Throttling"
            | "RequestLimitExceeded",
        ) => Failure::Throttled,
        Some("ResourceNotFoundException") => Failure::Final(StoreError::NoTable { table: table.to_owned() }),
        Some("ValidationException") if message.is_some_and(lacks_index) => {
            Failure::Final(StoreError::NoCategoryIndex)
        }
        _ if status == 429 => Failure::Throttled,
        _ if status >= 500 => Failure::Passing(text()),
        _ => Failure::Final(StoreError::Failed(text())),
    }
}

/// What DynamoDB says of an index that is not there, or that is still being filled. The index `by_cell` is there in every table
/// that was checked, so it is one by category.
fn lacks_index(message: &str) -> bool {
    message.contains("does not have the specified index")
        || message.contains("backfilling global secondary index")
}

/// The messages of an error and its causes. Not its `Debug` text, which holds the whole response.
fn describe(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(first_line(&error.to_string()).to_owned(), |mut text, cause| {
        let cause = cause.to_string();
        text.push_str(": ");
        text.push_str(first_line(&cause));
        text
    })
}

/// A rejected signature is answered with the signed request below the first line, session token included.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide() {
        let judge = |code, status| judge("places", Some(code), Some("why\nx-amz-security-token:t"), status);
        assert!(matches!(judge("ThrottlingException", 400), Failure::Throttled));
        assert!(matches!(judge("ProvisionedThroughputExceededException", 400), Failure::Throttled));
        assert!(matches!(judge("RequestLimitExceeded", 400), Failure::Throttled));
        assert!(matches!(judge("InternalServerError", 500), Failure::Passing(_)));
        let Failure::Final(StoreError::NoTable { table }) = judge("ResourceNotFoundException", 400) else {
            panic!("a missing table is final");
        };
        assert_eq!(table, "places");
        let Failure::Final(StoreError::Failed(text)) = judge("InvalidSignatureException", 400) else {
            panic!("a refusal is final");
        };
        assert_eq!(text, "InvalidSignatureException: why");
        let lacks = |message| super::judge("t", Some("ValidationException"), Some(message), 400);
        for message in [
            "The table does not have the specified index: by_category",
            "Cannot read from backfilling global secondary index: by_category",
        ] {
            assert!(matches!(lacks(message), Failure::Final(StoreError::NoCategoryIndex)), "{message}");
        }
        assert!(matches!(
            lacks("One or more parameter values were invalid"),
            Failure::Final(StoreError::Failed(_))
        ));
    }

    #[test]
    fn a_status_stands_in_for_a_code() {
        assert!(matches!(judge("t", None, None, 429), Failure::Throttled));
        assert!(matches!(judge("t", None, None, 503), Failure::Passing(text) if text == "HTTP status 503"));
    }
}
