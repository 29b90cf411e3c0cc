//! Why the function cannot start.

use thiserror::Error;

/// Why the function cannot start: a setting that cannot be used. The text names it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct StartError(pub(super) String);
