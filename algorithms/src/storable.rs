//! JSON that Postgres' JSONB stores without complaint and without change of meaning.

use serde::Serialize;

/// Why a value cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnstorableError {
    /// JSON has no NaN and no infinity; serde_json would silently write `null`.
    #[error("a number that is NaN or infinite")]
    NotFinite,
    /// JSONB refuses `\u0000` in texts.
    #[error("a text with a NUL character")]
    Nul,
    /// Deeper than any reader should have to follow.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// Not expressible as JSON at all (a map with keys that are no text, …).
    #[error("{0}")]
    Other(String),
}

/// Serialises `value`, with `-0.0` written as `0.0`, to JSON bytes that JSONB accepts.
///
/// # Errors
/// See [`UnstorableError`]; the worker's document limits are checked by whoever sends the bytes.
pub fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, UnstorableError> {
    let _ = value;
    Err(UnstorableError::Other("to be written".to_owned()))
}
