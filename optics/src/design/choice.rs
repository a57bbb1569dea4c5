//! The choice of an amplifier's type: enough gain and power first, then the least noise.

use super::DesignError;
use super::bands::Band;
use crate::equipment::noise_figure::NoiseFigure;
use crate::equipment::{AmplifierType, Equipment};

/// What an amplifier should do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Target {
    /// Gain in dB.
    pub(super) gain_db: f64,
    /// Total power behind it, in dBm.
    pub(super) power_dbm: f64,
}

/// The amplifiers of the library, ready to choose from.
#[derive(Clone, Debug)]
pub(super) struct Catalogue<'a> {
    pub(super) equipment: &'a Equipment,
    noise: Vec<NoiseFigure>,
    designable: Vec<usize>,
    extended_gain_db: f64,
}

/// A type, and by how much its power stays below the target (0 or negative), in dB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) amplifier_type: usize,
    pub(super) reduction_db: f64,
}

/// Openroadm types are judged at 0 dBm in 88 channels of 50 GHz.
const CHANNELS_JUDGED_AT: f64 = 88.0;
/// Types that need up to so much more gain are taken with padding, in dB.
const PADDING_TOLERATED_DB: f64 = 3.0;
/// Noise figures this close are equal: they differ by how they were computed, in dB.
const ROUNDING_DB: f64 = 1e-9;
/// Where no type has enough power, those within so much of the strongest compete, in dB.
const POWER_TOLERANCE_DB: f64 = 0.3;

impl<'a> Catalogue<'a> {
    pub(super) fn new(equipment: &'a Equipment) -> Result<Self, DesignError> {
        let noise = equipment.amplifiers.iter().map(NoiseFigure::new).collect::<Result<_, _>>()?;
        let designable = positions(equipment, |entry| entry.allowed_for_design);
        let extended_gain_db = equipment.span_rules.target_extended_gain_db;
        Ok(Self { equipment, noise, designable, extended_gain_db })
    }

    pub(super) fn entry(&self, amplifier_type: usize) -> &'a AmplifierType {
        &self.equipment.amplifiers[amplifier_type]
    }

    /// Types allowed where no list says which.
    pub(super) fn designable(&self) -> &[usize] {
        &self.designable
    }

    /// Types of a list, in the order of the library.
    pub(super) fn named(
        &self,
        names: &[String],
        uid: &str,
        field: &'static str,
    ) -> Result<Vec<usize>, DesignError> {
        for name in names {
            if self.equipment.amplifier(name).is_none() && self.equipment.multiband_amplifier(name).is_none()
            {
                let (uid, name) = (uid.to_owned(), name.clone());
                return Err(DesignError::UnknownAmplifier { uid, field, name });
            }
        }
        Ok(positions(self.equipment, |entry| names.contains(&entry.name)))
    }

    /// Whether a type covers a band.
    pub(super) fn covers(&self, amplifier_type: usize, band: &Band) -> bool {
        let entry = self.entry(amplifier_type);
        band.is_within(entry.f_min_hz, entry.f_max_hz)
    }

    /// Of `candidates` those that can do it, with the power each has left (negative where it lacks some), in dB:
    /// types without Raman amplification first. Empty if there is none to choose from.
    pub(super) fn suitable(
        &self,
        candidates: impl Iterator<Item = usize> + Clone,
        target: Target,
        raman_allowed: bool,
    ) -> Vec<Choice> {
        let rate = |amplifier_type: usize| {
            let entry = self.entry(amplifier_type);
            let by_gain = target.power_dbm - target.gain_db + entry.gain_flatmax_db + self.extended_gain_db;
            Choice { amplifier_type, reduction_db: by_gain.min(entry.p_max_dbm) - target.power_dbm }
        };
        let is_raman = |&amplifier_type: &usize| self.entry(amplifier_type).raman;
        let enough_gain = |&amplifier_type: &usize| {
            let entry = self.entry(amplifier_type);
            let tolerated = if entry.raman { 0.0 } else { PADDING_TOLERATED_DB };
            target.gain_db + tolerated - entry.gain_min_db > 0.0
        };
        let plain = candidates.clone().filter(|one| !is_raman(one));
        let raman = candidates.filter(|one| raman_allowed && is_raman(one));
        let mut rated: Vec<Choice> = plain.clone().chain(raman).filter(enough_gain).map(rate).collect();
        if rated.is_empty() {
            rated = plain.map(rate).collect();
        }
        if rated.iter().any(|one| one.reduction_db > 0.0) {
            rated.retain(|one| one.reduction_db > 0.0);
        } else {
            let best = rated.iter().map(|one| one.reduction_db).fold(f64::NEG_INFINITY, f64::max);
            rated.retain(|one| one.reduction_db - best > -POWER_TOLERANCE_DB);
        }
        rated
    }

    /// The least noisy of the suitable types, the first of equals; none if there is none to choose from.
    pub(super) fn choose(
        &self,
        candidates: impl Iterator<Item = usize> + Clone,
        target: Target,
        raman_allowed: bool,
    ) -> Option<Choice> {
        let judged_at_dbm = -10.0 * CHANNELS_JUDGED_AT.log10();
        let mut best: Option<(f64, Choice)> = None;
        for one in self.suitable(candidates, target, raman_allowed) {
            let nf_db = self.noise[one.amplifier_type].at(target.gain_db, judged_at_dbm).nf_db;
            if best.is_none_or(|(least, _)| nf_db < least - ROUNDING_DB) {
                best = Some((nf_db, one));
            }
        }
        best.map(|(_, one)| Choice { reduction_db: one.reduction_db.min(0.0), ..one })
    }
}

fn positions(equipment: &Equipment, wanted: impl Fn(&AmplifierType) -> bool) -> Vec<usize> {
    (0..equipment.amplifiers.len()).filter(|&at| wanted(&equipment.amplifiers[at])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::tests::entry;

    fn chosen(gain_db: f64, power_dbm: f64, raman_allowed: bool) -> Option<(String, f64)> {
        let equipment = Equipment {
            amplifiers: vec![
                entry("hybrid", (25.0, 38.0), 23.0, 2.0, true),
                entry("low", (8.0, 16.0), 23.0, 6.5, false),
                entry("medium", (15.0, 26.0), 23.0, 6.0, false),
                entry("same", (15.0, 26.0), 23.0, 6.0, false),
                entry("high", (25.0, 35.0), 21.0, 5.5, false),
            ],
            ..Equipment::default()
        };
        let catalogue = Catalogue::new(&equipment).unwrap();
        let target = Target { gain_db, power_dbm };
        let choice = catalogue.choose(catalogue.designable().iter().copied(), target, raman_allowed)?;
        let reduction = (choice.reduction_db * 1e9).round() / 1e9;
        Some((catalogue.entry(choice.amplifier_type).name.clone(), reduction))
    }

    #[test]
    fn gain_and_power_come_first_then_noise() {
        let cases = [
            (10.0, 20.0, "low", 0.0),
            (13.0, 20.0, "low", 0.0),    // with padding, medium would be noisier
            (20.0, 20.0, "medium", 0.0), // the first of two equals
            (25.0, 20.0, "high", 0.0),
            (25.0, 22.0, "medium", 0.0),  // high has too little power
            (28.6, 22.8, "medium", -0.1), // nothing has enough of both
            (3.0, 20.0, "low", 0.0),      // nothing has so little gain: the least padding is best
        ];
        for (gain, power, name, reduction) in cases {
            let found = chosen(gain, power, false);
            assert_eq!(found, Some((name.to_owned(), reduction)), "{gain} dB, {power} dBm");
        }
    }

    #[test]
    fn raman_amplifiers_need_a_good_fibre_and_their_least_gain() {
        assert_eq!(chosen(26.0, 20.0, true).unwrap().0, "hybrid");
        assert_eq!(chosen(26.0, 20.0, false).unwrap().0, "high");
        assert_eq!(chosen(24.0, 20.0, true).unwrap().0, "medium");
    }

    #[test]
    fn where_there_is_nothing_nothing_is_chosen() {
        let equipment = Equipment::default();
        let catalogue = Catalogue::new(&equipment).unwrap();
        let target = Target { gain_db: 20.0, power_dbm: 20.0 };
        assert_eq!(catalogue.choose(std::iter::empty(), target, true), None);
    }
}
