//! What types and elements of ROADMs are written alike: equalisation, restrictions, impairments of internal paths.

use super::equipment::MOST_ENTRIES;
use super::fields::{Fields, Range};
use crate::equipment::roadm::Impairment;
use crate::equipment::{Equalisation, Equipment, ImpairmentProfile, PathKind};

/// The fields that set the power of channels leaving a ROADM; only one may be there.
pub(super) const EQUALISATIONS: [&str; 3] =
    ["target_pch_out_db", "target_psd_out_mWperGHz", "target_out_mWperSlotWidth"];

/// The equalisation an entry asks for, if any.
pub(super) fn equalisation(entry: &Fields<'_>) -> Option<Equalisation> {
    let [power, density, slot_density] = EQUALISATIONS;
    if EQUALISATIONS.iter().filter(|key| entry.has(key)).count() > 1 {
        let keys = EQUALISATIONS.join(", ");
        entry.error("CONFLICT", power, &format!("only one of {keys} may be set"));
    }
    entry
        .optional_number(power, Range::Any)
        .map(Equalisation::PowerDbm)
        .or_else(|| entry.optional_number(density, Range::Positive).map(Equalisation::DensityMwPerGhz))
        .or_else(|| {
            entry.optional_number(slot_density, Range::Positive).map(Equalisation::SlotDensityMwPerGhz)
        })
}

/// Names of amplifiers in a list; each must be in the library.
pub(super) fn amplifier_names(entry: &Fields<'_>, key: &str, equipment: &Equipment) -> Vec<String> {
    let names = entry.texts(key);
    for name in &names {
        if equipment.amplifier(name).is_none() && equipment.multiband_amplifier(name).is_none() {
            entry.error(
                "UNKNOWN_TYPE",
                key,
                &format!("{key} names \"{name}\", which is no amplifier of the library"),
            );
        }
    }
    names
}

/// Impairments of internal paths, in their order.
pub(super) fn profiles(entry: &Fields<'_>) -> Vec<ImpairmentProfile> {
    const KINDS: [(&str, PathKind); 3] = [
        ("roadm-express-path", PathKind::Express),
        ("roadm-add-path", PathKind::Add),
        ("roadm-drop-path", PathKind::Drop),
    ];
    let mut profiles: Vec<ImpairmentProfile> = Vec::new();
    for profile in entry.objects_up_to("roadm-path-impairments", MOST_ENTRIES) {
        let id = profile.count("roadm-path-impairments-id");
        let Some((key, kind)) = KINDS.into_iter().find(|(key, _)| profile.has(key)) else {
            profile.error("MISSING_FIELD", KINDS[0].0, &format!("impairments {id} are of no kind of path"));
            continue;
        };
        if profiles.iter().any(|present| present.id == id) {
            let detail = format!("impairments {id} are there twice");
            profile.error("DUPLICATE_ID", "roadm-path-impairments-id", &detail);
        }
        let ranges: Vec<Impairment> = profile.objects(key).iter().map(impairment).collect();
        if ranges.is_empty() {
            profile.error("WRONG_LENGTH", key, &format!("impairments {id} name no range of frequencies"));
        }
        profiles.push(ImpairmentProfile { id, kind, ranges });
    }
    profiles
}

fn impairment(entry: &Fields<'_>) -> Impairment {
    let (lower_hz, upper_hz) = entry.object("frequency-range").map_or((0.0, 0.0), |range| {
        (
            range.number("lower-frequency", Range::NotNegative),
            range.number("upper-frequency", Range::Positive),
        )
    });
    if lower_hz > upper_hz {
        entry.error(
            "OUT_OF_RANGE",
            "frequency-range",
            "frequency-range: upper-frequency is below lower-frequency",
        );
    }
    Impairment {
        lower_hz,
        upper_hz,
        max_loss_db: entry.number_or("roadm-maxloss", Range::NotNegative, 0.0),
        pmd_s: entry.number_or("roadm-pmd", Range::NotNegative, 0.0),
        pdl_db: entry.number_or("roadm-pdl", Range::NotNegative, 0.0),
        osnr_db: entry.optional_number("roadm-osnr", Range::Any),
    }
}
