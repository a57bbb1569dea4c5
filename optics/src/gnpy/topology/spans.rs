//! Fibres of a topology, with and without Raman pumps.

use super::super::equipment::length_unit;
use super::super::fibres;
use super::super::fields::{Fields, Range};
use crate::equipment::{Equipment, FibreType};
use crate::line::{Dispersion, Fibre, RamanPump, RamanPumping};

/// Non-linear refractive index of silica, in m²/W.
const NONLINEAR_INDEX: f64 = 2.6e-20;

/// Effective area where neither it nor the non-linear coefficient is given, in m².
const EFFECTIVE_AREA_M2: f64 = 83e-12;

pub(super) fn fibre(entry: &Fields<'_>, equipment: &Equipment, raman: bool) -> Option<Fibre> {
    let name = entry.optional_text("type_variety").unwrap_or("default");
    let of = if raman { equipment.raman_fibre(name) } else { equipment.fibre(name) };
    if of.is_none() {
        let detail = format!("type_variety is \"{name}\", which is no fibre of the library");
        entry.error("UNKNOWN_TYPE", "type_variety", &detail);
    }
    let pumping = raman.then(|| pumping(entry)).flatten();
    let params = entry.object("params")?;
    let of = of?;
    let reference_frequency_hz = match params.optional_number("ref_wavelength", Range::Positive) {
        Some(wavelength) => fibres::C / wavelength,
        None => params.number_or("ref_frequency", Range::Positive, fibres::REFERENCE_FREQUENCY_HZ),
    };
    let length_m = params.number("length", Range::NotNegative) * length_unit(&params, "length_units");
    Some(Fibre {
        type_name: of.name.clone(),
        length_m,
        loss_db_per_km: fibres::loss(&params),
        att_in_db: params.number_or("att_in", Range::NotNegative, 0.0),
        connector_in_db: params.optional_number("con_in", Range::NotNegative),
        connector_out_db: params.optional_number("con_out", Range::NotNegative),
        lumped_losses: lumped_losses(&params, length_m),
        reference_frequency_hz,
        dispersion: dispersion(&params, of),
        effective_area_m2: effective_area(&params, of, reference_frequency_hz),
        // As in GNPy: a zero of its own is as good as none.
        pmd_s_per_sqrt_m: params
            .optional_number("pmd_coef", Range::NotNegative)
            .filter(|&own| own > 0.0)
            .unwrap_or(of.pmd_s_per_sqrt_m),
        raman_efficiency: fibres::raman(&params, "raman_coefficient").or_else(|| of.raman_efficiency.clone()),
        raman: pumping,
        design_span_loss_db: None,
    })
}

/// A table goes before a value and a slope; only the value may be the type's.
fn dispersion(params: &Fields<'_>, of: &FibreType) -> Dispersion {
    if let Some(table) = fibres::table(params, "dispersion_per_frequency", "dispersion", Range::Any) {
        return Dispersion::Table(table);
    }
    let dispersion = params.number_or("dispersion", Range::Any, of.dispersion_s_per_m2);
    match params.optional_number("dispersion_slope", Range::Any) {
        Some(slope) => Dispersion::Slope { dispersion, slope },
        None => Dispersion::Constant(dispersion),
    }
}

/// The effective area given, else that of the non-linear coefficient, else that of standard fibre; an own value goes
/// before the type's.
fn effective_area(params: &Fields<'_>, of: &FibreType, reference_frequency_hz: f64) -> f64 {
    let own = params.optional_number("gamma", Range::Positive);
    let area = fibres::effective_area(params)
        .or(of.effective_area_m2)
        .or_else(|| own.map(|gamma| area_of_gamma(gamma, reference_frequency_hz)));
    let area = area.unwrap_or_else(|| type_effective_area(of, reference_frequency_hz));
    if area > fibres::MOST_EFFECTIVE_AREA_M2 {
        params.error("OUT_OF_RANGE", "gamma", "gamma asks for an effective area of more than 1000 µm²");
    }
    area
}

/// The effective area a fibre has by its type alone, in m².
pub(super) fn type_effective_area(of: &FibreType, reference_frequency_hz: f64) -> f64 {
    let from_gamma = of.gamma_per_w_m.map(|gamma| area_of_gamma(gamma, reference_frequency_hz));
    of.effective_area_m2.or(from_gamma).unwrap_or(EFFECTIVE_AREA_M2)
}

/// Effective area of a non-linear coefficient: `A = 2π·n₂/(λ·γ)`.
fn area_of_gamma(gamma_per_w_m: f64, reference_frequency_hz: f64) -> f64 {
    2.0 * std::f64::consts::PI * NONLINEAR_INDEX / (fibres::C / reference_frequency_hz * gamma_per_w_m)
}

/// Losses along a fibre, by their distance from its start.
fn lumped_losses(params: &Fields<'_>, length_m: f64) -> Vec<(f64, f64)> {
    let mut losses = Vec::new();
    for loss in params.objects("lumped_losses") {
        let at_m = loss.number("position", Range::NotNegative) * 1e3;
        if at_m > length_m {
            let detail = format!("position is {} km, beyond the end of the fibre", at_m / 1e3);
            loss.error("OUT_OF_RANGE", "position", &detail);
        }
        losses.push((at_m, loss.number("loss", Range::NotNegative)));
    }
    losses
}

fn pumping(entry: &Fields<'_>) -> Option<RamanPumping> {
    let operational = entry.object("operational")?;
    let mut pumps = Vec::new();
    for pump in operational.objects("raman_pumps") {
        let direction = pump.text("propagation_direction").to_lowercase();
        if direction != "coprop" && direction != "counterprop" {
            let detail =
                format!("propagation_direction is \"{direction}\", must be \"coprop\" or \"counterprop\"");
            pump.error("UNKNOWN_DIRECTION", "propagation_direction", &detail);
        }
        pumps.push(RamanPump {
            power_w: pump.number("power", Range::NotNegative),
            frequency_hz: pump.number("frequency", Range::Positive),
            co_propagating: direction == "coprop",
        });
    }
    Some(RamanPumping { temperature_k: operational.number("temperature", Range::Positive), pumps })
}
