//! What the independent checker says of a plan.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Violation {
    /// The rule, in upper snake case (`SPECTRUM_CLASH`, `NOT_DISJOINT`, …).
    pub rule: String,
    /// The lightpath, request, link or node concerned.
    pub subject: String,
    /// What is wrong, naming everything needed to find it.
    pub detail: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}: {}", self.rule, self.subject, self.detail)
    }
}
