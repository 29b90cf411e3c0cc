//! Why the engine does not do something.

use dynoxide::DynoxideError;

/// Why a request is not done.
pub(super) enum Refusal {
    /// The engine says so.
    Engine(DynoxideError),
    /// The stream's next record is gone.
    Trimmed,
}

impl From<DynoxideError> for Refusal {
    fn from(error: DynoxideError) -> Self {
        Self::Engine(error)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(DynoxideError::InternalServerError(error.to_string()))
    }
}
