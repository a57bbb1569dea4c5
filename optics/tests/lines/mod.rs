//! Lines to measure and test on: elements as designed, and their equipment.

#![allow(dead_code, reason = "each test and benchmark takes what it needs")]

use std::collections::BTreeMap;

use optics::equipment::amplifier::AmplifierTables;
use optics::equipment::{AmplifierType, Equalisation, Equipment, NoiseModel};
use optics::line::{
    Amplifier, Dispersion, Element, ElementIndex, ElementKind, Fibre, LineNetwork, Roadm, Spectrum,
    WorkingPoint,
};
use optics::propagation::{Channel, Comb};

/// A line from transceiver to transceiver.
pub struct Line {
    pub network: LineNetwork,
    pub equipment: Equipment,
    pub route: Vec<ElementIndex>,
}

/// 96 channels of 32 GBd, 50 GHz apart.
pub fn comb() -> Comb {
    let channel = Channel {
        frequency_hz: 0.0,
        baud_rate: 32e9,
        slot_width_hz: 50e9,
        roll_off: 0.15,
        offset_db: 0.0,
        tx_osnr_db: 40.0,
        tx_power_dbm: 0.0,
    };
    Comb::uniform(191.25e12, 96, channel).expect("a comb of equal channels")
}

/// Spans of 80 km of standard fibre between ROADMs, `per_link` spans to a link; the gain of each amplifier makes up
/// for the loss before it.
pub fn line(spans: usize, per_link: usize, tilt_db: f64) -> Line {
    let mut network = LineNetwork::default();
    let mut route = vec![add(&mut network, "source", ElementKind::Transceiver)];
    for span in 0..spans {
        if span % per_link == 0 {
            route.push(add(&mut network, &format!("roadm {span}"), roadm(Equalisation::PowerDbm(-20.0))));
            route.push(add(&mut network, &format!("booster {span}"), amplifier(MEDIUM, 20.0, tilt_db)));
        }
        route.push(add(&mut network, &format!("fibre {span}"), fibre(80e3, 0.2)));
        route.push(add(&mut network, &format!("amplifier {span}"), amplifier(MEDIUM, 17.0, tilt_db)));
    }
    route.push(add(&mut network, "last roadm", roadm(Equalisation::PowerDbm(-20.0))));
    route.push(add(&mut network, "destination", ElementKind::Transceiver));
    for pair in route.windows(2) {
        network.connect(pair[0], pair[1]);
    }
    Line { network, equipment: equipment(), route }
}

/// Adds an element; its name must be new.
pub fn add(network: &mut LineNetwork, uid: &str, kind: ElementKind) -> ElementIndex {
    let element = Element { uid: uid.to_owned(), kind, location: None };
    network.add(element).expect("names are unique")
}

/// Position of an amplifier of 15 to 26 dB gain and 23 dBm in [`equipment`].
pub const MEDIUM: usize = 0;
/// Position of one that saturates at 14 dBm.
pub const WEAK: usize = 1;
/// Position of one with a rippled gain and noise figure.
pub const RIPPLED: usize = 2;
/// Position of one whose noise figure follows the input power.
pub const OPENROADM: usize = 3;

/// A few amplifiers.
pub fn equipment() -> Equipment {
    let medium = AmplifierType {
        name: "medium".to_owned(),
        f_min_hz: 191.2e12,
        f_max_hz: 196.2e12,
        gain_min_db: 15.0,
        gain_flatmax_db: 26.0,
        p_max_dbm: 23.0,
        noise: NoiseModel::VariableGain { nf_min_db: 6.0, nf_max_db: 10.0 },
        tables: AmplifierTables {
            dynamic_gain_tilt: optics::equipment::defaults::DYNAMIC_GAIN_TILT.to_vec(),
            ..AmplifierTables::default()
        },
        pmd_s: 0.0,
        pdl_db: 0.0,
        raman: false,
        allowed_for_design: true,
        out_voa_auto: false,
    };
    let weak = AmplifierType { name: "weak".to_owned(), p_max_dbm: 14.0, pmd_s: 3e-13, ..medium.clone() };
    let rippled = AmplifierType {
        name: "rippled".to_owned(),
        tables: AmplifierTables {
            gain_ripple_db: vec![0.0, 0.3, -0.2, 0.4, 0.0, -0.3],
            nf_ripple_db: vec![0.0, 0.2, 0.1, -0.1],
            ..medium.tables.clone()
        },
        pdl_db: 0.2,
        ..medium.clone()
    };
    let coefficients = [-8.104e-4, -6.221e-2, -5.889e-1, 37.62];
    let openroadm = AmplifierType {
        name: "openroadm".to_owned(),
        gain_min_db: 0.0,
        noise: NoiseModel::Openroadm { coefficients },
        ..medium.clone()
    };
    Equipment { amplifiers: vec![medium, weak, rippled, openroadm], ..Equipment::default() }
}

/// An amplifier of [`equipment`], as set.
pub fn amplifier(kind: usize, gain_db: f64, tilt_db: f64) -> ElementKind {
    let set = WorkingPoint { gain_db, delta_p_db: 0.0, tilt_db, out_voa_db: 0.0, in_voa_db: 0.0 };
    let amplifier =
        Amplifier { amplifier_type: Some(kind), working_point: Some(set), ..Amplifier::default() };
    ElementKind::Amplifier(Box::new(amplifier))
}

/// A ROADM without impairment profiles.
pub fn roadm(equalisation: Equalisation) -> ElementKind {
    ElementKind::Roadm(Box::new(Roadm {
        type_name: "default".to_owned(),
        equalisation,
        degree_equalisation: BTreeMap::new(),
        add_drop_osnr_db: 38.0,
        pmd_s: 1e-12,
        pdl_db: 0.1,
        preamp_types: Vec::new(),
        booster_types: Vec::new(),
        profiles: Vec::new(),
        degree_profiles: BTreeMap::new(),
        design_bands: Vec::new(),
        degree_design_bands: BTreeMap::new(),
    }))
}

/// Standard fibre with half a decibel of connector at each end.
pub fn fibre(length_m: f64, loss_db_per_km: f64) -> ElementKind {
    ElementKind::Fibre(Box::new(Fibre {
        type_name: "SSMF".to_owned(),
        length_m,
        loss_db_per_km: Spectrum::Flat(loss_db_per_km),
        att_in_db: 0.0,
        connector_in_db: Some(0.5),
        connector_out_db: Some(0.5),
        lumped_losses: Vec::new(),
        reference_frequency_hz: 299_792_458.0 / 1550e-9,
        dispersion: Dispersion::Constant(1.67e-5),
        effective_area_m2: 83e-12,
        pmd_s_per_sqrt_m: 1.265e-15,
        raman_efficiency: None,
        raman: None,
        design_span_loss_db: None,
    }))
}
