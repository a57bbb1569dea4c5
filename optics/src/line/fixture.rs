//! Small lines for tests: elements by name, and chains of names to connect them.

use super::{
    Amplifier, Dispersion, Element, ElementKind, Fibre, Fused, LineNetwork, REFERENCE_FREQUENCY_HZ, Roadm,
    Spectrum,
};
use crate::equipment::Equalisation;

/// A line under construction.
#[derive(Default)]
pub(crate) struct Line(LineNetwork);

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, elements: Vec<Element>) -> Self {
        for element in elements {
            self.0.add(element).expect("a new name");
        }
        self
    }

    /// Connects each of the names to the next.
    pub(crate) fn joined(mut self, names: &str) -> Self {
        let at: Vec<usize> =
            names.split_whitespace().map(|name| self.0.index_of(name).expect("it is there")).collect();
        for pair in at.windows(2) {
            self.0.connect(pair[0], pair[1]);
        }
        self
    }

    pub(crate) fn done(self) -> LineNetwork {
        self.0
    }
}

pub(crate) fn element(uid: &str, kind: ElementKind) -> Element {
    Element { uid: uid.to_owned(), kind, location: None }
}

pub(crate) fn transceiver(uid: &str) -> Element {
    element(uid, ElementKind::Transceiver)
}

pub(crate) fn roadm(uid: &str) -> Element {
    let roadm = Roadm {
        type_name: "default".to_owned(),
        equalisation: Equalisation::PowerDbm(-20.0),
        degree_equalisation: [].into(),
        add_drop_osnr_db: 38.0,
        pmd_s: 0.0,
        pdl_db: 0.0,
        preamp_types: Vec::new(),
        booster_types: Vec::new(),
        profiles: Vec::new(),
        degree_profiles: [].into(),
        design_bands: Vec::new(),
        degree_design_bands: [].into(),
    };
    element(uid, ElementKind::Roadm(Box::new(roadm)))
}

pub(crate) fn fused(uid: &str, loss_db: f64) -> Element {
    element(uid, ElementKind::Fused(Fused { loss_db }))
}

/// Standard fibre of 0.2 dB/km without connectors.
pub(crate) fn fibre(uid: &str, length_km: f64) -> Element {
    let fibre = Fibre {
        type_name: "SSMF".to_owned(),
        length_m: length_km * 1e3,
        loss_db_per_km: Spectrum::Flat(0.2),
        att_in_db: 0.0,
        connector_in_db: None,
        connector_out_db: None,
        lumped_losses: Vec::new(),
        reference_frequency_hz: REFERENCE_FREQUENCY_HZ,
        dispersion: Dispersion::Constant(1.67e-5),
        effective_area_m2: 83e-12,
        pmd_s_per_sqrt_m: 1.265e-15,
        raman_efficiency: None,
        raman: None,
        design_span_loss_db: None,
    };
    element(uid, ElementKind::Fibre(Box::new(fibre)))
}

pub(crate) fn amplifier(uid: &str) -> Element {
    element(uid, ElementKind::Amplifier(Box::default()))
}

pub(crate) fn typed_amplifier(uid: &str, amplifier_type: usize) -> Element {
    let amplifier = Amplifier { amplifier_type: Some(amplifier_type), ..Amplifier::default() };
    element(uid, ElementKind::Amplifier(Box::new(amplifier)))
}
