//! What a worker says of an algorithm it offers: the coordinator lists it, validates parameters against it and knows
//! nothing else about it.

use serde::{Deserialize, Serialize};

/// One algorithm of a worker's catalogue. Travels in `Hello` as JSON bytes, because schemas are JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AlgorithmDescriptor {
    /// Stored with runs, never renamed.
    pub name: String,
    /// Raised when the same input may give another report.
    pub version: u32,
    /// One sentence for people.
    pub summary: String,
    /// The documents it takes, by role.
    pub inputs: Vec<InputRole>,
    /// JSON Schema (draft 2020-12) of the parameters, with defaults.
    pub params_schema: serde_json::Value,
    /// JSON Schema of the report.
    pub report_schema: serde_json::Value,
    /// What a worker must be labelled with to get its tasks, beside what a run asks for.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub labels: std::collections::BTreeMap<String, String>,
    /// Its stages in the order in which they usually open.
    pub stages: Vec<StageDescriptor>,
}

/// A document that an algorithm takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct InputRole {
    /// `topology`, `traffic`, …
    pub role: String,
    /// Whether a run without it is refused.
    pub required: bool,
}

/// A stage as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StageDescriptor {
    /// Its name.
    pub name: String,
    /// What its shards do.
    pub does: String,
}
