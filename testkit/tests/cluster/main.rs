//! Whole clusters of real processes: what they do, and what they survive.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // tests: what fails here fails the test

mod backup;
mod commands;
mod database;
mod deaths;
mod encryption;
mod failures;
mod life;
mod light;
mod memory;
mod overload;
mod repetition;
mod scheduling;
mod versions;

use std::time::Duration;

/// How long a small run may take on a loaded machine.
const RUN: Duration = Duration::from_mins(1);
