//! A sweep of the reference power: a route designed again at each power.

use super::{DesignError, Reference, Warnings, redesign};
use crate::equipment::Equipment;
use crate::line::{ElementIndex, LineNetwork};

/// The powers of a sweep over `[from, to, step]` around a reference power, in dBm: from one end to the other in equal
/// steps, as close to the given one as possible.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // a count of steps
pub fn sweep_powers_dbm(reference_dbm: f64, range_db: [f64; 3]) -> Vec<f64> {
    let [from, to, step] = range_db;
    let steps = if step == 0.0 { 0.0 } else { ((to - from) / step).round_ties_even().abs() };
    if !steps.is_finite() || steps > MOST_STEPS {
        return vec![reference_dbm + from];
    }
    let width = if steps > 0.0 { (to - from) / steps } else { 0.0 };
    (0..=steps as usize).map(|k| reference_dbm + from + width * k as f64).collect()
}

/// More steps than anybody waits for.
const MOST_STEPS: f64 = 1e5;

/// Designs a route of a designed network again for another reference power, and gives what became of the network.
///
/// Without power mode gains are given and a sweep changes nothing.
pub fn at_power(
    line: &LineNetwork,
    equipment: &Equipment,
    reference: &Reference,
    route: &[ElementIndex],
) -> Result<(LineNetwork, Warnings), DesignError> {
    let mut line = line.clone();
    let warnings = redesign(&mut line, equipment, reference, Some(&[route]))?;
    Ok((line, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_goes_from_end_to_end() {
        assert_eq!(sweep_powers_dbm(1.0, [-2.0, 2.0, 1.0]), [-1.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!(sweep_powers_dbm(1.0, [0.0, 0.0, 0.5]), [1.0]);
        assert_eq!(sweep_powers_dbm(0.0, [0.5, 9.0, 0.0]), [0.5]);
        assert_eq!(sweep_powers_dbm(0.0, [0.0, 1.0, 0.4]), [0.0, 0.5, 1.0]);
        assert_eq!(sweep_powers_dbm(0.0, [0.0, 1.0, 1e-300]), [0.0]);
    }
}
