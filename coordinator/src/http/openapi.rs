//! The OpenAPI document: what utoipa makes of the handlers, plus what holds for every operation.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::Operations;

/// The document as text, made once.
pub fn text() -> Bytes {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(document().to_string()));
    TEXT.clone()
}

/// The document.
pub fn document() -> Value {
    let mut document = serde_json::to_value(Operations::openapi()).unwrap_or_default();
    document["info"] = json!({
        "title": "NetPlanner",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Plans optical transport networks on a cluster. Lists are pages of `{items, next_cursor}`; \
            errors are problem documents (RFC 9457), explained at /docs/errors; every answer has an `X-Request-Id`.",
    });
    add_documents(&mut document);
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return document };
    for operations in paths.values_mut().filter_map(Value::as_object_mut) {
        for (method, operation) in operations.iter_mut() {
            complete(method, operation);
        }
    }
    document
}

/// What every operation has: a name of its own, a problem as its other answer, keys where something is created.
fn complete(method: &str, operation: &mut Value) {
    let tag = operation["tags"][0].as_str().unwrap_or_default().replace('-', "_");
    let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
    operation["operationId"] = json!(format!("{tag}_{name}"));
    operation["responses"]["default"] = json!({
        "description": "A problem",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let creates = ["201", "202"].iter().any(|status| !operation["responses"][*status].is_null());
    if method == "post" && creates {
        let key = json!({
            "name": "Idempotency-Key", "in": "header", "required": false, "schema": { "type": "string", "maxLength": 200 },
            "description": "Repeating a request with the same key within 24 h repeats its answer, with `Idempotency-Replayed: true`",
        });
        match operation["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(key),
            None => operation["parameters"] = json!([key]),
        }
    }
}

/// The schemas of the documents themselves, which their own crate derives.
fn add_documents(document: &mut Value) {
    let documents = [
        ("Topology", schemars::schema_for!(optics::topology::Topology)),
        ("TrafficMatrix", schemars::schema_for!(optics::traffic::TrafficMatrix)),
        ("Equipment", schemars::schema_for!(optics::equipment::Equipment)),
        ("PlanReport", schemars::schema_for!(optics::report::PlanReport)),
        ("Finding", schemars::schema_for!(optics::finding::Finding)),
    ];
    let mut schemas = Map::new();
    for (name, schema) in documents {
        let mut schema = schema.to_value();
        if let Some(Value::Object(definitions)) = schema.as_object_mut().and_then(|own| own.remove("$defs")) {
            for (part, mut definition) in definitions {
                rename(&mut definition);
                schemas.insert(format!("Document{part}"), definition);
            }
        }
        rename(&mut schema);
        if let Some(own) = schema.as_object_mut() {
            own.remove("$schema");
        }
        schemas.insert(name.to_owned(), schema);
    }
    if let Some(own) = document["components"]["schemas"].as_object_mut() {
        own.extend(schemas);
    }
}

/// Points references at where the document keeps its schemas.
fn rename(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(target) if key == "$ref" => {
                        if let Some(part) = target.strip_prefix("#/$defs/") {
                            *target = format!("#/components/schemas/Document{part}");
                        }
                    }
                    other => rename(other),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(rename),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            let at = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(at).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document = document();
        let mut names = BTreeSet::new();
        for operation in
            document["paths"].as_object().unwrap().values().flat_map(|o| o.as_object().unwrap().values())
        {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            assert!(operation["summary"].is_string(), "{name} has no summary");
        }
    }
}
