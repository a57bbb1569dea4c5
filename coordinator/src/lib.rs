//! NetPlanner's coordinator: decides, and never computes a shard.

pub mod link;
pub mod status;
pub mod store;
