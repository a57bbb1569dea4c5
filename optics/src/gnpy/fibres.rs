//! Fibre types of a library, and the figures a fibre of a topology takes from its type.

use super::equipment::{named, unique};
use super::fields::{Fields, Range, number_of};
use crate::equipment::defaults;
use crate::equipment::fibre::RamanEfficiency;
use crate::equipment::{FibreType, PerFrequency};
use crate::line::Spectrum;

/// Speed of light in vacuum, in m/s.
pub(super) const C: f64 = 299_792_458.0;

/// Frequency that figures of a fibre refer to where it names none, in Hz (1550 nm).
pub(super) const REFERENCE_FREQUENCY_HZ: f64 = C / 1550e-9;

/// Largest effective area the model of its change with frequency holds for, in m².
pub(super) const MOST_EFFECTIVE_AREA_M2: f64 = 1e-9;

/// The fibre types of a section. As in GNPy, slopes, tables of dispersion, losses and lumped losses of a type do not
/// count: they are of one fibre.
pub(super) fn types(root: &Fields<'_>, section: &str) -> Vec<FibreType> {
    let mut seen = Vec::new();
    let mut types = Vec::new();
    for (entry, name) in named(root, section, "fibre type") {
        unique(&entry, name, &mut seen);
        types.push(FibreType {
            name: name.to_owned(),
            dispersion_s_per_m2: entry.number("dispersion", Range::Any),
            effective_area_m2: effective_area(&entry),
            gamma_per_w_m: entry.optional_number("gamma", Range::Positive),
            pmd_s_per_sqrt_m: entry.number_or("pmd_coef", Range::NotNegative, 0.0),
            raman_efficiency: raman(&entry, "raman_efficiency")
                .or_else(|| raman(&entry, "raman_coefficient")),
        });
    }
    types
}

/// An effective area within what the model holds for, in m².
pub(super) fn effective_area(entry: &Fields<'_>) -> Option<f64> {
    let area = entry.optional_number("effective_area", Range::Positive)?;
    if area > MOST_EFFECTIVE_AREA_M2 {
        entry.error(
            "OUT_OF_RANGE",
            "effective_area",
            &format!("effective_area is {area} m², more than 1000 µm²"),
        );
    }
    Some(area)
}

/// What a fibre loses, in dB/km.
pub(super) fn loss(params: &Fields<'_>) -> Spectrum {
    if let Some(table) = table(params, "loss_coef_per_frequency", "loss_coef_value", Range::Positive) {
        return Spectrum::Table(table);
    }
    if params.value("loss_coef").is_none() || is_number(params, "loss_coef") {
        return Spectrum::Flat(params.number("loss_coef", Range::Positive));
    }
    match table(params, "loss_coef", "loss_coef_value", Range::Positive) {
        Some(table) => Spectrum::Table(table),
        None => Spectrum::Flat(0.0),
    }
}

/// Raman gain in 1/(W·m) against the distance of pump and signal: columns, or in the YANG form rows.
pub(super) fn raman(entry: &Fields<'_>, key: &str) -> Option<RamanEfficiency> {
    let value = entry.value(key)?;
    let (offset_hz, gains, reference) = if value.is_array() {
        let (offset_hz, gains) = raman_rows(&entry.objects(key));
        (offset_hz, gains, None)
    } else {
        let table = entry.optional_object(key)?;
        let (offset_hz, gains) = if table.has("g0_per_frequency") {
            raman_rows(&table.objects("g0_per_frequency"))
        } else {
            let gain = if table.has("cr") { "cr" } else { "g0" };
            (table.numbers("frequency_offset", Range::NotNegative), table.numbers(gain, Range::Any))
        };
        (offset_hz, gains, table.optional_number("reference_frequency", Range::Positive))
    };
    if offset_hz.is_empty() || offset_hz.len() != gains.len() {
        entry.error(
            "WRONG_LENGTH",
            key,
            &format!("{key}: gains and frequency_offset must be of one length, not 0"),
        );
    }
    if offset_hz.windows(2).any(|pair| pair[0] >= pair[1]) {
        entry.error("OUT_OF_RANGE", key, &format!("{key}: frequency_offset must ascend"));
    }
    Some(RamanEfficiency {
        reference_frequency_hz: reference.unwrap_or(defaults::RAMAN_REFERENCE_FREQUENCY_HZ),
        offset_hz,
        value: gains,
        normalised: false,
    })
}

fn raman_rows(rows: &[Fields<'_>]) -> (Vec<f64>, Vec<f64>) {
    let row = |row: &Fields<'_>| {
        let gain = if row.has("cr") { "cr" } else { "g0" };
        (row.number("frequency_offset", Range::NotNegative), row.number(gain, Range::Any))
    };
    rows.iter().map(row).unzip()
}

/// A table by frequency, ascending: either `{frequency: […], value: […]}` or `[{frequency, <value>}, …]`.
pub(super) fn table(entry: &Fields<'_>, key: &str, value: &str, range: Range) -> Option<PerFrequency> {
    let mut points: Vec<(f64, f64)> = if entry.value(key)?.is_array() {
        let point =
            |point: &Fields<'_>| (point.number("frequency", Range::Positive), point.number(value, range));
        entry.objects(key).iter().map(point).collect()
    } else {
        let columns = entry.optional_object(key)?;
        let frequencies = columns.numbers("frequency", Range::Positive);
        let values = columns.numbers("value", range);
        if frequencies.len() != values.len() {
            columns.error(
                "WRONG_LENGTH",
                "value",
                &format!("{key}: frequency and value must be of one length"),
            );
        }
        frequencies.into_iter().zip(values).collect()
    };
    if points.is_empty() {
        entry.error("WRONG_LENGTH", key, &format!("{key} is an empty table"));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if points.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        entry.error("OUT_OF_RANGE", key, &format!("{key} gives two values for one frequency"));
    }
    let (frequency_hz, value) = points.into_iter().unzip();
    Some(PerFrequency { frequency_hz, value })
}

/// Whether a field is a plain number (or one in quotes), not a table.
pub(super) fn is_number(entry: &Fields<'_>, key: &str) -> bool {
    entry.value(key).is_some_and(|value| number_of(value).is_some())
}
