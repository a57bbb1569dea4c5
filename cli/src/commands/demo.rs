//! `demo`: the main job on a sample network, from nothing to a checked plan.

use std::io::IsTerminal as _;
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;

use super::dev::{Stopped, until_ready};
use super::watch;
use crate::args::DemoArgs;
use crate::client::{Client, InputKind};
use crate::error::{CliError, io};
use crate::stack::{Logs, Stack, free};
use crate::views::{InputRef, NewRun, Run};
use crate::{print, report, samples};

/// How long the cluster may take to be ready.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// Runs the demonstration. With a terminal it stays up afterwards until Ctrl-C.
pub async fn run(args: DemoArgs) -> Result<(), CliError> {
    let sample = samples::find(&args.sample)?;
    let mut stopped = Stopped::listen()?;
    let mut cluster = args.cluster.clone();
    cluster.http = free(cluster.http).map_err(io("looking for a free address"))?;
    cluster.link = free(cluster.link).map_err(io("looking for a free address"))?;
    let logs = cluster.data.join("logs");

    print::note(format_args!(
        "starting a private cluster: Postgres, a coordinator, {} workers",
        cluster.workers
    ));
    let stack = Stack::start(&cluster, &Logs::Folder(logs.clone()))?;
    let client = Client::new(&stack.http.to_string())?;
    let done = tokio::select! {
        done = plan(&client, &stack, sample, &args) => done.map(Some),
        () = stopped.wait() => Ok(None),
    };
    if matches!(done, Ok(Some(()))) && std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        print::note("the cluster stays up; Ctrl-C stops everything");
        stopped.wait().await;
    }
    if done.is_err() {
        print::note(format_args!("the processes' logs are in {}", logs.display()));
    }
    print::note("stopping");
    let stopped = stack.stop().await;
    done.map(|_| ()).and(stopped)
}

async fn plan(
    client: &Client,
    stack: &Stack,
    sample: &samples::Sample,
    args: &DemoArgs,
) -> Result<(), CliError> {
    tokio::time::timeout(READY_TIMEOUT, until_ready(client, stack.worker_count)).await.map_err(|_| {
        CliError::Other(format!("the cluster was not ready within {} s", READY_TIMEOUT.as_secs()))
    })?;
    let mut order = NewRun {
        algorithm: "design".to_owned(),
        params: json!({}),
        seed: Some(1),
        label: Some(format!("demo {}", sample.name)),
        ..NewRun::default()
    };
    for (kind, document) in
        [(InputKind::Topology, sample.topology), (InputKind::TrafficMatrix, sample.traffic)]
    {
        let document = RawValue::from_string(document.to_owned())
            .map_err(|error| CliError::Other(format!("the sample {}: {error}", sample.name)))?;
        let input = client.create_input(kind, sample.name, &document).await?;
        let reference = InputRef::Stored { id: input.id, version: Some(input.version) };
        order.inputs.insert(kind.role().to_owned(), reference);
    }
    print::note(format_args!("planning {}", sample.title));
    let run: Run = watch::ended(watch::follow(client, &client.submit(&order, None).await?.id).await?)?;

    report::show(&client.result(&run.id).await?);
    if let Some(file) = &args.svg {
        let (svg, _) = client.result_as(&run.id, "image/svg+xml").await?;
        std::fs::write(file, svg).map_err(io(format!("writing {}", file.display())))?;
    }
    print::line(format_args!(
        "look at it: {}",
        client.url(&format!("/api/v1/runs/{}/result?format=html", run.id))
    ));
    print::line(format_args!("the API:    {}", client.url("/docs")));
    Ok(())
}
