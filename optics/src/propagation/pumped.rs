//! What Raman scattering does to a fibre: the figures lines are designed for.

use super::PropagationError;
use super::comb::Comb;
use super::fibre::{FibreClass, OutOfTable};
use super::line::{check_class, span};
use super::raman::PowerProfile;
use super::solver::RamanSolver;
use crate::decibel::to_db;
use crate::line::Fibre;

/// Step along the fibre, in m: fine, as pumps are strong.
const STEP_M: f64 = 100.0;
/// Distance of the points kept, in m: only the end is looked at.
const RESOLUTION_M: f64 = 50e3;

/// Loss of all channels together over a designed fibre, attenuator and connectors included, in dB, with the given power
/// in each channel.
pub(crate) fn pumped_loss_db(
    fibre: &Fibre,
    uid: &str,
    comb: &Comb,
    power_w: f64,
) -> Result<f64, PropagationError> {
    let class = FibreClass::of(fibre);
    check_class(&class, uid)?;
    let span = span(fibre, 0, uid)?;
    let entering = vec![power_w * span.transmission_in; comb.len()];
    let solver = RamanSolver { step_m: STEP_M, ..RamanSolver::default() };
    let with = (&solver, RESOLUTION_M);
    let pumping = fibre.raman.as_ref();
    let profile = PowerProfile::with_raman(&span, &class, comb.channels(), &entering, pumping, with)
        .map_err(|out| out_of_table(uid, out))?;
    let leaving: f64 = entering.iter().enumerate().map(|(i, power)| power * profile.at_end(i)).sum();
    let launched: f64 = entering.iter().map(|_| power_w).sum();
    Ok(to_db(launched / (leaving * span.transmission_out)))
}

/// What is left of each channel at the end of a designed fibre, without attenuator and connectors, when they enter with
/// these powers, in W; without a solver channels do not feed each other.
pub(crate) fn left_at_end(
    fibre: &Fibre,
    uid: &str,
    comb: &Comb,
    entering_w: &[f64],
    solver: Option<&RamanSolver>,
) -> Result<Vec<f64>, PropagationError> {
    let class = FibreClass::of(fibre);
    check_class(&class, uid)?;
    let span = span(fibre, 0, uid)?;
    let out_of_table = |out| out_of_table(uid, out);
    let profile = if let Some(solver) = solver {
        let with = (solver, RESOLUTION_M);
        let pumping = fibre.raman.as_ref();
        PowerProfile::with_raman(&span, &class, comb.channels(), entering_w, pumping, with)
            .map_err(out_of_table)?
    } else {
        let on_comb = class.on(comb.channels()).map_err(out_of_table)?;
        PowerProfile::exponential(&span, &on_comb, comb.len())
    };
    Ok((0..comb.len()).map(|channel| profile.at_end(channel)).collect())
}

fn out_of_table(uid: &str, out: OutOfTable) -> PropagationError {
    PropagationError::OutOfTable {
        uid: uid.to_owned(),
        field: out.quantity,
        frequency_thz: out.frequency_hz * 1e-12,
    }
}
