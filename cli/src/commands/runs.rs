//! `run get|list|cancel|pause|resume|result|query`.

use serde_json::Value;

use super::Context;
use crate::args::{ResultFormat, RunCommand};
use crate::error::{CliError, io};
use crate::print;
use crate::report;
use crate::views::{List, Run};

/// Everything about runs that is one request and one answer.
pub async fn run(context: &Context, command: RunCommand) -> Result<(), CliError> {
    match command {
        RunCommand::Get { id } => get(context, &id).await,
        RunCommand::List { state, algorithm, label, limit } => {
            let filter = [("state", state), ("algorithm", algorithm), ("label", label)];
            let filter = filter.into_iter().filter_map(|(name, value)| Some((name, value?)));
            let filter: Vec<_> = filter.chain([("limit", limit.to_string())]).collect();
            list(context, &filter).await
        }
        RunCommand::Cancel { id } => {
            let run = context.client.cancel(&id).await?;
            if context.json() {
                return get(context, &run.id).await;
            }
            print::line(format_args!("{} is {}", run.id, run.state));
            Ok(())
        }
        RunCommand::Result { id, format, out } => result(context, &id, format, out.as_deref()).await,
        RunCommand::Query { id, path, shards } => {
            let over = if shards { "shards" } else { "report" };
            print::json(&context.client.query(&id, &path, over).await?);
            Ok(())
        }
        RunCommand::Pause { id } => pause(context, &id, true).await,
        RunCommand::Resume { id } => pause(context, &id, false).await,
        RunCommand::Submit(_)
        | RunCommand::Watch { .. }
        | RunCommand::Reproduce { .. }
        | RunCommand::Retry { .. }
        | RunCommand::Resubmit { .. } => unreachable!("these follow runs, or have files of their own"),
    }
}

async fn pause(context: &Context, id: &str, paused: bool) -> Result<(), CliError> {
    let run = context.client.pause(id, paused).await?;
    if context.json() {
        return get(context, &run.id).await;
    }
    let now = if paused { "is paused: nothing more of it is handed out" } else { "goes on" };
    print::line(format_args!("{} {now}", run.id));
    Ok(())
}

async fn get(context: &Context, id: &str) -> Result<(), CliError> {
    if context.json() {
        print::json(&context.client.get::<Value>(&format!("/api/v1/runs/{id}")).await?);
        return Ok(());
    }
    show(&context.client.run(id).await?);
    Ok(())
}

/// A run with its stages, for people.
pub fn show(run: &Run) {
    let mut table = print::table(&["run", &run.id]);
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), value]);
    };
    row("state", run.state.clone());
    row("algorithm", format!("{} v{}", run.algorithm, run.version));
    for (name, value) in [
        ("label", &run.label),
        ("accepted", &run.created_at),
        ("deadline", &run.deadline_at),
        ("started", &run.started_at),
        ("ended", &run.ended_at),
        ("waits for", &run.waiting_reason),
    ] {
        if let Some(value) = value {
            row(name, value.clone());
        }
    }
    if run.paused {
        row("paused", "nothing of it is handed out until it is resumed".to_owned());
    }
    if run.priority != 0 {
        row("priority", run.priority.to_string());
    }
    for (label, value) in &run.worker_labels {
        row("needs a worker with", format!("{label}={value}"));
    }
    if let Some(mib) = run.memory_mib {
        row("memory of a task", format!("{mib} MiB"));
    }
    row("seed", run.seed.to_string());
    for input in &run.inputs {
        let name = input.name.as_deref().unwrap_or("inline");
        row(&input.role, format!("{name} ({})", input.hash.get(..12).unwrap_or(&input.hash)));
    }
    for stage in run.stages.iter().flatten() {
        let note = stage.note.as_ref().map_or_else(String::new, |note| format!("  {note}"));
        row(
            &format!("stage {} {}", stage.index, stage.name),
            format!("{} of {} shards{note}", stage.done, stage.shards),
        );
    }
    if run.failures > 0 {
        row("failed attempts", run.failures.to_string());
    }
    if let Some(estimate) = &run.estimate {
        row("estimate", estimate.to_string());
    }
    if let Some(error) = &run.error {
        row("error", error.to_string());
    }
    if run.reused {
        row("reused", "an equal run that succeeded answers".to_owned());
    }
    print::line(table);
}

async fn list(context: &Context, filter: &[(&str, String)]) -> Result<(), CliError> {
    let List { items, next_cursor } = context.client.runs(filter).await?;
    if context.json() {
        let query: Vec<String> = filter.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let path = format!("/api/v1/runs?{}", query.join("&"));
        print::json(&context.client.get::<Value>(&path).await?);
        return Ok(());
    }
    let mut table = print::table(&["run", "state", "algorithm", "label", "accepted", "progress"]);
    for run in items {
        let progress = run.progress.map_or_else(String::new, |progress| {
            format!("{} {}/{}", progress.name, progress.done, progress.shards)
        });
        let accepted = run.created_at.unwrap_or_default();
        table.add_row([
            run.id,
            run.state,
            format!("{} v{}", run.algorithm, run.version),
            run.label.unwrap_or_default(),
            accepted.get(..19).unwrap_or(&accepted).to_owned(),
            progress,
        ]);
    }
    print::line(table);
    if next_cursor.is_some() {
        print::note("there are more: raise --limit");
    }
    Ok(())
}

async fn result(
    context: &Context,
    id: &str,
    format: ResultFormat,
    out: Option<&std::path::Path>,
) -> Result<(), CliError> {
    let format = if context.json() && format == ResultFormat::Table { ResultFormat::Json } else { format };
    if format == ResultFormat::Table && out.is_none() {
        report::show(&context.client.result(id).await?);
        return Ok(());
    }
    let (bytes, _) = context.client.result_as(id, format.media_type()).await?;
    if let Some(file) = out {
        return std::fs::write(file, &bytes).map_err(io(format!("writing {}", file.display())));
    }
    print::bytes(&bytes);
    Ok(())
}
