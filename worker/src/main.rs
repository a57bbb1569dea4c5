//! The worker's entry point.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use common::telemetry::{self, LogFormat};
use worker::config::Config;

fn main() -> anyhow::Result<ExitCode> {
    let config = Config::parse();
    let format = if config.log_format == "json" { LogFormat::Json } else { LogFormat::Text };
    telemetry::init(&config.log, format);
    let code = worker::run(&config, algorithms::catalogue::all()).context("this worker cannot start")?;
    // A lane that does not return would be waited for by an ordinary return.
    std::process::exit(i32::from(code));
}
