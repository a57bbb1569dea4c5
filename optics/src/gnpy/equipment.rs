//! The equipment library (`eqpt_config.json`) and the data files its amplifiers name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::amplifiers;
use super::fibres;
use super::fields::{Fields, Log, Range};
use super::roadms;
use crate::equipment::defaults;
use crate::equipment::transceiver::{Impairment, Penalty};
use crate::equipment::{Equipment, Mode, RoadmType, SpanRules, SpectralInformation, TransceiverType};
use crate::finding::Finding;

/// Data files that amplifiers of a library name (`advanced_config_from_json`, `default_config_from_json`), by name.
/// The default holds the two that GNPy ships.
#[derive(Clone, Debug)]
pub struct AmplifierConfigs {
    files: BTreeMap<String, Value>,
}

impl Default for AmplifierConfigs {
    fn default() -> Self {
        let parse = |(name, text): (&str, &str)| {
            serde_json::from_str(text).ok().map(|content| (name.to_owned(), content))
        };
        Self { files: defaults::AMPLIFIER_FILES.into_iter().filter_map(parse).collect() }
    }
}

impl AmplifierConfigs {
    /// Adds a file, in place of one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, content: Value) {
        self.files.insert(name.into(), content);
    }

    /// The file of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.files.get(name)
    }
}

/// Reads an equipment library. An alias (`other_name`) becomes an entry of its own, before the one it is of, as
/// GNPy orders them: where two amplifiers are equally good, design takes the first.
///
/// # Errors
/// Everything wrong with it, naming the entry and the field.
pub fn read(library: &Value, configs: &AmplifierConfigs) -> Result<Equipment, Vec<Finding>> {
    let log = Log::default();
    let equipment = sections(library, configs, true, &log);
    log.finish(equipment)
}

/// Adds a further library (of pluggables, say) to one; names the first has already stay as they are there, and the
/// spans and spectral settings of the further one do not count.
///
/// # Errors
/// Everything wrong with the further library.
pub fn read_further(
    equipment: &mut Equipment,
    library: &Value,
    configs: &AmplifierConfigs,
) -> Result<(), Vec<Finding>> {
    let log = Log::default();
    let further = sections(library, configs, false, &log);
    let further = log.finish(further)?;
    merge(&mut equipment.fibres, further.fibres, |entry| &entry.name);
    merge(&mut equipment.raman_fibres, further.raman_fibres, |entry| &entry.name);
    merge(&mut equipment.amplifiers, further.amplifiers, |entry| &entry.name);
    merge(&mut equipment.multiband_amplifiers, further.multiband_amplifiers, |entry| &entry.name);
    merge(&mut equipment.roadms, further.roadms, |entry| &entry.name);
    merge(&mut equipment.transceivers, further.transceivers, |entry| &entry.name);
    Ok(())
}

fn merge<T>(to: &mut Vec<T>, from: Vec<T>, name: impl Fn(&T) -> &String) {
    for entry in from {
        if to.iter().all(|present| name(present) != name(&entry)) {
            to.push(entry);
        }
    }
}

/// What the YANG form wraps a library into.
const WRAPPER: &str = "gnpy-eqpt-config:equipment";

const SECTIONS: [&str; 8] =
    ["Edfa", "Fiber", "RamanFiber", "Span", "Roadm", "SI", "Transceiver", "library-information"];

fn sections(library: &Value, configs: &AmplifierConfigs, complete: bool, log: &Log) -> Equipment {
    let mut equipment = Equipment::default();
    let Some(root) = Fields::of_document(library, WRAPPER, "equipment library", log) else {
        return equipment;
    };
    for key in root.keys() {
        if !SECTIONS.contains(&key) {
            let known = SECTIONS.join(", ");
            root.error("UNKNOWN_SECTION", key, &format!("\"{key}\" is none of {known}"));
        }
    }
    if complete {
        for key in ["Span", "SI"] {
            if root.items(key).is_empty() {
                root.error("MISSING_FIELD", key, &format!("{key} is missing or empty"));
            }
        }
    }
    equipment.fibres = fibres::types(&root, "Fiber");
    equipment.raman_fibres = fibres::types(&root, "RamanFiber");
    (equipment.amplifiers, equipment.multiband_amplifiers) = amplifiers::types(&root, configs);
    equipment.spectral = spectral(&root);
    if let Some(entry) = entry_called_default(&root, "Span") {
        equipment.span_rules = span_rules(&entry);
    }
    equipment.roadms = roadm_types(&root, &equipment);
    let roll_off =
        equipment.spectral.first().map_or(SpectralInformation::default().roll_off, |si| si.roll_off);
    equipment.transceivers = transceivers(&root, roll_off);
    equipment
}

/// Most entries of a section, and of what an entry lists: real libraries have a hundred.
pub(super) const MOST_ENTRIES: usize = 2_000;

/// The entries of a section, each called by what it is and its name.
pub(super) fn named<'a>(root: &Fields<'a>, section: &str, what: &str) -> Vec<(Fields<'a>, &'a str)> {
    root.objects_up_to(section, MOST_ENTRIES)
        .into_iter()
        .map(|entry| {
            let name = entry.optional_text("type_variety").unwrap_or("default");
            (entry.called(format!("{what} \"{name}\"")), name)
        })
        .collect()
}

/// Says so where two entries of a section have one name.
pub(super) fn unique<'a>(entry: &Fields<'_>, name: &'a str, seen: &mut Vec<&'a str>) {
    if seen.contains(&name) {
        entry.error("DUPLICATE_TYPE", "type_variety", "is there twice");
    }
    seen.push(name);
}

fn entry_called_default<'a>(root: &Fields<'a>, section: &str) -> Option<Fields<'a>> {
    let entries = named(root, section, section);
    let at = entries.iter().position(|(_, name)| *name == "default").unwrap_or(0);
    entries.into_iter().nth(at).map(|(entry, _)| entry)
}

fn span_rules(entry: &Fields<'_>) -> SpanRules {
    let standard = SpanRules::default();
    let unit = length_unit(entry, "length_units");
    let delta_power_range_db = range(entry, "delta_power_range_db", "delta_power_range_dict_db")
        .unwrap_or(standard.delta_power_range_db);
    if delta_power_range_db[0] > delta_power_range_db[1] {
        entry.error("OUT_OF_RANGE", "delta_power_range_db", "delta_power_range_db must ascend");
    }
    SpanRules {
        power_mode: entry.flag_or("power_mode", standard.power_mode),
        delta_power_range_db,
        max_fibre_loss_for_raman_db_per_km: entry.number_or(
            "max_fiber_lineic_loss_for_raman",
            Range::NotNegative,
            standard.max_fibre_loss_for_raman_db_per_km,
        ),
        target_extended_gain_db: entry.number_or(
            "target_extended_gain",
            Range::Any,
            standard.target_extended_gain_db,
        ),
        max_length_m: entry
            .optional_number("max_length", Range::Positive)
            .map_or(standard.max_length_m, |length| length * unit),
        padding_db: entry.number_or("padding", Range::NotNegative, standard.padding_db),
        end_of_life_db: entry.number_or("EOL", Range::NotNegative, standard.end_of_life_db),
        connector_in_db: entry.number_or("con_in", Range::NotNegative, standard.connector_in_db),
        connector_out_db: entry.number_or("con_out", Range::NotNegative, standard.connector_out_db),
        span_loss_reference_db: entry.number_or("span_loss_ref", Range::Any, standard.span_loss_reference_db),
        power_slope: entry.number_or("power_slope", Range::Any, standard.power_slope),
        voa_margin_db: entry.number_or("voa_margin", Range::Any, standard.voa_margin_db),
        voa_step_db: entry.number_or("voa_step", Range::NotNegative, standard.voa_step_db),
    }
}

/// Least, largest and step, in the form of either model.
fn range(entry: &Fields<'_>, list: &str, object: &str) -> Option<[f64; 3]> {
    let Some(named) = entry.optional_object(object) else { return entry.numbers_exactly(list) };
    Some(["min_value", "max_value", "step"].map(|key| named.number(key, Range::Any)))
}

/// How many metres the unit named in a field is; km where none is named.
pub(super) fn length_unit(entry: &Fields<'_>, key: &str) -> f64 {
    match entry.optional_text(key) {
        None | Some("km") => 1e3,
        Some("m") => 1.0,
        Some(unit) => {
            entry.error("UNKNOWN_UNIT", key, &format!("{key} is \"{unit}\", must be \"km\" or \"m\""));
            1.0
        }
    }
}

/// The bands lines are designed for, `default` (else the first) first.
fn spectral(root: &Fields<'_>) -> Vec<SpectralInformation> {
    let mut seen = Vec::new();
    let mut bands: Vec<SpectralInformation> = named(root, "SI", "spectral information")
        .iter()
        .map(|(entry, name)| {
            unique(entry, name, &mut seen);
            spectral_information(entry, name)
        })
        .collect();
    if let Some(at) = bands.iter().position(|band| band.name == "default") {
        bands[..=at].rotate_right(1);
    }
    bands
}

fn spectral_information(entry: &Fields<'_>, name: &str) -> SpectralInformation {
    let standard = SpectralInformation::default();
    let read = SpectralInformation {
        name: name.to_owned(),
        f_min_hz: entry.number_or("f_min", Range::Positive, standard.f_min_hz),
        f_max_hz: entry.number_or("f_max", Range::Positive, standard.f_max_hz),
        baud_rate: entry.number_or("baud_rate", Range::Positive, standard.baud_rate),
        spacing_hz: entry.number_or("spacing", Range::Positive, standard.spacing_hz),
        power_dbm: entry.number_or("power_dbm", Range::Any, standard.power_dbm),
        power_range_db: range(entry, "power_range_db", "power_range_dict_db")
            .unwrap_or(standard.power_range_db),
        roll_off: entry.number_or("roll_off", Range::NotNegative, standard.roll_off),
        tx_osnr_db: entry.number_or("tx_osnr", Range::Any, standard.tx_osnr_db),
        tx_power_dbm: entry.optional_number("tx_power_dbm", Range::Any),
        system_margins_db: entry.number_or("sys_margins", Range::Any, standard.system_margins_db),
        use_si_channel_count_for_design: entry
            .flag_or("use_si_channel_count_for_design", standard.use_si_channel_count_for_design),
    };
    if read.f_max_hz - read.f_min_hz < read.spacing_hz {
        let (f_min, f_max, spacing) = (read.f_min_hz, read.f_max_hz, read.spacing_hz);
        let detail = format!("no channel of {spacing} Hz spacing fits between {f_min} and {f_max} Hz");
        entry.error("BAND_WITHOUT_CHANNELS", "f_max", &detail);
    }
    read
}

fn roadm_types(root: &Fields<'_>, equipment: &Equipment) -> Vec<RoadmType> {
    let mut seen = Vec::new();
    let mut types = Vec::new();
    for (entry, name) in named(root, "Roadm", "ROADM type") {
        unique(&entry, name, &mut seen);
        let equalisation = roadms::equalisation(&entry).unwrap_or_else(|| {
            let keys = roadms::EQUALISATIONS.join(", ");
            entry.error("MISSING_FIELD", roadms::EQUALISATIONS[0], &format!("one of {keys} is missing"));
            crate::equipment::Equalisation::PowerDbm(0.0)
        });
        let restrictions = entry.optional_object("restrictions");
        let restriction = |key| {
            restrictions.as_ref().map(|own| roadms::amplifier_names(own, key, equipment)).unwrap_or_default()
        };
        types.push(RoadmType {
            name: name.to_owned(),
            equalisation,
            add_drop_osnr_db: entry.number_or("add_drop_osnr", Range::Any, 100.0),
            pmd_s: entry.number_or("pmd", Range::NotNegative, 0.0),
            pdl_db: entry.number_or("pdl", Range::NotNegative, 0.0),
            preamp_types: restriction("preamp_variety_list"),
            booster_types: restriction("booster_variety_list"),
            profiles: roadms::profiles(&entry),
        });
    }
    types
}

fn transceivers(root: &Fields<'_>, roll_off: f64) -> Vec<TransceiverType> {
    let mut seen = Vec::new();
    let mut types = Vec::new();
    for (entry, name) in named(root, "Transceiver", "transceiver") {
        let (f_min_hz, f_max_hz) = entry.object("frequency").map_or((0.0, 0.0), |frequency| {
            (frequency.number("min", Range::Positive), frequency.number("max", Range::Positive))
        });
        if f_max_hz < f_min_hz {
            entry.error("OUT_OF_RANGE", "frequency", "frequency: max is below min");
        }
        let modes = modes(&entry, name, roll_off);
        let aliases = entry.texts("other_name");
        if types.len() + aliases.len() > MOST_ENTRIES {
            entry.error(
                "TOO_LARGE",
                "other_name",
                &format!("there are more than {MOST_ENTRIES} transceivers"),
            );
            break;
        }
        for alias in aliases.into_iter().chain([name.to_owned()]) {
            if seen.contains(&alias) {
                entry.error("DUPLICATE_TYPE", "type_variety", &format!("\"{alias}\" is there twice"));
            }
            seen.push(alias.clone());
            types.push(TransceiverType { name: alias, f_min_hz, f_max_hz, modes: modes.clone() });
        }
    }
    types
}

fn modes(transceiver: &Fields<'_>, name: &str, roll_off: f64) -> Vec<Mode> {
    let (mut modes, mut aliases): (Vec<Mode>, Vec<Mode>) = (Vec::new(), Vec::new());
    for entry in transceiver.objects_up_to("mode", MOST_ENTRIES) {
        let format = entry.text("format");
        let entry = entry.called(format!("mode \"{format}\" of transceiver \"{name}\""));
        let mode = Mode {
            name: format.to_owned(),
            baud_rate: entry.number("baud_rate", Range::Positive),
            bit_rate: entry.number("bit_rate", Range::Positive),
            required_gsnr_db_01nm: entry.number("OSNR", Range::Any),
            roll_off: entry.number_or("roll_off", Range::NotNegative, roll_off),
            tx_osnr_db: entry.number("tx_osnr", Range::Any),
            min_spacing_hz: entry.number("min_spacing", Range::Positive),
            cost: entry.number_or("cost", Range::NotNegative, 1.0),
            equalisation_offset_db: entry.number_or("equalization_offset_db", Range::Any, 0.0),
            penalties: penalties(&entry),
        };
        if mode.baud_rate > mode.min_spacing_hz {
            let detail = format!("min_spacing is below the baud rate of {} Bd", mode.baud_rate);
            entry.error("OUT_OF_RANGE", "min_spacing", &detail);
        }
        if modes.iter().any(|present| present.name == mode.name) {
            entry.error("DUPLICATE_TYPE", "format", "is there twice");
        }
        aliases
            .extend(entry.texts("other_name").into_iter().map(|alias| Mode { name: alias, ..mode.clone() }));
        modes.push(mode);
    }
    modes.extend(aliases);
    modes
}

fn penalties(mode: &Fields<'_>) -> Vec<Penalty> {
    const IMPAIRMENTS: [(&str, Impairment); 3] = [
        ("chromatic_dispersion", Impairment::ChromaticDispersion),
        ("pmd", Impairment::Pmd),
        ("pdl", Impairment::Pdl),
    ];
    let mut penalties = Vec::new();
    for entry in mode.objects("penalties") {
        let penalty_db = entry.number("penalty_value", Range::Any);
        let count = penalties.len();
        penalties.extend(IMPAIRMENTS.iter().filter_map(|&(key, impairment)| {
            Some(Penalty { impairment, value: entry.optional_number(key, Range::Any)?, penalty_db })
        }));
        if penalties.len() == count {
            entry.error("MISSING_FIELD", "pmd", "a penalty names none of chromatic_dispersion, pmd, pdl");
        }
    }
    penalties
}
