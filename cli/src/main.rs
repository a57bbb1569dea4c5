//! The command line of NetPlanner.

use std::process::ExitCode;

use clap::Parser as _;

// Everything runs on this one thread: the kernel stops our children when it ends.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match cli::commands::run(cli::args::Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::print::note(format_args!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
