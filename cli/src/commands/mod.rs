//! One file per command.

mod algorithm;
mod cluster;
mod demo;
mod dev;
mod import;
mod path_request;
mod reproduce;
mod runs;
mod submit;
pub mod watch;

use crate::args::{Cli, Command, Output, RunCommand};
use crate::client::Client;
use crate::error::CliError;

/// What every command gets.
pub struct Context {
    /// The coordinator.
    pub client: Client,
    /// How to print.
    pub output: Output,
}

impl Context {
    /// Whether answers are printed for programs.
    pub fn json(&self) -> bool {
        self.output == Output::Json
    }
}

/// Does what the command line says.
pub async fn run(cli: Cli) -> Result<(), CliError> {
    let context = Context { client: Client::new(&cli.server)?, output: cli.output };
    match cli.command {
        Command::Dev(args) => dev::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Import { kind, file, format, name } => {
            import::run(&context, kind, &file, format, name).await
        }
        Command::PathRequest(args) => path_request::run(&context, &args),
        Command::Run(RunCommand::Submit(args)) => submit::run(&context, args).await,
        Command::Run(RunCommand::Watch { id }) => watch::run(&context, &id).await,
        Command::Run(RunCommand::Reproduce { id, stage, shard, print }) => {
            reproduce::run(&context, &id, stage, shard, print).await
        }
        Command::Run(RunCommand::Retry { id, deadline_s, watch }) => {
            let run = context.client.retry(&id, deadline_s).await?;
            submit::accepted(&context, &run, watch).await
        }
        Command::Run(RunCommand::Resubmit { id, watch }) => {
            let run = context.client.resubmit(&id).await?;
            submit::accepted(&context, &run, watch).await
        }
        Command::Run(command) => runs::run(&context, command).await,
        Command::Cluster(command) => cluster::cluster(&context, command).await,
        Command::Worker(command) => cluster::workers(&context, command).await,
        Command::Algorithm(command) => algorithm::run(&context, command).await,
    }
}
