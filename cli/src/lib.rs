//! `netplanner`, as a library: commands, the API client, and the processes of a private cluster.

pub mod args;
pub mod client;
pub mod commands;
pub mod error;
pub mod events;
pub mod postgres;
pub mod print;
pub mod process;
pub mod report;
pub mod samples;
pub mod stack;
pub mod views;
