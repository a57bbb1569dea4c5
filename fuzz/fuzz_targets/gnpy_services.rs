//! Any JSON as path requests.

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
    let _ = gnpy::services::read(&document, &LIBRARY);
});
