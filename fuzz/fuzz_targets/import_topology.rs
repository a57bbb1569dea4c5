//! Any bytes as a file of every format that topologies are imported from; the first byte chooses.

#![no_main]

use libfuzzer_sys::fuzz_target;
use optics::import::{Format, ImportOptions, topology};
use optics::validate::validate_topology;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, file)) = bytes.split_first() else { return };
    let format = Format::ALL[usize::from(choice) % Format::ALL.len()];
    if let Ok(imported) = topology(format, file, &ImportOptions::default()) {
        assert!(!validate_topology(&imported.document).iter().any(optics::finding::Finding::is_error));
    }
});
