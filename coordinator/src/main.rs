//! Entry point of the coordinator.

use std::process::ExitCode;

use clap::Parser;
use common::telemetry::{self, LogFormat};
use coordinator::config::Config;

fn main() -> anyhow::Result<ExitCode> {
    let config = Config::parse();
    let format = if config.log_format == "json" { LogFormat::Json } else { LogFormat::Text };
    telemetry::init(&config.log, format);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("coordinator").build()?;
    let served = runtime.block_on(coordinator::serve(config));
    // what still waits for the database must not hold up the exit
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    served?;
    Ok(ExitCode::SUCCESS)
}
