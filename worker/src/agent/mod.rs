//! The agent: what a worker holds, what it does with it, and what it says of it.
//!
//! [`mind`] decides and is synchronous: [`self::core`] (with `tasks`), [`talk`] and [`outbox`], served by [`library`];
//! [`actor`] does what it says.

pub mod actor;
pub mod core;
pub mod event;
pub mod library;
pub mod mind;
pub mod outbox;
#[cfg(test)]
mod stories;
pub mod talk;
mod tasks;
