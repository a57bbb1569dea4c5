//! `algorithm list|show`: what workers announced.

use serde_json::Value;

use super::Context;
use crate::args::AlgorithmCommand;
use crate::error::CliError;
use crate::print;

/// Lists the catalogue or shows one algorithm.
pub async fn run(context: &Context, command: AlgorithmCommand) -> Result<(), CliError> {
    match command {
        AlgorithmCommand::List if context.json() => {
            print::json(&context.client.get::<Value>("/api/v1/algorithms").await?);
        }
        AlgorithmCommand::Show { name } if context.json() => {
            print::json(&context.client.get::<Value>(&format!("/api/v1/algorithms/{name}")).await?);
        }
        AlgorithmCommand::List => {
            let mut table = print::table(&["algorithm", "version", "inputs", "what it does"]);
            for algorithm in context.client.algorithms().await?.items {
                let inputs = algorithm.inputs.iter().map(|input| {
                    if input.required { input.role.clone() } else { format!("[{}]", input.role) }
                });
                let inputs = inputs.collect::<Vec<_>>().join(", ");
                table.add_row([algorithm.name, algorithm.version.to_string(), inputs, algorithm.summary]);
            }
            print::line(table);
        }
        AlgorithmCommand::Show { name } => show(context, &name).await?,
    }
    Ok(())
}

async fn show(context: &Context, name: &str) -> Result<(), CliError> {
    let algorithm = context.client.algorithm(name).await?;
    print::line(format_args!("{} v{}: {}", algorithm.name, algorithm.version, algorithm.summary));
    for input in &algorithm.inputs {
        let need = if input.required { "required" } else { "optional" };
        print::line(format_args!("  input {} ({need})", input.role));
    }
    let mut stages = print::table(&["stage", "what its shards do"]);
    for stage in algorithm.stages {
        stages.add_row([stage.name, stage.does]);
    }
    print::line(stages);
    let mut parameters = print::table(&["parameter", "type", "default", "meaning"]);
    let properties = algorithm.params_schema.get("properties").and_then(Value::as_object);
    for (name, schema) in properties.into_iter().flatten() {
        let text = |field: &str| match schema.get(field) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let kind = if schema.get("type").is_some() { text("type") } else { kind_of(schema) };
        parameters.add_row([name.clone(), kind, text("default"), text("description")]);
    }
    print::line(parameters);
    Ok(())
}

/// The type of a parameter whose schema refers to another.
fn kind_of(schema: &Value) -> String {
    let named = schema
        .get("$ref")
        .or_else(|| schema.pointer("/allOf/0/$ref"))
        .or_else(|| schema.pointer("/anyOf/0/$ref"));
    named.and_then(Value::as_str).and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned()
}
