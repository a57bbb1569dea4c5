//! The agent: what a worker holds, what it does with it, and what it says of it.
//!
//! [`self::core`] (with `tasks`), [`talk`], [`outbox`] and [`library`] decide and are synchronous; [`actor`] does what they say.

pub mod actor;
pub mod core;
pub mod event;
pub mod library;
pub mod outbox;
#[cfg(test)]
mod stories;
pub mod talk;
mod tasks;
