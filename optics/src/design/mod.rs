//! The design of lines: from fibres between sites to amplifiers with a gain.
//!
//! Steps and rules are those of GNPy (Telecom Infra Project): [`complete`] splits long fibres and puts amplifiers
//! where there are none; [`design`] completes connectors, pads short spans, and goes through each section choosing
//! amplifiers and setting gain, power and VOA for a reference channel. A designed line is frozen; [`redesign`] sets
//! amplifiers again for another reference, with the types, VOAs and losses they have.

mod amplifiers;
mod bands;
mod choice;
mod error;
mod insert;
mod multiband;
mod pumps;
pub mod reference;
pub mod rounding;
mod spans;
mod split;
pub mod sweep;
mod targets;
#[cfg(test)]
mod tests;
mod transfer;

pub use error::{DesignError, DesignWarning};
pub use reference::Reference;

use amplifiers::Designer;
use choice::Catalogue;

use crate::equipment::{Equipment, SpanRules};
use crate::line::{ElementIndex, ElementKind, LineNetwork, Section};

/// What a designer should know of a network that was designed.
pub type Warnings = Vec<DesignWarning>;

/// Splits fibres that are too long, and puts amplifiers before and behind ROADMs and between fibres.
///
/// A long fibre becomes the first of its spans, and the others are added: elements keep their indices. Linear in the
/// number of elements.
pub fn complete(line: &mut LineNetwork, equipment: &Equipment) -> Result<(), DesignError> {
    let rules = &equipment.span_rules;
    check_rules(rules)?;
    for mut section in line.sections()? {
        split::split_long_fibres(line, &mut section, rules)?;
        insert::insert_amplifiers(line, &mut section)?;
    }
    Ok(())
}

/// Designs a network that was not designed before: connectors, padding, then all amplifiers.
///
/// Linear in the number of elements; every amplifier has a type and a working point afterwards.
pub fn design(
    line: &mut LineNetwork,
    equipment: &Equipment,
    reference: &Reference,
) -> Result<Warnings, DesignError> {
    let sections = line.sections()?;
    check_degrees(line)?;
    check_rules(&equipment.span_rules)?;
    for section in &sections {
        spans::complete_losses(line, section, &equipment.span_rules)?;
    }
    set_amplifiers(line, equipment, reference, &sections)
}

/// Sets the amplifiers of a designed network again, for another reference channel: those along `routes`, or all.
///
/// Types, VOAs, connectors and padding stay; without power mode gains stay too, as far as there is power.
pub fn redesign(
    line: &mut LineNetwork,
    equipment: &Equipment,
    reference: &Reference,
    routes: Option<&[&[ElementIndex]]>,
) -> Result<Warnings, DesignError> {
    let mut sections = line.sections()?;
    if let Some(routes) = routes {
        let mut passed = vec![false; line.len()];
        for &index in routes.iter().copied().flatten() {
            passed[index] = true;
        }
        sections.retain(|section| section.elements.iter().any(|&index| passed[index]));
    }
    set_amplifiers(line, equipment, reference, &sections)
}

fn set_amplifiers(
    line: &mut LineNetwork,
    equipment: &Equipment,
    reference: &Reference,
    sections: &[Section],
) -> Result<Warnings, DesignError> {
    let mut designer = Designer::new(Catalogue::new(equipment)?, *reference)?;
    for section in sections {
        designer.section(line, section)?;
    }
    Ok(designer.warnings)
}

/// Rules that lead to numbers.
fn check_rules(rules: &SpanRules) -> Result<(), DesignError> {
    let [lowest, highest, step] = rules.delta_power_range_db;
    let (any, loss, expected) = (f64::NEG_INFINITY, 0.0, "a number that makes sense");
    for (field, value, least) in [
        ("max_length", rules.max_length_m, 1.0),
        ("padding", rules.padding_db, loss),
        ("EOL", rules.end_of_life_db, loss),
        ("con_in", rules.connector_in_db, loss),
        ("con_out", rules.connector_out_db, loss),
        ("delta_power_range_db", lowest, any),
        ("delta_power_range_db", highest, lowest),
        ("delta_power_range_db", step, 0.0),
        ("span_loss_ref", rules.span_loss_reference_db, any),
        ("power_slope", rules.power_slope, any),
        ("target_extended_gain", rules.target_extended_gain_db, any),
        ("voa_margin", rules.voa_margin_db, any),
        ("voa_step", rules.voa_step_db, 0.0),
    ] {
        if !value.is_finite() || value < least {
            return Err(DesignError::Rule { field, value, expected });
        }
    }
    Ok(())
}

/// Design bands are given for degrees that are there.
fn check_degrees(line: &LineNetwork) -> Result<(), DesignError> {
    for (index, element) in line.elements().iter().enumerate() {
        let ElementKind::Roadm(roadm) = &element.kind else { continue };
        for degree in roadm.degree_design_bands.keys() {
            if !line.successors(index).iter().any(|&next| line.element(next).uid == *degree) {
                let (uid, degree) = (element.uid.clone(), degree.clone());
                return Err(DesignError::UnknownDegree { uid, degree });
            }
        }
    }
    Ok(())
}
