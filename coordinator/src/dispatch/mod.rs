//! Which worker gets what, and what its results mean. The scheduler and all it stands on are pure; `actor.rs` owns it,
//! `gateway.rs` hears workers, `agents.rs` speaks to them, `documents.rs` serves what they fetch.

pub mod actor;
pub mod agents;
pub mod backoff;
pub mod bitmap;
pub mod documents;
pub mod event;
pub mod fairness;
pub mod gateway;
pub mod inbox;
pub mod leases;
pub mod needs;
pub mod orders;
pub mod scheduler;
pub mod shards;
pub mod sizing;
pub mod unstored;
pub mod workers;

mod ahead;
mod assign;
mod blame;
mod check;
mod hold;
mod pause;
mod planned;
mod presence;
mod receive;
mod report;
mod runs;
mod stragglers;
mod waiting;
mod withdraw;

#[cfg(test)]
mod stories;
