//! A line made fit for propagation: every element by numbers, and what depends on the comb kept per comb.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::amplifier::{AmplifierClass, AmplifierOnComb, AmplifierStep, PLANCK};
use super::comb::Comb;
use super::fibre::{FibreClass, FibreOnComb, FibreSpan, OutOfTable};
use super::roadm::{RoadmStep, TargetBases};
use super::route::PropagationError;
use crate::decibel::from_db;
use crate::equipment::Equipment;
use crate::line::{Amplifier, ElementKind, Fibre, LineNetwork, RamanPumping, Spectrum};

/// How many combs are kept; a planner that lights channel by channel passes through many.
const COMBS_KEPT: usize = 64;

/// An element as light meets it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Transceiver,
    Fused {
        transmission: f64,
    },
    Fibre(Box<FibreSpan>),
    RamanFibre(Box<FibreSpan>, Box<RamanPumping>),
    Roadm(Box<RoadmStep>),
    Amplifier(AmplifierStep),
    Multiband(Vec<AmplifierStep>),
    /// Cannot be passed.
    Broken(Box<PropagationError>),
}

/// All elements and the classes they fall into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    pub all: Vec<Step>,
    pub fibres: Vec<FibreClass>,
    pub amplifiers: Vec<AmplifierClass>,
}

/// One comb, and what each class does to it, found when first needed.
#[derive(Debug)]
pub(crate) struct OnComb {
    pub comb: Comb,
    /// ASE of a noiseless amplifier (noise figure 0 dB) in each channel, in W: h·f·R.
    pub photon_noise_w: Vec<f64>,
    pub target_bases: TargetBases,
    fibres: Vec<OnceLock<Result<FibreOnComb, OutOfTable>>>,
    amplifiers: Vec<OnceLock<AmplifierOnComb>>,
    whole: Comb,
    bands: Vec<[f64; 2]>,
}

/// The combs met so far.
#[derive(Debug, Default)]
pub(crate) struct Combs(RwLock<Vec<Arc<OnComb>>>);

impl Steps {
    pub(crate) fn new(network: &LineNetwork, equipment: &Equipment) -> Self {
        let mut made = Self::default();
        let mut fibres: HashMap<[u64; 4], Vec<usize>> = HashMap::new();
        let mut amplifiers: HashMap<(usize, u64), usize> = HashMap::new();
        let mut steps = Vec::with_capacity(network.len());
        for element in network.elements() {
            let uid = &element.uid;
            let step = match &element.kind {
                ElementKind::Transceiver => Ok(Step::Transceiver),
                ElementKind::Fused(fused) => Ok(Step::Fused { transmission: from_db(-fused.loss_db) }),
                ElementKind::Roadm(roadm) => Ok(Step::Roadm(Box::new(RoadmStep::new(roadm, network)))),
                ElementKind::Fibre(fibre) => made.fibre_class(fibre, &mut fibres, uid).and_then(|class| {
                    let span = Box::new(span(fibre, class, uid)?);
                    Ok(match &fibre.raman {
                        None => Step::Fibre(span),
                        Some(pumping) => Step::RamanFibre(span, Box::new(pumping.clone())),
                    })
                }),
                ElementKind::Amplifier(amplifier) => {
                    made.amplifier(amplifier, equipment, &mut amplifiers, uid).map(Step::Amplifier)
                }
                ElementKind::MultibandAmplifier(multiband) => multiband
                    .bands
                    .iter()
                    .map(|amplifier| made.amplifier(amplifier, equipment, &mut amplifiers, uid))
                    .collect::<Result<_, _>>()
                    .map(Step::Multiband),
            };
            steps.push(step.unwrap_or_else(|error| Step::Broken(Box::new(error))));
        }
        made.all = steps;
        made
    }

    fn fibre_class(
        &mut self,
        fibre: &Fibre,
        known: &mut HashMap<[u64; 4], Vec<usize>>,
        uid: &str,
    ) -> Result<usize, PropagationError> {
        let class = FibreClass::of(fibre);
        let alike = known.entry(class.fingerprint()).or_default();
        if let Some(&found) = alike.iter().find(|&&index| self.fibres[index] == class) {
            return Ok(found);
        }
        check_class(&class, uid)?;
        alike.push(self.fibres.len());
        self.fibres.push(class);
        Ok(self.fibres.len() - 1)
    }

    fn amplifier(
        &mut self,
        amplifier: &Amplifier,
        equipment: &Equipment,
        known: &mut HashMap<(usize, u64), usize>,
        uid: &str,
    ) -> Result<AmplifierStep, PropagationError> {
        let not_designed = |field| PropagationError::NotDesigned { uid: uid.to_owned(), field };
        let position = amplifier.amplifier_type.ok_or_else(|| not_designed("type"))?;
        let set = amplifier.working_point.ok_or_else(|| not_designed("gain"))?;
        let numbers = [
            ("gain", set.gain_db),
            ("tilt", set.tilt_db),
            ("out_voa", set.out_voa_db),
            ("in_voa", set.in_voa_db),
        ];
        for (field, value) in numbers {
            if !value.is_finite() {
                return Err(PropagationError::Impossible { uid: uid.to_owned(), field, value });
            }
        }
        let key = (position, set.tilt_db.to_bits());
        let class = if let Some(&class) = known.get(&key) {
            class
        } else {
            let kind = equipment
                .amplifiers
                .get(position)
                .ok_or_else(|| PropagationError::UnknownAmplifier { uid: uid.to_owned(), position })?;
            let class = AmplifierClass::new(kind, set.tilt_db)
                .map_err(|source| PropagationError::NoiseFigure { uid: uid.to_owned(), source })?;
            known.insert(key, self.amplifiers.len());
            self.amplifiers.push(class);
            self.amplifiers.len() - 1
        };
        Ok(AmplifierStep {
            class,
            gain_db: set.gain_db,
            transmission_in: from_db(-set.in_voa_db),
            transmission_out: from_db(-set.out_voa_db),
        })
    }
}

/// Refuses a fibre that cannot exist.
pub(crate) fn check_class(class: &FibreClass, uid: &str) -> Result<(), PropagationError> {
    let impossible = |field, value: f64| PropagationError::Impossible { uid: uid.to_owned(), field, value };
    let positive = |field, value: f64| {
        if value.is_finite() && value > 0.0 { Ok(()) } else { Err(impossible(field, value)) }
    };
    match &class.loss_db_per_km {
        Spectrum::Flat(loss) => positive("loss_coef", *loss)?,
        Spectrum::Table(table) => table.value.iter().try_for_each(|&loss| positive("loss_coef", loss))?,
    }
    positive("ref_frequency", class.reference_frequency_hz)?;
    positive("effective_area", class.effective_area_m2)?;
    // The step-index model has a guided mode only for areas its core can hold.
    let area = class.effective_area(class.reference_frequency_hz);
    if area.is_finite() && area > 0.0 {
        Ok(())
    } else {
        Err(impossible("effective_area", class.effective_area_m2))
    }
}

pub(crate) fn span(fibre: &Fibre, class: usize, uid: &str) -> Result<FibreSpan, PropagationError> {
    let not_designed = |field| PropagationError::NotDesigned { uid: uid.to_owned(), field };
    let connector_in_db = fibre.connector_in_db.ok_or_else(|| not_designed("con_in"))?;
    let connector_out_db = fibre.connector_out_db.ok_or_else(|| not_designed("con_out"))?;
    let lumped_db: f64 = fibre.lumped_losses.iter().map(|lumped| lumped.1).sum();
    let numbers = [
        ("length", fibre.length_m),
        ("con_in", connector_in_db),
        ("con_out", connector_out_db),
        ("att_in", fibre.att_in_db),
        ("lumped_losses", lumped_db),
        ("pmd_coef", fibre.pmd_s_per_sqrt_m),
    ];
    for (field, value) in numbers {
        if !value.is_finite() || (field == "length" && value < 0.0) {
            return Err(PropagationError::Impossible { uid: uid.to_owned(), field, value });
        }
    }
    Ok(FibreSpan {
        class,
        length_m: fibre.length_m,
        transmission_in: from_db(-(connector_in_db + fibre.att_in_db)),
        transmission_out: from_db(-connector_out_db),
        lumped_transmission: from_db(-lumped_db),
        lumped: fibre.lumped_losses.iter().map(|&(place_m, db)| (place_m, from_db(-db))).collect(),
        pmd_squared: fibre.pmd_s_per_sqrt_m.powi(2) * fibre.length_m,
        latency_s: FibreSpan::latency_s(fibre.length_m),
    })
}

impl OnComb {
    /// What is to be known of a comb cut to some bands; none where that leaves no channel.
    pub(crate) fn new(whole: &Comb, bands: &[[f64; 2]], classes: &Steps) -> Option<Self> {
        let comb = whole.at_positions(&whole.positions_within(bands))?;
        let channels = comb.channels();
        let photon_noise_w = channels
            .frequency_hz
            .iter()
            .zip(&channels.baud_rate)
            .map(|(f, rate)| PLANCK * f * rate)
            .collect();
        Some(Self {
            photon_noise_w,
            target_bases: TargetBases::of(channels),
            fibres: classes.fibres.iter().map(|_| OnceLock::new()).collect(),
            amplifiers: classes.amplifiers.iter().map(|_| OnceLock::new()).collect(),
            whole: whole.clone(),
            bands: bands.to_vec(),
            comb,
        })
    }

    /// Whether this is what is known of a comb cut to these bands.
    pub(crate) fn is_of(&self, whole: &Comb, bands: &[[f64; 2]]) -> bool {
        self.bands == bands && self.whole == *whole
    }

    /// Whether both are known of the same comb and bands.
    pub(crate) fn is_for_same(&self, other: &Self) -> bool {
        self.is_of(&other.whole, &other.bands)
    }

    pub(crate) fn fibre(&self, class: usize, classes: &Steps) -> Result<&FibreOnComb, OutOfTable> {
        self.fibres[class]
            .get_or_init(|| classes.fibres[class].on(self.comb.channels()))
            .as_ref()
            .map_err(|&out| out)
    }

    pub(crate) fn amplifier(&self, class: usize, classes: &Steps) -> &AmplifierOnComb {
        self.amplifiers[class].get_or_init(|| classes.amplifiers[class].on(self.comb.channels()))
    }
}

impl Combs {
    /// What is kept for the channels of a comb within these bands; none where no channel is.
    pub(crate) fn get(&self, whole: &Comb, bands: &[[f64; 2]], classes: &Steps) -> Option<Arc<OnComb>> {
        let find = |kept: &[Arc<OnComb>]| kept.iter().find(|on| on.is_of(whole, bands)).map(Arc::clone);
        // A panic while holding the lock leaves a list that is still whole.
        if let Some(found) = find(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return Some(found);
        }
        let made = Arc::new(OnComb::new(whole, bands, classes)?);
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&kept) {
            return Some(found);
        }
        if kept.len() >= COMBS_KEPT {
            kept.remove(0);
        }
        kept.push(Arc::clone(&made));
        Some(made)
    }
}
