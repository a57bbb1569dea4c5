//! Lines designed from scratch, and lines that cannot be.

use super::*;
use crate::equipment::amplifier::{AmplifierTables, AmplifierType, NoiseModel};
use crate::equipment::{Equalisation, PerFrequency, SpanRules, SpectralInformation};
use crate::line::fixture::{Line, amplifier, fibre, fused, roadm, transceiver, typed_amplifier};
use crate::line::{Amplifier, DesignBand, Element, Spectrum, WorkingPoint};

/// An amplifier type for 191 to 196.5 THz with the same noise at every gain.
pub(super) fn entry(
    name: &str,
    gain_db: (f64, f64),
    p_max_dbm: f64,
    nf_db: f64,
    raman: bool,
) -> AmplifierType {
    AmplifierType {
        name: name.to_owned(),
        f_min_hz: 191e12,
        f_max_hz: 196.5e12,
        gain_min_db: gain_db.0,
        gain_flatmax_db: gain_db.1,
        p_max_dbm,
        noise: NoiseModel::FixedGain { nf_db },
        tables: AmplifierTables::default(),
        pmd_s: 0.0,
        pdl_db: 0.0,
        raman,
        allowed_for_design: true,
        out_voa_auto: false,
    }
}

fn equipment() -> Equipment {
    Equipment {
        amplifiers: vec![
            entry("low", (8.0, 16.0), 21.0, 6.5, false),
            entry("medium", (15.0, 26.0), 23.0, 6.0, false),
            entry("high", (25.0, 35.0), 21.0, 5.5, false),
        ],
        span_rules: SpanRules { delta_power_range_db: [-2.0, 3.0, 0.5], ..SpanRules::default() },
        spectral: vec![SpectralInformation::default()],
        ..Equipment::default()
    }
}

const REFERENCE: Reference = Reference { power_dbm: 0.0, channels: Some(96), raman: None };

/// `t a f b u`, from transceiver to transceiver.
fn one_span(length_km: f64) -> LineNetwork {
    Line::new()
        .with(vec![transceiver("t"), roadm("a"), fibre("f", length_km), roadm("b"), transceiver("u")])
        .joined("t a f b u")
        .done()
}

fn designed(mut line: LineNetwork, equipment: &Equipment) -> Result<(LineNetwork, Warnings), DesignError> {
    complete(&mut line, equipment)?;
    let warnings = design(&mut line, equipment, &REFERENCE)?;
    Ok((line, warnings))
}

fn set<'a>(line: &'a LineNetwork, uid: &str) -> (&'a Amplifier, WorkingPoint) {
    match &line.element(line.index_of(uid).expect("it is there")).kind {
        ElementKind::Amplifier(amplifier) => (amplifier, amplifier.working_point.expect("it is designed")),
        _ => panic!("{uid} is no amplifier"),
    }
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
}

#[test]
fn boosters_lift_to_the_span_and_preamplifiers_back_to_the_reference() {
    let equipment = equipment();
    let (line, warnings) = designed(one_span(120.0), &equipment).unwrap();
    let (booster, point) = set(&line, "Edfa_booster_a_to_f");
    // 24 dB of loss: 1 dB more than the reference power, from −20 dBm
    close(point.gain_db, 21.0);
    close(point.delta_p_db, 1.0);
    assert_eq!(booster.amplifier_type, equipment.amplifier("medium"));
    let (preamp, point) = set(&line, "Edfa_preamp_b_from_f");
    close(point.gain_db, 23.0);
    close(point.delta_p_db, 0.0);
    assert_eq!(preamp.amplifier_type, equipment.amplifier("medium"));
    assert_eq!(warnings, []);
}

#[test]
fn a_network_designed_again_keeps_types_and_follows_the_power() {
    let equipment = equipment();
    let (mut line, _) = designed(one_span(120.0), &equipment).unwrap();
    let route: Vec<usize> = ["t", "a", "Edfa_booster_a_to_f", "f", "Edfa_preamp_b_from_f", "b", "u"]
        .map(|uid| line.index_of(uid).unwrap())
        .into();
    let stronger = Reference { power_dbm: 2.0, ..REFERENCE };
    redesign(&mut line, &equipment, &stronger, Some(&[&route])).unwrap();
    let (booster, point) = set(&line, "Edfa_booster_a_to_f");
    assert_eq!(booster.amplifier_type, equipment.amplifier("medium"));
    // 1 dB more than the reference again, from −20 dBm
    close(point.gain_db, 23.0);
    let before = line.clone();
    redesign(&mut line, &equipment, &REFERENCE, Some(&[&route[..2]])).unwrap();
    assert_eq!(line, before, "nothing but the routes given is designed again");
    redesign(&mut line, &equipment, &REFERENCE, None).unwrap();
    close(set(&line, "Edfa_booster_a_to_f").1.gain_db, 21.0);
}

#[test]
fn a_weak_amplifier_takes_power_away_and_says_so() {
    let mut equipment = equipment();
    equipment.amplifiers.iter_mut().for_each(|entry| entry.p_max_dbm = 15.0);
    let (line, warnings) = designed(one_span(100.0), &equipment).unwrap();
    let (_, point) = set(&line, "Edfa_booster_a_to_f");
    close(point.delta_p_db, 15.0 - 10.0 * 96_f64.log10());
    assert!(
        warnings[0].to_string().contains("\"Edfa_booster_a_to_f\": no amplifier is strong enough"),
        "{warnings:?}"
    );
}

#[test]
fn an_automatic_voa_takes_up_what_the_amplifier_could_do_more() {
    let mut equipment = equipment();
    equipment.amplifiers[1].out_voa_auto = true;
    let (line, _) = designed(one_span(120.0), &equipment).unwrap();
    let (_, point) = set(&line, "Edfa_preamp_b_from_f");
    // 23 dBm leave 3.2 dB, 26 dB leave 3 dB: 3 dB in steps of 0.5, less the margin of 1
    close(point.out_voa_db, 2.0);
    close(point.gain_db, 25.0);
    close(point.delta_p_db, 2.0);
}

#[test]
fn given_gains_count_without_power_mode() {
    let mut equipment = equipment();
    equipment.span_rules.power_mode = false;
    let mut line = Line::new()
        .with(vec![roadm("a"), typed_amplifier("e", 1), fibre("f", 80.0), amplifier("g"), roadm("b")])
        .joined("a e f g b")
        .done();
    if let ElementKind::Amplifier(amplifier) = line.kind_mut(1) {
        amplifier.wanted.gain_db = Some(18.0);
    }
    let (line, _) = designed(line, &equipment).unwrap();
    close(set(&line, "e").1.gain_db, 18.0);
    close(set(&line, "e").1.delta_p_db, -2.0);
    close(set(&line, "g").1.gain_db, 18.0);
}

#[test]
fn what_gnpy_stumbles_over_is_designed() {
    let mut equipment = equipment();
    // a target of 0 dBm is a target, and a single channel is a comb
    let mut line = one_span(80.0);
    if let ElementKind::Roadm(roadm) = line.kind_mut(1) {
        roadm.equalisation = Equalisation::PowerDbm(0.0);
    }
    complete(&mut line, &equipment).unwrap();
    design(&mut line, &equipment, &Reference { channels: Some(1), ..REFERENCE }).unwrap();
    close(set(&line, "Edfa_booster_a_to_f").1.gain_db, -1.0);
    // 45 km in spans of at most 40 km stay whole, as a span has 50 km at least
    equipment.span_rules.max_length_m = 40e3;
    let (line, _) = designed(one_span(45.0), &equipment).unwrap();
    assert!(line.index_of("f").is_some());
    // a ROADM without amplifier has the fibre as its degree
    equipment.span_rules.max_length_m = 150e3;
    let mut line = one_span(80.0);
    design(&mut line, &equipment, &REFERENCE).unwrap();
    let powers = reference::reference_powers(&line, &equipment, &REFERENCE).unwrap();
    assert_eq!(powers.fibre_input_dbm[2], Some(-20.0));
    assert!(
        powers.warnings[0].to_string().contains("\"b\": -36.00 dBm come from \"f\""),
        "{:?}",
        powers.warnings
    );
}

#[test]
fn a_network_that_cannot_be_designed_says_where() {
    type Spoil = fn(&mut LineNetwork, &mut Equipment);
    let cases: [(&str, Spoil); 12] = [
        ("equipment: there is no spectral information", |_, equipment| equipment.spectral.clear()),
        ("equipment: max_length 0 is not", |_, equipment| equipment.span_rules.max_length_m = 0.0),
        ("equipment: padding NaN is not", |_, equipment| equipment.span_rules.padding_db = f64::NAN),
        ("equipment: delta_power_range_db -3 is not", |_, equipment| {
            equipment.span_rules.delta_power_range_db = [0.0, -3.0, 0.5];
        }),
        ("equipment: amplifier \"low\"", |_, equipment| equipment.amplifiers[0].gain_min_db = f64::NAN),
        (
            "\"Edfa_booster_a_to_f\": no amplifier may stand here that covers 191.35 to 196.1",
            |_, equipment| {
                equipment.amplifiers.clear();
            },
        ),
        ("\"a\": booster_variety_list names \"x\"", |line, _| {
            roadm_of(line).booster_types = vec!["x".to_owned()];
        }),
        ("\"a\": per_degree_design_bands names \"x\"", |line, _| {
            roadm_of(line).degree_design_bands = [("x".to_owned(), Vec::new())].into();
        }),
        (
            "\"a\", degree \"Edfa_booster_a_to_f\": no channel fits in the design band 193 to 193.01",
            |line, _| {
                let band = DesignBand { f_min_hz: 193e12, f_max_hz: 193.01e12, spacing_hz: None };
                roadm_of(line).design_bands = vec![band];
            },
        ),
        ("\"a\", degree \"Edfa_booster_a_to_f\": design_bands are 2", |line, _| {
            let band = |f_min_hz, f_max_hz| DesignBand { f_min_hz, f_max_hz, spacing_hz: None };
            roadm_of(line).design_bands = vec![band(186e12, 190e12), band(191e12, 195e12)];
            let index = line.add(amplifier("single")).expect("a new name");
            let (f, b) = (line.index_of("f").expect("there"), line.index_of("b").expect("there"));
            let single = line.element(index).clone();
            *line = Line::new()
                .with(vec![line.element(1).clone(), line.element(f).clone(), single, line.element(b).clone()])
                .joined("a f single b")
                .done();
        }),
        ("\"f\": loss_coef is given from 195 to 196 THz", |line, _| {
            if let ElementKind::Fibre(fibre) = line.kind_mut(2) {
                let table = PerFrequency { frequency_hz: vec![195e12, 196e12], value: vec![0.2, 0.2] };
                fibre.loss_db_per_km = Spectrum::Table(table);
            }
        }),
        ("\"f\": length -80000 is not a length", |line, _| {
            if let ElementKind::Fibre(fibre) = line.kind_mut(2) {
                fibre.length_m = -80e3;
            }
        }),
    ];
    for (expected, spoil) in cases {
        let (mut line, mut equipment) = (one_span(80.0), equipment());
        equipment.spectral[0].use_si_channel_count_for_design = false;
        spoil(&mut line, &mut equipment);
        let refused = complete(&mut line, &equipment)
            .and_then(|()| design(&mut line, &equipment, &Reference { channels: None, ..REFERENCE }))
            .expect_err(expected)
            .to_string();
        assert!(refused.contains(expected), "{refused} instead of {expected}");
    }
}

fn roadm_of(line: &mut LineNetwork) -> &mut crate::line::Roadm {
    match line.kind_mut(1) {
        ElementKind::Roadm(roadm) => roadm,
        _ => panic!("element 1 is a ROADM"),
    }
}

#[test]
fn splices_in_a_circle_are_refused() {
    let circle: Vec<Element> = vec![fused("x", 1.0), fibre("g", 10.0), fused("y", 1.0)];
    let mut line = Line::new().with(circle).joined("x g y x").done();
    let refused = complete(&mut line, &equipment()).unwrap_err().to_string();
    assert!(refused.contains("leads back to itself"), "{refused}");
}
