//! Amplifier types of a library: of one band, of two stages, of several bands.

use serde_json::Value;

use super::equipment::{AmplifierConfigs, MOST_ENTRIES, named};
use super::fields::{Fields, Range};
use crate::equipment::amplifier::AmplifierTables;
use crate::equipment::defaults;
use crate::equipment::noise_figure::NoiseFigure;
use crate::equipment::{AmplifierType, MultibandAmplifierType, NoiseModel};

/// Amplifiers of one band and of several, aliases before the entry they are of.
pub(super) fn types(
    root: &Fields<'_>,
    configs: &AmplifierConfigs,
) -> (Vec<AmplifierType>, Vec<MultibandAmplifierType>) {
    let entries: Vec<Entry<'_>> = named(root, "Edfa", "amplifier")
        .into_iter()
        .map(|(fields, name)| {
            let kind = fields.optional_text("type_def").unwrap_or("variable_gain");
            let mut names = fields.texts("other_name");
            names.push(name.to_owned());
            Entry { fields, kind, names }
        })
        .collect();
    let names: usize = entries.iter().map(|entry| entry.names.len()).sum();
    if names > MOST_ENTRIES {
        root.error(
            "TOO_LARGE",
            "Edfa",
            &format!("Edfa names {names} amplifiers, the limit is {MOST_ENTRIES}"),
        );
        return (Vec::new(), Vec::new());
    }
    no_name_twice(&entries);
    let single: Vec<AmplifierType> = entries
        .iter()
        .filter(|entry| entry.kind != "dual_stage" && entry.kind != "multi_band")
        .flat_map(|entry| entry.each_name(&single_stage(entry, configs)))
        .collect();
    let mut amplifiers = Vec::new();
    let mut multiband = Vec::new();
    for entry in &entries {
        match entry.kind {
            "multi_band" => multiband.extend(entry.names.iter().map(|name| MultibandAmplifierType {
                name: name.clone(),
                amplifiers: entry.fields.texts("amplifiers"),
                allowed_for_design: entry.fields.flag_or("allowed_for_design", false),
            })),
            "dual_stage" => amplifiers.extend(entry.each_name(&dual_stage(entry, configs, &single))),
            _ => {
                let own = |amplifier: &&AmplifierType| entry.names.contains(&amplifier.name);
                amplifiers.extend(single.iter().filter(own).cloned());
            }
        }
    }
    check_bands(&entries, &amplifiers);
    if root.log().is_clean() {
        check_noise(&entries, &amplifiers);
    }
    (amplifiers, multiband)
}

struct Entry<'a> {
    fields: Fields<'a>,
    kind: &'a str,
    names: Vec<String>,
}

impl Entry<'_> {
    fn each_name(&self, amplifier: &AmplifierType) -> Vec<AmplifierType> {
        self.names.iter().map(|name| AmplifierType { name: name.clone(), ..amplifier.clone() }).collect()
    }
}

fn no_name_twice(entries: &[Entry<'_>]) {
    let mut seen = std::collections::BTreeSet::new();
    for entry in entries {
        for name in &entry.names {
            if !seen.insert(name) {
                entry.fields.error("DUPLICATE_TYPE", "type_variety", &format!("\"{name}\" is there twice"));
            }
        }
    }
}

/// The amplifiers that those of several bands are made of must be there.
fn check_bands(entries: &[Entry<'_>], amplifiers: &[AmplifierType]) {
    for entry in entries.iter().filter(|entry| entry.kind == "multi_band") {
        let names = entry.fields.texts("amplifiers");
        if names.is_empty() {
            entry.fields.error("MISSING_FIELD", "amplifiers", "amplifiers is missing or empty");
        }
        for name in names {
            if amplifiers.iter().all(|amplifier| amplifier.name != name) {
                let detail = format!("amplifiers names \"{name}\", which is no amplifier of one band");
                entry.fields.error("UNKNOWN_TYPE", "amplifiers", &detail);
            }
        }
    }
}

/// There must be a noise model with the figures given.
fn check_noise(entries: &[Entry<'_>], amplifiers: &[AmplifierType]) {
    for entry in entries.iter().filter(|entry| entry.kind != "multi_band") {
        let first = entry.names.first();
        let amplifier = amplifiers.iter().find(|amplifier| Some(&amplifier.name) == first);
        if let Some(Err(error)) = amplifier.map(NoiseFigure::new) {
            let key = match entry.kind {
                "variable_gain" => "nf_min",
                _ => "gain_min",
            };
            entry.fields.log().error("NO_NOISE_MODEL", entry.fields.pointer(key), error.to_string());
        }
    }
}

fn single_stage(entry: &Entry<'_>, configs: &AmplifierConfigs) -> AmplifierType {
    let fields = &entry.fields;
    let config = match entry.kind {
        "advanced_model" => config(fields, "advanced_config_from_json", configs),
        "variable_gain" | "fixed_gain" => config(fields, "default_config_from_json", configs),
        _ => None,
    };
    let noise = match entry.kind {
        "variable_gain" => NoiseModel::VariableGain {
            nf_min_db: fields.number("nf_min", Range::Any),
            nf_max_db: fields.number("nf_max", Range::Any),
        },
        "fixed_gain" => NoiseModel::FixedGain { nf_db: fields.number("nf0", Range::Any) },
        "advanced_model" => {
            // Without the file's name there is no model at all.
            fields.text("advanced_config_from_json");
            NoiseModel::Polynomial {
                coefficients: config.as_ref().map_or([0.0; 4], |file| cubic(file, "nf_fit_coeff")),
            }
        }
        "openroadm" => NoiseModel::Openroadm { coefficients: cubic(fields, "nf_coef") },
        "openroadm_preamp" => NoiseModel::OpenroadmPreamp,
        "openroadm_booster" => NoiseModel::OpenroadmBooster,
        kind => {
            fields.error(
                "UNKNOWN_TYPE",
                "type_def",
                &format!("type_def is \"{kind}\", which is no kind of amplifier"),
            );
            NoiseModel::OpenroadmBooster
        }
    };
    let (gain_min_db, gain_flatmax_db) =
        (fields.number("gain_min", Range::Any), fields.number("gain_flatmax", Range::Any));
    if gain_min_db > gain_flatmax_db {
        fields.error("OUT_OF_RANGE", "gain_min", &format!("gain_min is {gain_min_db}, above gain_flatmax"));
    }
    amplifier(
        fields,
        config.as_ref(),
        noise,
        (gain_min_db, gain_flatmax_db, fields.number("p_max", Range::Any)),
    )
}

/// Two amplifiers in a row: gain and power follow from theirs, tables are those of the entry itself.
fn dual_stage(entry: &Entry<'_>, configs: &AmplifierConfigs, single: &[AmplifierType]) -> AmplifierType {
    let fields = &entry.fields;
    let stage = |key: &str| {
        let name = fields.text(key);
        let found = single.iter().find(|amplifier| amplifier.name == name);
        if found.is_none() && !name.is_empty() {
            let detail = format!("{key} names \"{name}\", which is no amplifier of one stage");
            fields.error("UNKNOWN_TYPE", key, &detail);
        }
        found.cloned()
    };
    let gain_min_db = fields.number("gain_min", Range::Any);
    let (preamp, booster) = (stage("preamp_variety"), stage("booster_variety"));
    let config = config(fields, "default_config_from_json", configs);
    let (Some(preamp), Some(booster)) = (preamp, booster) else {
        return amplifier(fields, config.as_ref(), NoiseModel::OpenroadmBooster, (gain_min_db, 0.0, 0.0));
    };
    if gain_min_db < preamp.gain_min_db {
        let detail =
            format!("gain_min is {gain_min_db}, below the {} of its preamplifier", preamp.gain_min_db);
        fields.error("OUT_OF_RANGE", "gain_min", &detail);
    }
    let power = (gain_min_db, preamp.gain_flatmax_db + booster.gain_flatmax_db, booster.p_max_dbm);
    let noise = NoiseModel::DualStage { preamp: Box::new(preamp), booster: Box::new(booster) };
    amplifier(fields, config.as_ref(), noise, power)
}

fn amplifier(
    fields: &Fields<'_>,
    config: Option<&Fields<'_>>,
    noise: NoiseModel,
    (gain_min_db, gain_flatmax_db, p_max_dbm): (f64, f64, f64),
) -> AmplifierType {
    let (f_min_hz, f_max_hz) = band(fields, config);
    AmplifierType {
        name: String::new(),
        f_min_hz,
        f_max_hz,
        gain_min_db,
        gain_flatmax_db,
        p_max_dbm,
        noise,
        tables: config.map_or_else(standard_tables, tables),
        pmd_s: fields.number_or("pmd", Range::NotNegative, 0.0),
        pdl_db: fields.number_or("pdl", Range::NotNegative, 0.0),
        raman: fields.flag_or("raman", false),
        allowed_for_design: fields.flag_or("allowed_for_design", false),
        out_voa_auto: fields.flag_or("out_voa_auto", false),
    }
}

/// The band of an entry, else of its data file, else of the standard tables.
fn band(fields: &Fields<'_>, config: Option<&Fields<'_>>) -> (f64, f64) {
    let source = if fields.value("f_min").is_some() || fields.value("f_max").is_some() {
        Some(fields)
    } else {
        config
    };
    let Some(source) = source else { return (defaults::AMPLIFIER_F_MIN_HZ, defaults::AMPLIFIER_F_MAX_HZ) };
    let band = (source.number("f_min", Range::Positive), source.number("f_max", Range::Positive));
    if band.0 >= band.1 {
        source.error("OUT_OF_RANGE", "f_max", &format!("f_max is {}, must be above f_min", band.1));
    }
    band
}

/// The data file an entry names.
fn config<'a>(fields: &Fields<'a>, key: &str, configs: &'a AmplifierConfigs) -> Option<Fields<'a>> {
    let name = fields.optional_text(key)?;
    let Some(content) = configs.get(name) else {
        fields.error("MISSING_FILE", key, &format!("{key} names \"{name}\", which is not there"));
        return None;
    };
    let content = content.get("gnpy-edfa-config:edfa-config").unwrap_or(content);
    Fields::of(content, fields.pointer(key), format!("{} (file \"{name}\")", fields.subject()), fields.log())
}

fn standard_tables() -> AmplifierTables {
    AmplifierTables { dynamic_gain_tilt: defaults::DYNAMIC_GAIN_TILT.to_vec(), ..AmplifierTables::default() }
}

fn tables(config: &Fields<'_>) -> AmplifierTables {
    if config.value("dgt").is_none() {
        config.error("MISSING_FIELD", "dgt", "dgt is missing");
    }
    // A plain 0 stands for no ripple.
    let ripple = |key| {
        if config.value(key).and_then(Value::as_f64) == Some(0.0) {
            Vec::new()
        } else {
            config.numbers(key, Range::Any)
        }
    };
    AmplifierTables {
        dynamic_gain_tilt: config.numbers("dgt", Range::Any),
        gain_ripple_db: ripple("gain_ripple"),
        nf_ripple_db: ripple("nf_ripple"),
    }
}

/// Four coefficients: a list of numbers, or in the YANG form of numbers with their order.
fn cubic(fields: &Fields<'_>, key: &str) -> [f64; 4] {
    let ordered = fields.items(key).first().is_some_and(|(item, _)| item.is_object());
    if ordered {
        let mut coefficients: Vec<(u32, f64)> = fields
            .objects(key)
            .iter()
            .map(|item| (item.count("coef_order"), item.number("nf_coef", Range::Any)))
            .collect();
        coefficients.sort_by_key(|(order, _)| *order);
        let values: Vec<f64> = coefficients.into_iter().map(|(_, value)| value).collect();
        return <[f64; 4]>::try_from(values).unwrap_or_else(|_| {
            fields.error("WRONG_LENGTH", key, &format!("{key} must hold 4 numbers"));
            [0.0; 4]
        });
    }
    fields.numbers_exactly(key).unwrap_or_else(|| {
        fields.error("MISSING_FIELD", key, &format!("{key} is missing"));
        [0.0; 4]
    })
}
