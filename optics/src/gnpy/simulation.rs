//! The simulation parameters (`sim_params.json`): which models light is propagated with.

use serde_json::Value;

use super::fields::{Fields, Log, Range, whole};
use crate::finding::Finding;
use crate::propagation::solver::{ComputedChannels, Ggn, NliSolver, RamanMethod, RamanSolver, Solver};

/// Reads simulation parameters; what is not given is as in GNPy.
///
/// # Errors
/// Everything wrong with them, naming the field.
pub fn read(parameters: &Value) -> Result<Solver, Vec<Finding>> {
    let log = Log::default();
    let mut solver = Solver::default();
    let wrapper = "gnpy-sim-params:sim-params";
    if let Some(root) = Fields::of_document(parameters, wrapper, "simulation parameters", &log) {
        if let Some(nli) = root.optional_object("nli_params") {
            solver.nli = nli_solver(&nli.called("nli_params"));
        }
        if let Some(raman) = root.optional_object("raman_params") {
            let raman = raman.called("raman_params");
            solver.resolution_m =
                raman.number_or("result_spatial_resolution", Range::Positive, solver.resolution_m);
            if raman.flag_or("flag", false) {
                solver.raman = Some(raman_solver(&raman));
            }
        }
    }
    log.finish(solver)
}

fn nli_solver(nli: &Fields<'_>) -> NliSolver {
    let method = nli.optional_text("method").unwrap_or("gn_model_analytic").to_lowercase();
    let standard = Ggn::default();
    let ggn = Ggn {
        dispersion_tolerance: nli.number_or(
            "dispersion_tolerance",
            Range::Positive,
            standard.dispersion_tolerance,
        ),
        phase_shift_tolerance: nli.number_or(
            "phase_shift_tolerance",
            Range::Positive,
            standard.phase_shift_tolerance,
        ),
        channels: computed_channels(nli),
    };
    match method.as_str() {
        "gn_model_analytic" => NliSolver::GnClosedForm,
        "ggn_spectrally_separated" => NliSolver::GgnSeparated(ggn),
        "ggn_approx" => NliSolver::GgnApproximate(ggn),
        _ => {
            nli.error(
                "UNKNOWN_TYPE",
                "method",
                &format!("method is \"{method}\", which is no model of interference"),
            );
            NliSolver::GnClosedForm
        }
    }
}

/// Channels are counted from 1 in the file.
fn computed_channels(nli: &Fields<'_>) -> ComputedChannels {
    if nli.value("computed_channels").is_some() {
        let mut channels = Vec::new();
        for number in nli.numbers("computed_channels", Range::Positive) {
            match whole(number).and_then(|channel| usize::try_from(channel - 1).ok()) {
                Some(channel) => channels.push(channel),
                None => nli.error(
                    "OUT_OF_RANGE",
                    "computed_channels",
                    &format!("computed_channels holds {number}, must be whole numbers from 1"),
                ),
            }
        }
        channels.sort_unstable();
        channels.dedup();
        if channels.is_empty() {
            nli.error("WRONG_LENGTH", "computed_channels", "computed_channels is empty");
        }
        return ComputedChannels::These(channels);
    }
    match nli.optional_count("computed_number_of_channels") {
        None => ComputedChannels::All,
        Some(0) => {
            let detail = "computed_number_of_channels is 0, must be above 0";
            nli.error("OUT_OF_RANGE", "computed_number_of_channels", detail);
            ComputedChannels::All
        }
        Some(count) => ComputedChannels::Spread(usize::try_from(count).unwrap_or(usize::MAX)),
    }
}

fn raman_solver(raman: &Fields<'_>) -> RamanSolver {
    let standard = RamanSolver::default();
    let method = match raman.optional_text("method").unwrap_or("perturbative").to_lowercase().as_str() {
        "perturbative" => {
            let order = raman.optional_count("order").unwrap_or(2);
            if !(1..=4).contains(&order) {
                raman.error("OUT_OF_RANGE", "order", &format!("order is {order}, must be 1 to 4"));
            }
            RamanMethod::Perturbative { order: u8::try_from(order).unwrap_or(2) }
        }
        "numerical" => RamanMethod::Numerical,
        method => {
            raman.error(
                "UNKNOWN_TYPE",
                "method",
                &format!("method is \"{method}\", which solves no Raman equations"),
            );
            standard.method
        }
    };
    RamanSolver {
        method,
        step_m: raman.number_or("solver_spatial_resolution", Range::Positive, standard.step_m),
    }
}
