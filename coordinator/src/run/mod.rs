//! The life of a run: one pure state machine, the actor that carries out what it says, and who finds the runs.

pub mod actor;
pub mod course;
pub mod machine;
pub mod roster;
pub mod supervisor;

#[cfg(test)]
mod stories;
