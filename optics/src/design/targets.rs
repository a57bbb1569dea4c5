//! The power the reference channel is meant to have: out of ROADMs, and by spans.

use super::rounding::Step;
use crate::equipment::{Equalisation, SpanRules, SpectralInformation};
use crate::line::Roadm;

/// Power of the reference channel out of a ROADM's degree, in dBm: a carrier of the comb's symbol rate and spacing.
pub(super) fn egress_power_dbm(roadm: &Roadm, degree: &str, comb: &SpectralInformation) -> f64 {
    let own = if roadm.degree_equalisation.is_empty() { None } else { roadm.degree_equalisation.get(degree) };
    equalised_dbm(*own.unwrap_or(&roadm.equalisation), comb)
}

/// Power of the reference channel under an equalisation, in dBm.
pub(super) fn equalised_dbm(equalisation: Equalisation, comb: &SpectralInformation) -> f64 {
    let density = |mw_per_ghz: f64, width_hz: f64| 10.0 * (mw_per_ghz * 1e-9 * width_hz).log10();
    match equalisation {
        Equalisation::PowerDbm(power_dbm) => power_dbm,
        Equalisation::DensityMwPerGhz(mw_per_ghz) => density(mw_per_ghz, comb.baud_rate),
        Equalisation::SlotDensityMwPerGhz(mw_per_ghz) => density(mw_per_ghz, comb.spacing_hz),
    }
}

/// By how much the power into a span should differ from the reference power.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpanOffset {
    lowest_db: f64,
    highest_db: f64,
    step: Step,
    reference_loss_db: f64,
    slope: f64,
}

impl SpanOffset {
    pub(super) fn new(rules: &SpanRules) -> Self {
        let [lowest_db, highest_db, step] = rules.delta_power_range_db;
        Self {
            lowest_db,
            highest_db,
            step: Step::new(step),
            reference_loss_db: rules.span_loss_reference_db,
            slope: rules.power_slope,
        }
    }

    /// The offset for a span that loses `loss_db`, in dB: about a third of the loss above the reference is best.
    ///
    /// J.-L. Augé, V. Curri, E. Le Rouzic, "Open Design for Multi-Vendor Optical Networks", OFC 2019, eq. 4.
    pub(super) fn of(&self, loss_db: f64) -> f64 {
        let offset = self.step.round((loss_db - self.reference_loss_db) * self.slope);
        self.lowest_db.max(offset).min(self.highest_db)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lossy_spans_get_more_power() {
        let rules = SpanRules { delta_power_range_db: [-2.0, 3.0, 0.5], ..SpanRules::default() };
        let offset = SpanOffset::new(&rules);
        let cases = [(20.0, 0.0), (0.0, -2.0), (17.5, -1.0), (22.0, 0.5), (24.0, 1.0), (40.0, 3.0)];
        for (loss, expected) in cases {
            assert!((offset.of(loss) - expected).abs() < 1e-12, "{loss} dB");
        }
    }

    #[test]
    fn densities_are_those_of_the_reference_carrier() {
        let comb = SpectralInformation::default();
        // 3.125e-4 mW/GHz over 32 GBd, 2e-4 mW/GHz over 50 GHz: 0.01 mW each
        for equalisation in [
            Equalisation::PowerDbm(-20.0),
            Equalisation::DensityMwPerGhz(3.125e-4),
            Equalisation::SlotDensityMwPerGhz(2e-4),
        ] {
            let power_dbm = equalised_dbm(equalisation, &comb);
            assert!((power_dbm + 20.0).abs() < 1e-9, "{equalisation:?}: {power_dbm} dBm");
        }
    }
}
