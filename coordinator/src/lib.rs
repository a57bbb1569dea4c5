//! NetPlanner's coordinator: decides, and never computes a shard.

pub mod http;
pub mod link;
pub mod status;
pub mod store;
