//! `netplanner`, as a library: commands, the API client, and the processes of a private cluster.

pub mod client;
pub mod events;
pub mod postgres;
pub mod process;
pub mod views;
