//! A small equipment library that documents may refer to.

use optics::equipment::Equipment;
use optics::gnpy::equipment::{AmplifierConfigs, read};
use serde_json::json;

pub fn library() -> Equipment {
    let library = json!({
        "Edfa": [
            { "type_variety": "a", "gain_min": 15, "gain_flatmax": 26, "p_max": 21, "nf_min": 6, "nf_max": 10,
              "allowed_for_design": true },
            { "type_variety": "b", "type_def": "multi_band", "amplifiers": ["a"] },
        ],
        "Fiber": [{ "type_variety": "SSMF", "dispersion": 1.67e-5, "effective_area": 83e-12 }],
        "Roadm": [{ "target_pch_out_db": -20 }],
        "Span": [{}],
        "SI": [{}],
        "Transceiver": [{
            "type_variety": "t", "frequency": { "min": 191.35e12, "max": 196.1e12 },
            "mode": [{ "format": "m", "baud_rate": 32e9, "OSNR": 11, "bit_rate": 100e9, "tx_osnr": 40,
                       "min_spacing": 50e9 }],
        }],
    });
    read(&library, &AmplifierConfigs::default()).expect("a good library")
}
