//! Why an algorithm gives no result.

use optics::violation::Violation;

/// Why an algorithm gives no result. None of these is worth a repetition: the same input fails the same way.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AlgorithmError {
    /// The parameters do not fit each other or the inputs.
    #[error("parameter {pointer}: {detail}")]
    InvalidParams {
        /// JSON pointer into the parameters.
        pointer: String,
        /// What is wrong and what would be right.
        detail: String,
    },
    /// An input document is missing or refused.
    #[error("input {role}{pointer}: {detail}")]
    InvalidInput {
        /// Its role.
        role: String,
        /// JSON pointer into it.
        pointer: String,
        /// What is wrong.
        detail: String,
    },
    /// The task has no solution.
    #[error("no solution: {detail}")]
    Infeasible {
        /// Why, naming what is in the way.
        detail: String,
    },
    /// The independent checker found the report wrong: a fault of the algorithm.
    #[error("the plan breaks {} rule(s), first: {}", .0.len(), .0.first().map_or_else(String::new, ToString::to_string))]
    Violations(Vec<Violation>),
    /// A state, partial result or report that JSONB cannot hold (NaN, infinity, `\u0000`, too deep, too large).
    #[error("a document that cannot be stored: {detail}")]
    Unstorable {
        /// What and where.
        detail: String,
    },
    /// A stored state or partial result does not have the form this version of the algorithm writes.
    #[error("a stored document of another form: {detail}")]
    Unreadable {
        /// What and where.
        detail: String,
    },
    /// Partial results could not be brought here; not the algorithm's fault, and worth a repetition.
    #[error("partial results are unavailable: {detail}")]
    Unavailable {
        /// Why.
        detail: String,
    },
    /// [`crate::Control`] said so.
    #[error("cancelled")]
    Cancelled,
}
