//! Compares the power of the reference channel along a designed line.

use optics::design::Reference;
use optics::design::reference::reference_powers;
use optics::equipment::Equipment;
use optics::line::LineNetwork;
use serde_json::Value;

use super::design::list;
use super::deviations::Deviations;

/// Compares `ref_pch_in_dbm` of fibres and ROADMs.
pub fn compare(
    network: &LineNetwork,
    equipment: &Equipment,
    power_dbm: Option<f64>,
    case: &Value,
    found: &mut Deviations,
) -> Result<(), String> {
    let reference = Reference::of(equipment, power_dbm).map_err(|error| format!("reference: {error}"))?;
    let powers = reference_powers(network, equipment, &reference)
        .map_err(|error| format!("reference powers: {error}"))?;
    for expected in list(&case["design"]["elements"]) {
        let uid = expected["uid"].as_str().unwrap_or_default();
        let Some(index) = network.index_of(uid) else { continue };
        match &expected["ref_pch_in_dbm"] {
            Value::Object(inputs) => {
                for (from, power) in inputs {
                    let before = network.index_of(from);
                    let input = powers.roadm_input_dbm.get(&index).into_iter().flatten();
                    let input = input.clone().find(|input| Some(input.0) == before);
                    let at = format!("{uid} from {from}");
                    found.number("reference power", &at, power, input.map_or(f64::NAN, |input| input.1));
                }
            }
            power if power.is_number() => {
                let input = powers.fibre_input_dbm[index].unwrap_or(f64::NAN);
                found.number("reference power", uid, power, input);
            }
            _ => {}
        }
    }
    Ok(())
}
