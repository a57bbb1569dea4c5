//! Routing and wavelength assignment on a fixed grid.

pub mod bounds;
pub mod disjoint;
pub mod instance;
pub mod layers;
pub mod params;
pub mod polish;
pub mod router;
pub mod search;
pub mod solution;
pub mod task;
