//! `run submit`: an order for a run, on stored inputs, on files, or on the report of another run.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Context, import, runs, watch};
use crate::args::SubmitArgs;
use crate::error::{CliError, io};
use crate::print;
use crate::views::{InputRef, NewRun, Run};

/// Submits, and follows the run if asked to.
pub async fn run(context: &Context, args: SubmitArgs) -> Result<(), CliError> {
    let (follow, key) = (args.watch, args.idempotency_key.clone());
    let order = order(args)?;
    let run = context.client.submit(&order, key.as_deref()).await?;
    accepted(context, &run, follow).await
}

/// Shows a run that was just accepted, or follows it.
pub async fn accepted(context: &Context, run: &Run, follow: bool) -> Result<(), CliError> {
    if follow {
        print::note(format_args!("run {}", run.id));
        return watch::run(context, &run.id).await;
    }
    if context.json() {
        let full: Value = context.client.get(&format!("/api/v1/runs/{}", run.id)).await?;
        print::json(&full);
    } else {
        runs::show(run);
    }
    Ok(())
}

fn order(args: SubmitArgs) -> Result<NewRun, CliError> {
    let mut inputs = BTreeMap::new();
    let named = [("topology", args.topology), ("traffic", args.traffic), ("equipment", args.equipment)];
    let named = named.into_iter().filter_map(|(role, source)| Some((role.to_owned(), source?)));
    let listed = args.inputs.iter().map(|pair| {
        let (role, source) = pair
            .split_once('=')
            .ok_or_else(|| CliError::Usage(format!("--input takes ROLE=SOURCE, not {pair:?}")))?;
        Ok::<_, CliError>((role.to_owned(), source.to_owned()))
    });
    for pair in named.map(Ok).chain(listed) {
        let (role, source) = pair?;
        let reference = reference(&source)?;
        if inputs.insert(role.clone(), reference).is_some() {
            return Err(CliError::Usage(format!("the role {role} is given twice")));
        }
    }
    Ok(NewRun {
        algorithm: args.algorithm,
        params: params(args.params.as_deref(), &args.param)?,
        inputs,
        seed: args.seed,
        label: args.label,
        priority: args.priority,
        deadline_s: args.deadline_s,
        until: args.plan_only.then(|| "planned".to_owned()),
        reuse: args.reuse,
        worker_labels: labels(&args.worker_labels)?,
        memory_mib: args.memory_mib,
    })
}

/// `NAME=VALUE`, each name once.
fn labels(pairs: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let mut labels = BTreeMap::new();
    for pair in pairs {
        let (name, value) = (pair.split_once('=').filter(|(name, _)| !name.is_empty()))
            .ok_or_else(|| CliError::Usage(format!("--worker-label takes NAME=VALUE, not {pair:?}")))?;
        if labels.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(CliError::Usage(format!("the label {name} is given twice")));
        }
    }
    Ok(labels)
}

/// `run:ID`, `ID`, `ID@VERSION`, or a file.
fn reference(source: &str) -> Result<InputRef, CliError> {
    if let Some(run) = source.strip_prefix("run:") {
        return Ok(InputRef::Run { run: run.to_owned() });
    }
    let (id, version) = source.split_once('@').map_or((source, None), |(id, version)| (id, Some(version)));
    if id.parse::<Uuid>().is_ok() {
        let version = version
            .map(|version| {
                version.trim_start_matches('v').parse().map_err(|_| {
                    CliError::Usage(format!("{version:?} is not a version's number, as in {id}@3"))
                })
            })
            .transpose()?;
        return Ok(InputRef::Stored { id: id.to_owned(), version });
    }
    let file = Path::new(source);
    let bytes =
        std::fs::read(file).map_err(io(format!("{source} is no id, and reading it as a file failed")))?;
    Ok(InputRef::Inline { document: import::document(file, bytes)? })
}

/// The object of `--params`, with each `--param` set in it.
fn params(whole: Option<&str>, single: &[String]) -> Result<Value, CliError> {
    let text = match whole {
        Some(whole) => match whole.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).map_err(io(format!("reading {file}")))?,
            None => whole.to_owned(),
        },
        None => "{}".to_owned(),
    };
    let mut params: Map<String, Value> = serde_json::from_str(&text)
        .map_err(|error| CliError::Usage(format!("--params is not a JSON object: {error}")))?;
    for pair in single {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| CliError::Usage(format!("--param takes NAME=VALUE, not {pair:?}")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        set(&mut params, name, value)?;
    }
    Ok(Value::Object(params))
}

/// Sets `a.b` inside the object `a`, which is made if it is absent.
fn set(params: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), CliError> {
    let Some((first, rest)) = path.split_once('.') else {
        params.insert(path.to_owned(), value);
        return Ok(());
    };
    let inner = params.entry(first).or_insert_with(|| Value::Object(Map::new()));
    let inner = inner.as_object_mut().ok_or_else(|| CliError::Usage(format!("{first} is not an object")))?;
    set(inner, rest, value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn single_parameters_override_the_whole() {
        let pairs = ["rounds=3".to_owned(), "name=a b".to_owned(), "list=[1]".to_owned()];
        let value = params(Some(r#"{"rounds": 1, "keep": true}"#), &pairs).unwrap();
        assert_eq!(value, json!({ "rounds": 3, "keep": true, "name": "a b", "list": [1] }));
        let nested =
            params(None, &["grooming.threshold_gbps=70".to_owned(), "grooming.fill=balanced".to_owned()]);
        assert_eq!(nested.unwrap(), json!({ "grooming": { "threshold_gbps": 70, "fill": "balanced" } }));
        assert!(matches!(params(Some("[]"), &[]), Err(CliError::Usage(_))));
        assert!(matches!(params(None, &["x".to_owned()]), Err(CliError::Usage(_))));
    }

    #[test]
    fn a_source_is_an_id_a_version_a_run_or_a_file() {
        let id = "0192f000-0000-7000-8000-000000000001";
        let written = |source: &str| serde_json::to_value(reference(source).unwrap()).unwrap();
        assert_eq!(written(id), json!({ "id": id }));
        assert_eq!(written(&format!("{id}@3")), json!({ "id": id, "version": 3 }));
        assert_eq!(written(&format!("run:{id}")), json!({ "run": id }));
        assert!(matches!(reference(&format!("{id}@x")), Err(CliError::Usage(_))));
        assert!(matches!(reference("no-such-file.json"), Err(CliError::Io { .. })));
    }
}
