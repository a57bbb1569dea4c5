//! `run reproduce`: one shard of a run, computed on this machine, compared with what the cluster stored.

use algorithms::documents::Documents;
use algorithms::local::LocalRun;
use algorithms::{Control, ErasedAlgorithm, catalogue};
use bytes::Bytes;
use serde_json::Value;

use super::Context;
use crate::error::CliError;
use crate::print;
use crate::views::Run;

/// Executes the shard and compares.
pub async fn run(context: &Context, id: &str, stage: u32, shard: u32, show: bool) -> Result<(), CliError> {
    let client = &context.client;
    let run = client.run(id).await?;
    let algorithm = offered(&run)?;
    let mut documents = Documents::new();
    for input in &run.inputs {
        let bytes: Bytes = client.run_input(id, &input.role).await?;
        documents = documents.with(input.role.clone(), bytes.to_vec());
    }
    let state = client.state(id, stage).await?;
    let stored = client.shard(id, stage, shard).await?;

    let params = run.params.to_string();
    let local = LocalRun {
        algorithm: algorithm.as_ref(),
        params: params.as_bytes(),
        seed: run.seed,
        documents: &documents,
    };
    let began = common::clock::now();
    let partial = local
        .reproduce(&state, shard, &Control::new())
        .map_err(|error| CliError::Other(format!("the shard fails here: {error}")))?;
    let took = common::clock::now().since(began);

    let parse = |text: &[u8]| -> Result<Value, CliError> {
        serde_json::from_slice(text)
            .map_err(|error| CliError::Other(format!("a partial result is not JSON: {error}")))
    };
    let (here, there) = (parse(&partial)?, parse(stored.partial.get().as_bytes())?);
    if show {
        print::json(&here);
    }
    if here != there {
        return Err(CliError::Differs { stage, shard });
    }
    if !show {
        print::line(format_args!(
            "shard {shard} of stage {stage} of {} v{}: equal to what {} stored ({} bytes, {took:.1?} here)",
            run.algorithm,
            run.version,
            stored.worker.as_deref().unwrap_or("the cluster"),
            partial.len(),
        ));
    }
    Ok(())
}

fn offered(run: &Run) -> Result<Box<dyn ErasedAlgorithm>, CliError> {
    let found = catalogue::all().into_iter().find(|known| known.name() == run.algorithm);
    let known =
        found.ok_or_else(|| CliError::Other(format!("this program has no algorithm {}", run.algorithm)))?;
    if known.version() == run.version {
        return Ok(known);
    }
    Err(CliError::Other(format!(
        "the run is pinned to {} v{}, this program has v{}",
        run.algorithm,
        run.version,
        known.version()
    )))
}
