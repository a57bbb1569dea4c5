//! The store against a real Postgres, a fresh database for each story.

// helpers of tests are tests; what they measure is real time
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod conformance;
mod inputs;
mod leadership;
mod migrations;
mod notifications;
mod pieces;
mod plans;
mod proxy;
mod query;
mod released;
mod retention;
mod runs;
mod scheduling;
mod submit;
mod support;
mod throughput;
mod writer;
mod writer_faults;
