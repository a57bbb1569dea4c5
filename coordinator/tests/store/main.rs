//! The store against a real Postgres, a fresh database for each story.

mod inputs;
mod leadership;
mod migrations;
mod notifications;
mod proxy;
mod query;
mod runs;
mod submit;
mod support;
mod throughput;
mod writer;
mod writer_faults;
