//! Any JSON as a topology: what is read can be written, and what was written can be read.

#![no_main]

mod library;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use optics::equipment::Equipment;
use optics::gnpy;
use serde_json::Value;

static LIBRARY: LazyLock<Equipment> = LazyLock::new(library::library);

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Ok(network) = gnpy::topology::read(&document, &LIBRARY) {
        let written = gnpy::topology::write(&network, &LIBRARY);
        assert_eq!(written["elements"].as_array().map(Vec::len), Some(network.len()));
    }
});
