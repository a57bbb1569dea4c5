//! Any bytes as a file of every format that traffic and equipment are imported from; the first byte chooses.

#![no_main]

use libfuzzer_sys::fuzz_target;
use optics::import::{Format, ImportOptions, equipment, traffic};
use optics::validate::validate_traffic;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, file)) = bytes.split_first() else { return };
    let format = Format::ALL[usize::from(choice) % Format::ALL.len()];
    if let Ok(imported) = traffic(format, file, &ImportOptions::default()) {
        assert!(!validate_traffic(&imported.document).iter().any(optics::finding::Finding::is_error));
    }
    let _ = equipment(format, file, &ImportOptions::default());
});
