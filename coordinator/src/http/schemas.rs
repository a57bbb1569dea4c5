//! Parameters of runs against the JSON Schema their algorithm announced, each schema compiled once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use common::algorithm::AlgorithmDescriptor;
use common::ids::ContentHash;
use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use optics::finding::Finding;
use serde_json::Value;

use super::error::{ApiError, Code};
use super::json::escape;

/// The most compiled schemas kept: a catalogue has some dozens, in a few versions.
const KEPT: usize = 256;

/// Compiled schemas by their content.
#[derive(Default)]
pub struct Schemas(Mutex<HashMap<ContentHash, Arc<Validator>>>);

impl Schemas {
    /// Everything in `params` that the algorithm's schema does not allow, with pointers below `/params`.
    pub fn check(&self, algorithm: &AlgorithmDescriptor, params: &Value) -> Result<(), ApiError> {
        let validator = self.compiled(algorithm)?;
        let errors: Vec<Finding> = validator
            .iter_errors(params)
            .take(super::error::FINDINGS)
            .flat_map(|error| findings(&error))
            .collect();
        if errors.is_empty() {
            return Ok(());
        }
        let of = format!("{} version {}", algorithm.name, algorithm.version);
        let detail = match &errors[..] {
            [one] => format!("parameters of {of}: {} at {}", one.detail, one.pointer),
            many => format!("{} errors in the parameters of {of}", many.len()),
        };
        Err(ApiError::of(Code::InvalidParams, detail, errors))
    }

    fn compiled(&self, algorithm: &AlgorithmDescriptor) -> Result<Arc<Validator>, ApiError> {
        let schema = &algorithm.params_schema;
        let key = ContentHash::of(schema.to_string().as_bytes());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = kept.get(&key) {
            return Ok(validator.clone());
        }
        let validator = jsonschema::validator_for(schema).map_err(|error| {
            let name = &algorithm.name;
            ApiError::new(Code::Internal, format!("the schema that {name} announced cannot be used: {error}"))
        })?;
        if kept.len() >= KEPT {
            kept.clear(); // rare, and cheap to build again
        }
        let validator = Arc::new(validator);
        kept.insert(key, validator.clone());
        Ok(validator)
    }
}

/// One finding per unknown or missing parameter, at the parameter rather than at its object.
fn findings(error: &jsonschema::ValidationError<'_>) -> Vec<Finding> {
    let base = format!("/params{}", error.instance_path());
    let at = |pointer: String, detail: String| Finding::error(error.kind().keyword(), pointer, detail);
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|name| at(format!("{base}/{}", escape(name)), format!("there is no parameter {name:?}")))
            .collect(),
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![at(format!("{base}/{}", escape(name)), format!("{name:?} is required"))]
        }
        _ => vec![at(base, error.to_string().chars().take(500).collect())],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn algorithm() -> AlgorithmDescriptor {
        AlgorithmDescriptor {
            name: "spin".into(),
            version: 1,
            summary: String::new(),
            inputs: vec![],
            params_schema: json!({
                "type": "object", "additionalProperties": false, "required": ["shards"],
                "properties": { "shards": { "type": "integer", "minimum": 1 }, "mode": { "enum": ["a", "b"] } }
            }),
            report_schema: json!({}),
            labels: std::collections::BTreeMap::new(),
            stages: vec![],
        }
    }

    #[test]
    fn each_wrong_parameter_is_pointed_at() {
        let schemas = Schemas::default();
        assert!(schemas.check(&algorithm(), &json!({ "shards": 3, "mode": "a" })).is_ok());
        let error = schemas.check(&algorithm(), &json!({ "mode": "c", "x/y": 1 })).unwrap_err();
        let mut pointers: Vec<_> = error.errors.iter().map(|error| error.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/params/mode", "/params/shards", "/params/x~1y"]);
        let error = schemas.check(&algorithm(), &json!({ "shards": 0 })).unwrap_err();
        assert_eq!(error.code, Code::InvalidParams);
        assert!(error.detail.contains("/params/shards"), "{}", error.detail);
    }
}
