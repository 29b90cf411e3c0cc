//! The API as an AWS Lambda function: requests, warmer, warm-up jobs and stream batches in one, so that one health
//! check speaks for all of it and every call finds it warm. docs/LAMBDA.md describes it from the outside.
//!
//! | module | what it holds |
//! |---|---|
//! | [`run`](run()), `start` | the process: configuration, connections, the loop |
//! | [`event`], `instruction`, [`stream`] | what events are |
//! | [`http`] | between events and the router |
//! | [`function`], `warming`, `deleting` | what is done about an event |
//! | `budget` | the time that an invocation has |
//! | `aws`, `roots` | the SDK without whatever takes time to find out |
//!
//! Invariant: an answer is on its way before the invocation's deadline, whatever does not answer us; and what goes on
//! beside answers is ended before the process stands still.

mod aws;
mod budget;
mod deleting;
mod edge_maps;
mod error;
pub mod event;
pub mod function;
pub mod http;
mod instruction;
mod roots;
mod run;
mod start;
pub mod stream;
mod warming;

use lambda_http::lambda_runtime::Diagnostic;

pub use self::budget::Budget;
pub use self::error::StartError;
pub use self::function::{Function, Reply};
pub use self::instruction::{Target, WarmOrder};
pub use self::run::run;
pub use self::start::start;

/// Why an event is not carried out: the invocation fails with this text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

impl Refusal {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<Refusal> for Diagnostic {
    fn from(Refusal(error_message): Refusal) -> Self {
        Self { error_type: "Cellar.EventRefused".to_owned(), error_message }
    }
}
