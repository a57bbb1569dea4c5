//! Any bytes as a workbook, old or new: what becomes a topology can be read as one, if its types are known.

#![no_main]

mod library;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use optics::equipment::Equipment;
use optics::gnpy;

static LIBRARY: LazyLock<Equipment> = LazyLock::new(library::library);

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = gnpy::workbook::topology(bytes) else { return };
    if let Ok(network) = gnpy::topology::read(&document, &LIBRARY) {
        let _ = gnpy::workbook::services(bytes, bytes, &network, false);
    }
});
