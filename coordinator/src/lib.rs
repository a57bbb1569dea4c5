//! NetPlanner's coordinator: decides, and never computes a shard.

pub mod status;
pub mod store;
