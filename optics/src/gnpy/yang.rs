//! Documents in the form of GNPy's YANG models (RFC 7951): numbers in quotes, `[null]` for nothing, rows for tables.
//!
//! All readers take this form as they take GNPy's own; here it is written.

use serde_json::{Map, Value, json};

/// A topology, as [`super::topology::write`] gives it, in the YANG form.
pub fn topology(plain: &Value) -> Value {
    let mut document = plain.clone();
    let elements = document.get_mut("elements").and_then(Value::as_array_mut);
    for element in elements.into_iter().flatten() {
        if let Some(params) = element.get_mut("params").and_then(Value::as_object_mut) {
            tables_to_rows(params);
            degrees_to_rows(params);
        }
    }
    json!({ "gnpy-network-topology:topology": quoted("", document) })
}

/// A response, as [`super::response::write`] gives it, in the YANG form.
pub fn response(plain: &Value) -> Value {
    json!({ "gnpy-path-computation:responses": quoted("", plain.clone()) })
}

/// Columns of a table become rows.
fn tables_to_rows(params: &mut Map<String, Value>) {
    let rows = |table: &Value, columns: [(&str, &str); 2]| -> Option<Value> {
        let [(first, first_name), (second, second_name)] = columns;
        let (one, other) = (table.get(first)?.as_array()?, table.get(second)?.as_array()?);
        Some(
            one.iter()
                .zip(other)
                .map(|(one, other)| json!({ first_name: one, second_name: other }))
                .collect(),
        )
    };
    let mut replace = |key: &str, new_key: &str, columns| {
        if let Some(table) = params.get(key).and_then(|table| rows(table, columns)) {
            params.remove(key);
            params.insert(new_key.to_owned(), table);
        }
    };
    let value = |name| [("frequency", "frequency"), ("value", name)];
    replace("loss_coef", "loss_coef_per_frequency", value("loss_coef_value"));
    replace("dispersion_per_frequency", "dispersion_per_frequency", value("dispersion"));
    if let Some(raman) = params.get_mut("raman_coefficient") {
        let gains = rows(raman, [("frequency_offset", "frequency_offset"), ("g0", "g0")]);
        *raman = json!({ "reference_frequency": raman["reference_frequency"], "g0_per_frequency": gains });
    }
}

/// What is set by degree, in an object by its uid, becomes rows that name the degree.
fn degrees_to_rows(params: &mut Map<String, Value>) {
    let mut targets = Vec::new();
    for key in ["per_degree_pch_out_db", "per_degree_psd_out_mWperGHz", "per_degree_psd_out_mWperSlotWidth"] {
        if let Some(Value::Object(degrees)) = params.remove(key) {
            targets.extend(
                degrees.into_iter().map(|(degree, target)| json!({ "degree_uid": degree, key: target })),
            );
        }
    }
    if !targets.is_empty() {
        params.insert("per_degree_power_targets".to_owned(), Value::Array(targets));
    }
    if let Some(Value::Object(degrees)) = params.remove("per_degree_design_bands") {
        let rows: Vec<Value> = degrees
            .into_iter()
            .map(|(degree, bands)| json!({ "degree_uid": degree, "design_bands": bands }))
            .collect();
        params.insert("per_degree_design_bands_targets".to_owned(), Value::Array(rows));
    }
}

/// A value as RFC 7951 wants it, under the key it stands.
fn quoted(key: &str, value: Value) -> Value {
    match value {
        Value::Null => json!([null]),
        Value::Number(number) => match (fraction_digits(key), number.as_f64()) {
            (Some(digits), Some(value)) => json!(decimal(value, digits)),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(|item| quoted(key, item)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key.clone(), quoted(&key, value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

/// Digits behind the point that the models allow; none for whole numbers of 32 bits, which stay without quotes.
fn fraction_digits(key: &str) -> Option<usize> {
    Some(match key {
        "N" | "M" | "index" | "impairment_id" | "roadm-path-impairments-id" => return None,
        "frequency" | "ref_frequency" | "reference_frequency" | "f_min" | "f_max" => 1,
        "length" | "loss_coef" | "position" | "latitude" | "longitude" | "gain_target" | "delta_p"
        | "tilt_target" => 6,
        "dispersion" | "accumulative-value" | "roadm-pmd" => 8,
        "power" => 9,
        "target_psd_out_mWperGHz"
        | "target_out_mWperSlotWidth"
        | "per_degree_psd_out_mWperGHz"
        | "per_degree_psd_out_mWperSlotWidth" => 10,
        "dispersion_slope" => 11,
        "effective_area" | "g0" => 14,
        "pmd" => 15,
        "loss_coef_value" => 16,
        "pmd_coef" => 18,
        _ => 2,
    })
}

/// A decimal without exponent: at least one digit behind the point, at most so many.
fn decimal(value: f64, digits: usize) -> String {
    let shown = format!("{value:.digits$}");
    let trimmed = shown.trim_end_matches('0');
    let shown = if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() };
    if shown == "-0.0" { "0.0".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_have_no_exponent_and_no_idle_zeros() {
        let shown = [
            decimal(80.0, 6),
            decimal(1.265e-15, 18),
            decimal(-20.0, 2),
            decimal(-0.001, 2),
            decimal(1e11, 8),
        ];
        assert_eq!(shown, ["80.0", "0.000000000000001265", "-20.0", "0.0", "100000000000.0"]);
    }
}
