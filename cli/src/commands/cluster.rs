//! `cluster status|pause|resume` and `worker list|drain|undrain`.

use serde_json::Value;

use super::Context;
use crate::args::{ClusterCommand, WorkerCommand};
use crate::error::CliError;
use crate::print;
use crate::views::{Status, Worker};

/// Shows the cluster, or stops and starts handing out work.
pub async fn cluster(context: &Context, command: ClusterCommand) -> Result<(), CliError> {
    match command {
        ClusterCommand::Status => status(context).await,
        ClusterCommand::Pause => pause(context, true).await,
        ClusterCommand::Resume => pause(context, false).await,
    }
}

async fn pause(context: &Context, paused: bool) -> Result<(), CliError> {
    let answer = context.client.pause_queue(paused).await?;
    if context.json() {
        print::json(&answer);
    } else {
        print::line(if paused {
            "the queue is paused: no work is handed out until `cluster resume`"
        } else {
            "work is handed out again"
        });
    }
    Ok(())
}

/// Leader, queue, lanes, submitters, workers.
async fn status(context: &Context) -> Result<(), CliError> {
    if context.json() {
        print::json(&context.client.get::<Value>("/api/v1/admin/status").await?);
        return Ok(());
    }
    let status = context.client.status().await?;
    let mut table = print::table(&["cluster", context.client.server()]);
    table.add_row(["leader".to_owned(), pairs(status.leader.iter().flat_map(fields))]);
    table.add_row(["queue".to_owned(), pairs(&status.queue)]);
    table.add_row(["lanes".to_owned(), pairs(&status.lanes)]);
    for submitter in &status.submitters {
        table.add_row(["submitter".to_owned(), pairs(fields(submitter))]);
    }
    table.add_row(["shards stored per second".to_owned(), format!("{:.1}", status.shards_per_second)]);
    print::line(table);
    print::line(workers_table(&status));
    for failure in &status.recent_failures {
        print::line(format_args!("failure: {}", pairs(fields(failure))));
    }
    Ok(())
}

fn pairs<'a>(fields: impl IntoIterator<Item = (&'a String, &'a Value)>) -> String {
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    let words = fields.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {other}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The fields of a JSON object; none of anything else.
fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn workers_table(status: &Status) -> comfy_table::Table {
    let headings = [
        "worker",
        "host",
        "labels",
        "build",
        "state",
        "lanes busy",
        "leases",
        "shards",
        "failures",
        "CPU s",
        "MiB",
    ];
    let mut table = print::table(&headings);
    for worker in &status.workers {
        table.add_row([
            worker.id.clone(),
            worker.host.clone(),
            worker.labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "),
            worker.build.clone(),
            worker.state.clone(),
            format!("{}/{}", worker.busy_lanes, worker.lanes),
            worker.leases.to_string(),
            worker.shards_done.to_string(),
            worker.failures.to_string(),
            format!("{:.1}", worker.cpu_s),
            match worker.memory_limit_bytes >> 20 {
                0 => (worker.memory_bytes >> 20).to_string(),
                limit => format!("{}/{limit}", worker.memory_bytes >> 20),
            },
        ]);
    }
    print::align_right(&mut table, &[5, 6, 7, 8, 9, 10]);
    table
}

/// Lists workers, or tells one to take no more.
pub async fn workers(context: &Context, command: WorkerCommand) -> Result<(), CliError> {
    let (id, drain) = match command {
        WorkerCommand::List if context.json() => {
            print::json(&context.client.get::<Value>("/api/v1/admin/workers").await?);
            return Ok(());
        }
        WorkerCommand::List => {
            print::line(workers_table(&context.client.status().await?));
            return Ok(());
        }
        WorkerCommand::Drain { id } => (id, true),
        WorkerCommand::Undrain { id } => (id, false),
    };
    let status = context.client.status().await?;
    let worker = one(&status.workers, &id)?;
    let answer = context.client.drain(&worker.id, drain).await?;
    if context.json() {
        print::json(&answer);
    } else {
        print::line(format_args!(
            "{} {}",
            worker.id,
            if drain { "takes no more work" } else { "takes work again" }
        ));
    }
    Ok(())
}

/// The one worker whose id begins so.
fn one<'a>(workers: &'a [Worker], beginning: &str) -> Result<&'a Worker, CliError> {
    let mut found = workers.iter().filter(|worker| worker.id.starts_with(beginning));
    match (found.next(), found.next()) {
        (Some(worker), None) => Ok(worker),
        (None, _) => {
            Err(CliError::Usage(format!("no connected worker has an id that begins with {beginning}")))
        }
        (Some(_), Some(_)) => Err(CliError::Usage(format!("several workers' ids begin with {beginning}"))),
    }
}
