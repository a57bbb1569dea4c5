//! The channel lines are designed for, and the power it has along them.

use std::collections::BTreeMap;

use super::targets::{egress_power_dbm, equalised_dbm};
use super::{DesignError, DesignWarning, Warnings};
use crate::equipment::{Equipment, SpectralInformation};
use crate::line::{Amplifier, ElementIndex, ElementKind, LineNetwork, WorkingPoint};
use crate::propagation::channel_count;
use crate::propagation::solver::RamanSolver;

/// What a network is designed for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// Power of a channel into a span without offset, in dBm.
    pub power_dbm: f64,
    /// How many channels there are; none for as many as fit into the band of each line.
    pub channels: Option<usize>,
    /// How powers along fibres are found under Raman scattering, for amplifiers of several bands; none to leave it out.
    pub raman: Option<RamanSolver>,
}

impl Reference {
    /// The reference of an equipment library: its first comb, with another power if one is given, without Raman
    /// scattering.
    pub fn of(equipment: &Equipment, power_dbm: Option<f64>) -> Result<Self, DesignError> {
        let comb = equipment.spectral.first().ok_or(DesignError::NoComb)?;
        let count = || channel_count(comb.f_min_hz, comb.f_max_hz, comb.spacing_hz);
        let channels = comb.use_si_channel_count_for_design.then(count);
        Ok(Self { power_dbm: power_dbm.unwrap_or(comb.power_dbm), channels, raman: None })
    }
}

/// The power of the reference channel along a designed network. It describes; light goes its own way.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferencePowers {
    /// By element: power into a fibre, in dBm; none for other elements.
    pub fibre_input_dbm: Vec<Option<f64>>,
    /// By ROADM: power from each element before it, in dBm.
    pub roadm_input_dbm: BTreeMap<ElementIndex, Vec<(ElementIndex, f64)>>,
    /// ROADMs whose target cannot be reached from everywhere.
    pub warnings: Warnings,
}

/// The power of the reference channel along a designed network.
pub fn reference_powers(
    line: &LineNetwork,
    equipment: &Equipment,
    reference: &Reference,
) -> Result<ReferencePowers, DesignError> {
    let comb = equipment.spectral.first().ok_or(DesignError::NoComb)?;
    let mut fibre_input_dbm = vec![None; line.len()];
    let mut roadm_input_dbm: BTreeMap<ElementIndex, Vec<(ElementIndex, f64)>> = BTreeMap::new();
    for section in line.sections()? {
        let mut power_dbm = match &line.element(section.from).kind {
            ElementKind::Roadm(roadm) => egress_power_dbm(roadm, &line.element(section.first()).uid, comb),
            _ => reference.power_dbm,
        };
        for &index in &section.elements {
            match &line.element(index).kind {
                ElementKind::Amplifier(amplifier) => {
                    power_dbm = behind(amplifier).map_or(power_dbm, |offset| reference.power_dbm + offset);
                }
                ElementKind::MultibandAmplifier(amplifier) => {
                    // the band with the least power counts
                    let offset = amplifier.bands.iter().filter_map(behind).min_by(f64::total_cmp);
                    power_dbm = offset.map_or(power_dbm, |offset| reference.power_dbm + offset);
                }
                ElementKind::Fibre(_) => {
                    fibre_input_dbm[index] = Some(power_dbm);
                    power_dbm -= line.passive_loss_db(index)?;
                }
                _ => power_dbm -= line.passive_loss_db(index)?,
            }
        }
        if matches!(line.element(section.to).kind, ElementKind::Roadm(_)) {
            let last = section.elements.last().copied().unwrap_or(section.from);
            roadm_input_dbm.entry(section.to).or_default().push((last, power_dbm));
        }
    }
    let warnings = targets_not_met(line, comb, &roadm_input_dbm);
    Ok(ReferencePowers { fibre_input_dbm, roadm_input_dbm, warnings })
}

fn behind(amplifier: &Amplifier) -> Option<f64> {
    let point: &WorkingPoint = amplifier.working_point.as_ref()?;
    Some(point.delta_p_db - point.out_voa_db)
}

fn targets_not_met(
    line: &LineNetwork,
    comb: &SpectralInformation,
    inputs: &BTreeMap<ElementIndex, Vec<(ElementIndex, f64)>>,
) -> Warnings {
    let mut warnings = Vec::new();
    for (&index, inputs) in inputs {
        let element = line.element(index);
        let ElementKind::Roadm(roadm) = &element.kind else { continue };
        let targets = std::iter::once(&roadm.equalisation).chain(roadm.degree_equalisation.values());
        let target_dbm = targets.map(|&target| equalised_dbm(target, comb)).fold(f64::NEG_INFINITY, f64::max);
        for &(from, power_dbm) in inputs.iter().filter(|(_, power_dbm)| *power_dbm < target_dbm) {
            let (uid, from) = (element.uid.clone(), line.element(from).uid.clone());
            warnings.push(DesignWarning::TargetNotMet { uid, from, power_dbm, target_dbm });
        }
    }
    warnings
}
