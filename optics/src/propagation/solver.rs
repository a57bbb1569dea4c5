//! Which models light is propagated with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Models of non-linear interference and of Raman scattering, with GNPy's defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Solver {
    /// Non-linear interference.
    pub nli: NliSolver,
    /// Stimulated Raman scattering; none to leave it out.
    pub raman: Option<RamanSolver>,
    /// Distance of the points along a fibre at which powers are known to the GGN models, in m.
    pub resolution_m: f64,
}

impl Default for Solver {
    fn default() -> Self {
        Self { nli: NliSolver::default(), raman: None, resolution_m: 10e3 }
    }
}

/// A model of non-linear interference.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum NliSolver {
    /// The closed form of the incoherent Gaussian noise model (Poggiolini, arXiv:1209.0394, eq. 120, 123).
    #[default]
    GnClosedForm,
    /// The generalised Gaussian noise model, pair by pair of channels (Cantono et al., arXiv:1710.02225, eq. 21).
    GgnSeparated(Ggn),
    /// Its approximation: the channel itself in full, all others in closed form (D'Amico et al., JLT 40 (2022), eq. 24, 25).
    GgnApproximate(Ggn),
}

/// How finely the generalised model is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ggn {
    /// Largest step of the phase mismatch, relative to the loss.
    pub dispersion_tolerance: f64,
    /// Largest step of the phase between two points along the fibre, in rad.
    pub phase_shift_tolerance: f64,
    /// The channels it is evaluated for; those between are interpolated.
    pub channels: ComputedChannels,
}

impl Default for Ggn {
    fn default() -> Self {
        Self { dispersion_tolerance: 4.0, phase_shift_tolerance: 0.1, channels: ComputedChannels::All }
    }
}

/// The channels a model is evaluated for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComputedChannels {
    /// Each.
    #[default]
    All,
    /// So many, spread evenly from the first to the last.
    Spread(usize),
    /// These, counted from 0, ascending.
    These(Vec<usize>),
}

/// How powers along a fibre are found under stimulated Raman scattering.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RamanSolver {
    /// The method for light that runs one way.
    pub method: RamanMethod,
    /// Step along the fibre, in m.
    pub step_m: f64,
}

impl Default for RamanSolver {
    fn default() -> Self {
        Self { method: RamanMethod::Perturbative { order: 2 }, step_m: 10e3 }
    }
}

/// A method to solve the Raman equations of light that runs one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RamanMethod {
    /// Expansion in the Raman gain, up to this order (1 to 4).
    Perturbative {
        /// Of the expansion.
        order: u8,
    },
    /// Step by step (Euler).
    Numerical,
}
