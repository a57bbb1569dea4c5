//! What passive elements lose.

use super::{ElementIndex, ElementKind, Fibre, LineNetwork, Spectrum};

/// Why the loss of an element is unknown.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LossError {
    /// The loss is given by frequency, but not at the frequency the fibre's figures refer to.
    #[error(
        "element \"{uid}\": loss_coef is given from {from_thz} to {to_thz} THz, not at the reference {reference_thz} THz"
    )]
    OutsideTable {
        /// Name of the fibre.
        uid: String,
        /// Lower end of the table, in THz.
        from_thz: f64,
        /// Upper end of the table, in THz.
        to_thz: f64,
        /// Frequency the fibre's figures refer to, in THz.
        reference_thz: f64,
    },
}

impl Spectrum {
    /// The value at a frequency in Hz; none outside the table.
    pub fn at(&self, frequency_hz: f64) -> Option<f64> {
        match self {
            Self::Flat(value) => Some(*value),
            Self::Table(table) => table.at(frequency_hz),
        }
    }

    /// The largest value; −∞ for an empty table.
    pub fn largest(&self) -> f64 {
        match self {
            Self::Flat(value) => *value,
            Self::Table(table) => table.value.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

impl Fibre {
    /// Loss at the reference frequency with connectors, attenuator and lumped losses, in dB: what lines are designed
    /// for. None if the loss is not known at that frequency.
    pub fn reference_loss_db(&self) -> Option<f64> {
        let per_m = self.loss_db_per_km.at(self.reference_frequency_hz)? * 1e-3;
        let connectors = [self.connector_in_db.unwrap_or(0.0), self.connector_out_db.unwrap_or(0.0)];
        let lumped: f64 = self.lumped_losses.iter().map(|&(_, loss)| loss).sum();
        // in this order: a span whose loss is just between two steps is rounded by its last bit
        Some(per_m * self.length_m + connectors[0] + connectors[1] + self.att_in_db + lumped)
    }
}

impl LineNetwork {
    /// What an element loses at its reference frequency, in dB; 0 for what is not passive, or set by design.
    pub fn passive_loss_db(&self, index: ElementIndex) -> Result<f64, LossError> {
        let element = self.element(index);
        match &element.kind {
            ElementKind::Fused(fused) => Ok(fused.loss_db),
            ElementKind::Fibre(fibre) => {
                fibre.reference_loss_db().ok_or_else(|| outside_table(&element.uid, fibre))
            }
            _ => Ok(0.0),
        }
    }
}

fn outside_table(uid: &str, fibre: &Fibre) -> LossError {
    let ends = match &fibre.loss_db_per_km {
        Spectrum::Flat(_) => None,
        Spectrum::Table(table) => table.frequency_hz.first().zip(table.frequency_hz.last()),
    };
    let (from, to) = ends.map_or((f64::NAN, f64::NAN), |(&from, &to)| (from, to));
    LossError::OutsideTable {
        uid: uid.to_owned(),
        from_thz: from / 1e12,
        to_thz: to / 1e12,
        reference_thz: fibre.reference_frequency_hz / 1e12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::equipment::PerFrequency;
    use crate::line::fixture::{Line, fibre, fused, transceiver};

    #[test]
    fn a_fibre_loses_by_length_at_its_ends_and_where_it_is_spliced() {
        let mut line = Line::new().with(vec![transceiver("t"), fibre("f", 80.0), fused("x", 0.5)]).done();
        if let ElementKind::Fibre(fibre) = line.kind_mut(1) {
            fibre.connector_in_db = Some(0.3);
            fibre.connector_out_db = Some(0.4);
            fibre.att_in_db = 1.0;
            fibre.lumped_losses = vec![(1e3, 0.1), (2e3, 0.2)];
        }
        let loss = |index| line.passive_loss_db(index).unwrap();
        assert!((loss(1) - 18.0).abs() < 1e-12);
        assert_eq!((loss(0), loss(2)), (0.0, 0.5));
    }

    #[test]
    fn a_loss_unknown_at_the_reference_is_refused() {
        let mut line = Line::new().with(vec![fibre("f", 80.0)]).done();
        if let ElementKind::Fibre(fibre) = line.kind_mut(0) {
            let table = PerFrequency { frequency_hz: vec![191e12, 193e12], value: vec![0.2, 0.3] };
            fibre.loss_db_per_km = Spectrum::Table(table);
        }
        let refused = line.passive_loss_db(0).unwrap_err().to_string();
        assert!(refused.contains("\"f\"") && refused.contains("from 191 to 193 THz"), "{refused}");
    }
}
