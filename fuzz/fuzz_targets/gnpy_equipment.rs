//! Any JSON as an equipment library, as an amplifier's data file, as a spectrum, as simulation parameters.

#![no_main]

use libfuzzer_sys::fuzz_target;
use optics::equipment::validate::validate_equipment;
use optics::gnpy;
use optics::gnpy::equipment::AmplifierConfigs;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Ok(equipment) = gnpy::equipment::read(&document, &AmplifierConfigs::default()) {
        let _ = validate_equipment(&equipment);
    }
    let _ = gnpy::spectrum::read(&document);
    let _ = gnpy::simulation::read(&document);
    let mut configs = AmplifierConfigs::default();
    configs.insert("file", document);
    let library = json!({
        "Edfa": [{ "type_variety": "a", "type_def": "advanced_model", "gain_min": 15, "gain_flatmax": 25, "p_max": 21,
                   "advanced_config_from_json": "file" }],
        "Span": [{}], "SI": [{}],
    });
    let _ = gnpy::equipment::read(&library, &configs);
});
