//! The HTTP front as clients see it: a real server on a loopback port over a real Postgres.

// a test that cannot go on fails, and the clock tells how long a client was left waiting
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "http/conventions.rs"]
mod conventions;
#[path = "http/front.rs"]
mod front;
#[path = "http/inputs.rs"]
mod inputs;
#[path = "http/openapi.rs"]
mod openapi;
#[path = "http/runs.rs"]
mod runs;
#[path = "http/scheduling.rs"]
mod scheduling;
#[path = "http/serving.rs"]
mod serving;
#[path = "http/streams.rs"]
mod streams;
