//! Light along a route, from transceiver to transceiver.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::amplifier::Amplified;
use super::comb::Comb;
use super::fibre::{FibreSpan, OutOfTable};
use super::ggn::{Form, Interference};
use super::light::{Light, sum};
use super::line::{Combs, OnComb, Step, Steps};
use super::raman::PowerProfile;
use super::receiver::Received;
use super::roadm::CrossingError;
use super::solver::{NliSolver, RamanMethod, Solver};
use crate::decibel::dbm;
use crate::equipment::noise_figure::NoiseFigureError;
use crate::equipment::{Equipment, PathKind, SpectralInformation};
use crate::line::{ElementIndex, LineNetwork, RamanPumping};

/// A designed line that light can be sent along. Shared between threads: each run has its own light.
#[derive(Debug)]
pub struct Propagation {
    pub(crate) line: Steps,
    solver: Solver,
    /// Whether the solver is the closed form without Raman scattering.
    closed_form: bool,
    uids: Vec<String>,
    /// Where no amplifier on the route says which band there is.
    default_band: [f64; 2],
    combs: Combs,
}

/// Gains lowered by saturation. They stay lowered for later runs with the same `Gains`, as in GNPy; the line keeps its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gains {
    lowered: BTreeMap<(ElementIndex, usize), f64>,
}

/// State of light behind an element.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed {
    /// The element.
    pub element: ElementIndex,
    /// Power of each channel, noise included, in W.
    pub power_w: Vec<f64>,
    /// ASE in each channel, in W.
    pub ase_w: Vec<f64>,
    /// NLI in each channel, in W.
    pub nli_w: Vec<f64>,
    /// What an amplifier did; one entry per band that has channels.
    pub amplified: Vec<AmplifiedBand>,
}

/// What an amplifier did to the channels of its band.
#[derive(Clone, Debug, PartialEq)]
pub struct AmplifiedBand {
    /// Positions in the comb: from, to (exclusive).
    pub channels: [usize; 2],
    /// Gain, input power, padding.
    pub amplified: Amplified,
    /// Noise figure of each channel, ripple included, in dB.
    pub nf_db: Vec<f64>,
}

/// Why light does not get along a route.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PropagationError {
    /// The route does not lead from transceiver to transceiver.
    #[error("a route begins and ends at transceivers and passes none between")]
    NotARoute,
    /// An element still waits for design.
    #[error("element \"{uid}\": {field} is not set: design the line first")]
    NotDesigned {
        /// The element.
        uid: String,
        /// What is missing.
        field: &'static str,
    },
    /// A figure that no element can have.
    #[error("element \"{uid}\": {field} {value} is impossible")]
    Impossible {
        /// The element.
        uid: String,
        /// Which figure.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// The type of an amplifier is not in the library.
    #[error("amplifier \"{uid}\": the equipment library has no entry {position}")]
    UnknownAmplifier {
        /// The element.
        uid: String,
        /// Where the type should be.
        position: usize,
    },
    /// The type of an amplifier cannot exist.
    #[error("amplifier \"{uid}\": {source}")]
    NoiseFigure {
        /// The element.
        uid: String,
        /// Why.
        source: NoiseFigureError,
    },
    /// A channel outside a table of a fibre.
    #[error("fibre \"{uid}\": {field} says nothing of {frequency_thz} THz")]
    OutOfTable {
        /// The element.
        uid: String,
        /// The table.
        field: &'static str,
        /// The channel, in THz.
        frequency_thz: f64,
    },
    /// An internal path of a ROADM refers to a profile that is not there.
    #[error("ROADM \"{uid}\": there is no impairment profile {id}")]
    UnknownProfile {
        /// The element.
        uid: String,
        /// Of the profile.
        id: u32,
    },
    /// A channel outside all ranges of an impairment profile.
    #[error("ROADM \"{uid}\": the impairment profile says nothing of {frequency_thz} THz")]
    UncoveredByProfile {
        /// The element.
        uid: String,
        /// The channel, in THz.
        frequency_thz: f64,
    },
    /// No channel lies within the bands of all amplifiers.
    #[error("no channel lies within the bands of all amplifiers of the route")]
    NoChannel,
    /// A fibre with pumps, and nothing to compute them with.
    #[error("fibre \"{uid}\" has Raman pumps, and the solver leaves Raman scattering out")]
    PumpsWithoutSolver {
        /// The element.
        uid: String,
    },
    /// The solver is told to compute channels that are not there, or none.
    #[error("the solver cannot compute NLI with {field} {value}")]
    Solver {
        /// Which setting.
        field: &'static str,
        /// Its value.
        value: f64,
    },
}

impl Propagation {
    /// Makes a designed line fit for propagation. What is wrong with an element is told when light meets it.
    pub fn new(network: &LineNetwork, equipment: &Equipment, solver: &Solver) -> Self {
        let default_band = equipment.spectral.first().map_or_else(
            || {
                let default = SpectralInformation::default();
                [default.f_min_hz, default.f_max_hz]
            },
            |spectral| [spectral.f_min_hz, spectral.f_max_hz],
        );
        Self {
            line: Steps::new(network, equipment),
            closed_form: solver.nli == NliSolver::GnClosedForm && solver.raman.is_none(),
            solver: solver.clone(),
            uids: network.elements().iter().map(|element| element.uid.clone()).collect(),
            default_band,
            combs: Combs::default(),
        }
    }

    /// Sends a comb along a route. Channels outside the band common to its amplifiers are left out.
    ///
    /// Takes about n² + 50·n multiplications per span for n channels, once what depends on the comb is known.
    pub fn run(
        &self,
        route: &[ElementIndex],
        comb: &Comb,
        gains: &mut Gains,
    ) -> Result<Received, PropagationError> {
        let on_comb = self.prepare(route, comb)?;
        let mut light = Light::launched(&on_comb.comb);
        for place in 0..route.len() {
            self.pass(route, place, &on_comb, gains, &mut light, &mut |_, _| ())?;
        }
        Ok(Received::new(on_comb.comb.clone(), light))
    }

    /// As [`Propagation::run`], with the state of light behind each element.
    pub fn run_traced(
        &self,
        route: &[ElementIndex],
        comb: &Comb,
        gains: &mut Gains,
    ) -> Result<(Received, Vec<Passed>), PropagationError> {
        let on_comb = self.prepare(route, comb)?;
        let mut light = Light::launched(&on_comb.comb);
        let mut passed = Vec::with_capacity(route.len());
        for place in 0..route.len() {
            let mut amplified = Vec::new();
            self.pass(route, place, &on_comb, gains, &mut light, &mut |class, what| {
                amplified.push(self.amplified_band(class, what, &on_comb));
            })?;
            let share = |noise: &[f64]| {
                let of = |i: usize| light.power_w[i] * noise[i] / (1.0 + light.ase[i] + light.nli[i]);
                (0..noise.len()).map(of).collect()
            };
            passed.push(Passed {
                element: route[place],
                ase_w: share(&light.ase),
                nli_w: share(&light.nli),
                power_w: light.power_w.clone(),
                amplified,
            });
        }
        Ok((Received::new(on_comb.comb.clone(), light), passed))
    }

    fn amplified_band(&self, class: usize, amplified: Amplified, on_comb: &OnComb) -> AmplifiedBand {
        let channels = on_comb.amplifier(class, &self.line).range;
        let class = &self.line.amplifiers[class];
        let frequency = &on_comb.comb.channels().frequency_hz[channels[0]..channels[1]];
        let ripple = class.over_band(&class.kind.tables.nf_ripple_db, frequency);
        let nf_db = ripple.iter().map(|ripple| amplified.nf_db + ripple).collect();
        AmplifiedBand { channels, amplified, nf_db }
    }

    /// The channels that can travel the route, and what is known of them.
    pub(crate) fn prepare(
        &self,
        route: &[ElementIndex],
        comb: &Comb,
    ) -> Result<Arc<OnComb>, PropagationError> {
        self.check_route(route)?;
        self.combs.get(comb, &self.common_bands(route), &self.line).ok_or(PropagationError::NoChannel)
    }

    /// Whether a route leads from transceiver to transceiver and passes none between.
    pub(crate) fn check_route(&self, route: &[ElementIndex]) -> Result<(), PropagationError> {
        let at_end = |index: Option<&ElementIndex>| index.is_some_and(|&index| self.is_transceiver(index));
        let inside = route.get(1..route.len().saturating_sub(1)).unwrap_or_default();
        let is_route = route.len() >= 2
            && at_end(route.first())
            && at_end(route.last())
            && inside.iter().all(|&index| {
                self.line.all.get(index).is_some_and(|step| !matches!(step, Step::Transceiver))
            });
        if is_route { Ok(()) } else { Err(PropagationError::NotARoute) }
    }

    /// What is known of a comb no amplifier cuts; not kept for others.
    pub(crate) fn on_whole(&self, comb: &Comb) -> OnComb {
        let everything = [[f64::NEG_INFINITY, f64::INFINITY]];
        OnComb::new(comb, &everything, &self.line).expect("a comb has at least one channel")
    }

    /// The name of an element.
    pub(crate) fn uid(&self, index: ElementIndex) -> &str {
        &self.uids[index]
    }

    pub(crate) fn is_transceiver(&self, index: ElementIndex) -> bool {
        matches!(self.line.all.get(index), Some(Step::Transceiver))
    }

    /// The band where there is no amplifier.
    pub(crate) fn default_band(&self) -> [f64; 2] {
        self.default_band
    }

    /// The bands that channels can have on a route, lower and upper edge in Hz: those common to all its amplifiers, or the
    /// library's where it has none.
    ///
    /// # Panics
    /// If the route names elements that are not there.
    pub fn common_bands(&self, route: &[ElementIndex]) -> Vec<[f64; 2]> {
        self.bands_of_amplifiers(route).unwrap_or_else(|| vec![self.default_band])
    }

    /// The bands common to the amplifiers among elements; none where there is no amplifier.
    pub(crate) fn bands_of_amplifiers(&self, elements: &[ElementIndex]) -> Option<Vec<[f64; 2]>> {
        let band = |class: usize| {
            let kind = &self.line.amplifiers[class].kind;
            [kind.f_min_hz, kind.f_max_hz]
        };
        let mut common: Option<Vec<[f64; 2]>> = None;
        let mut meet = |bands: &[[f64; 2]]| match &mut common {
            None => common = Some(bands.to_vec()),
            Some(common) => narrow(common, bands),
        };
        let mut last = usize::MAX;
        for &index in elements {
            match &self.line.all[index] {
                Step::Amplifier(amplifier) if amplifier.class != last => {
                    last = amplifier.class;
                    meet(&[band(amplifier.class)]);
                }
                Step::Multiband(amplifiers) => {
                    meet(&amplifiers.iter().map(|amplifier| band(amplifier.class)).collect::<Vec<_>>());
                }
                _ => {}
            }
        }
        common
    }

    /// Light that enters without noise, with these powers in W, behind the elements between two places of a route.
    pub(crate) fn between(
        &self,
        route: &[ElementIndex],
        [from, to]: [usize; 2],
        on_comb: &OnComb,
        entering_w: &[f64],
    ) -> Result<Light, PropagationError> {
        let mut light = Light::launched(&on_comb.comb);
        light.power_w.copy_from_slice(entering_w);
        for place in from + 1..to {
            self.pass(route, place, on_comb, &mut Gains::default(), &mut light, &mut |_, _| ())?;
        }
        Ok(light)
    }

    /// Light through one element of a route; `amplified` hears of the class of each amplifier and what it did.
    pub(crate) fn pass(
        &self,
        route: &[ElementIndex],
        place: usize,
        on_comb: &OnComb,
        gains: &mut Gains,
        light: &mut Light,
        amplified: &mut impl FnMut(usize, Amplified),
    ) -> Result<(), PropagationError> {
        let index = route[place];
        match &self.line.all[index] {
            Step::Transceiver => {}
            Step::Fused { transmission } => light.scale(*transmission),
            Step::Fibre(span) => {
                let fibre =
                    on_comb.fibre(span.class, &self.line).map_err(|out| self.out_of_table(index, out))?;
                if self.closed_form {
                    span.pass(fibre, &on_comb.comb, light);
                } else {
                    self.scatter(index, span, None, on_comb, light)?;
                }
            }
            Step::RamanFibre(span, pumping) => self.scatter(index, span, Some(pumping), on_comb, light)?,
            Step::Roadm(_) => {
                self.cross(route, place, on_comb, light)?;
            }
            Step::Amplifier(_) | Step::Multiband(_) => self.amplify(index, on_comb, gains, light, amplified),
            Step::Broken(error) => return Err((**error).clone()),
        }
        Ok(())
    }

    /// Light through a fibre by the solver chosen: powers along it, interference and Raman noise at its start.
    fn scatter(
        &self,
        index: ElementIndex,
        span: &FibreSpan,
        pumping: Option<&RamanPumping>,
        on_comb: &OnComb,
        light: &mut Light,
    ) -> Result<(), PropagationError> {
        let out_of_table = |out| self.out_of_table(index, out);
        let fibre = on_comb.fibre(span.class, &self.line).map_err(out_of_table)?;
        let (class, channels) = (&self.line.fibres[span.class], on_comb.comb.channels());
        self.check_solver()?;
        light.scale(span.transmission_in);
        let profile = match &self.solver.raman {
            None if pumping.is_some() => {
                return Err(PropagationError::PumpsWithoutSolver { uid: self.uids[index].clone() });
            }
            None => PowerProfile::exponential(span, fibre, channels.frequency_hz.len()),
            Some(raman) => {
                let with = (raman, self.solver.resolution_m);
                PowerProfile::with_raman(span, class, channels, &light.power_w, pumping, with)
                    .map_err(out_of_table)?
            }
        };
        let interference = |settings| Interference {
            channels,
            fibre,
            profile: &profile,
            settings,
            resolution_m: self.solver.resolution_m,
        };
        match &self.solver.nli {
            NliSolver::GnClosedForm => span.interfere(fibre, &on_comb.comb, light),
            NliSolver::GgnSeparated(settings) => {
                let nli_w = interference(settings).power_w(Form::Separated, &light.power_w)?;
                light.add_nli(&nli_w);
            }
            NliSolver::GgnApproximate(settings) => {
                let nli_w = interference(settings).power_w(Form::Approximate, &light.power_w)?;
                light.add_nli(&nli_w);
            }
        }
        if let Some(pumping) = pumping {
            light.add_ase(&profile.spontaneous_w(class, channels, pumping.temperature_k));
        }
        for (channel, power) in light.power_w.iter_mut().enumerate() {
            *power *= profile.at_end(channel) * span.transmission_out;
        }
        span.disperse(fibre, light);
        Ok(())
    }

    /// Refuses steps that lead nowhere.
    fn check_solver(&self) -> Result<(), PropagationError> {
        let positive = |field, value: f64| {
            let fits = value.is_finite() && value > 0.0;
            if fits { Ok(()) } else { Err(PropagationError::Solver { field, value }) }
        };
        positive("result_spatial_resolution", self.solver.resolution_m)?;
        if let Some(raman) = &self.solver.raman {
            positive("solver_spatial_resolution", raman.step_m)?;
            if let RamanMethod::Perturbative { order } = raman.method
                && !(1..=4).contains(&order)
            {
                return Err(PropagationError::Solver { field: "order", value: f64::from(order) });
            }
        }
        match &self.solver.nli {
            NliSolver::GnClosedForm => Ok(()),
            NliSolver::GgnSeparated(settings) | NliSolver::GgnApproximate(settings) => {
                positive("dispersion_tolerance", settings.dispersion_tolerance)?;
                positive("phase_shift_tolerance", settings.phase_shift_tolerance)
            }
        }
    }

    /// Light through a ROADM; true where every channel was attenuated to its target.
    pub(crate) fn cross(
        &self,
        route: &[ElementIndex],
        place: usize,
        on_comb: &OnComb,
        light: &mut Light,
    ) -> Result<bool, PropagationError> {
        let (from, to) = (route[place - 1], route[place + 1]);
        let Step::Roadm(roadm) = &self.line.all[route[place]] else {
            return Ok(true);
        };
        let is_transceiver = |index: ElementIndex| matches!(self.line.all[index], Step::Transceiver);
        let kind = if is_transceiver(from) {
            PathKind::Add
        } else if is_transceiver(to) {
            PathKind::Drop
        } else {
            PathKind::Express
        };
        roadm
            .pass([from, to], kind, (on_comb.comb.channels(), &on_comb.target_bases), light)
            .map_err(|error: CrossingError| error.at(&self.uids[route[place]]))
    }

    fn amplify(
        &self,
        index: ElementIndex,
        on_comb: &OnComb,
        gains: &mut Gains,
        light: &mut Light,
        amplified: &mut impl FnMut(usize, Amplified),
    ) {
        let amplifiers = match &self.line.all[index] {
            Step::Amplifier(amplifier) => std::slice::from_ref(amplifier),
            Step::Multiband(amplifiers) => amplifiers,
            _ => &[],
        };
        for (band, amplifier) in amplifiers.iter().enumerate() {
            let on_class = on_comb.amplifier(amplifier.class, &self.line);
            if on_class.range[0] == on_class.range[1] {
                continue;
            }
            let class = &self.line.amplifiers[amplifier.class];
            let set_db = gains.of(index, band).unwrap_or(amplifier.gain_db);
            let what = amplifier.pass(class, on_class, &on_comb.photon_noise_w, set_db, light);
            if what.gain_db < set_db {
                gains.lowered.insert((index, band), what.gain_db);
            }
            amplified(amplifier.class, what);
        }
    }

    fn out_of_table(&self, index: ElementIndex, out: OutOfTable) -> PropagationError {
        PropagationError::OutOfTable {
            uid: self.uids[index].clone(),
            field: out.quantity,
            frequency_thz: out.frequency_hz * 1e-12,
        }
    }
}

/// Cuts bands to what others share with them.
pub(crate) fn narrow(common: &mut Vec<[f64; 2]>, bands: &[[f64; 2]]) {
    if common != bands {
        let overlaps = common.iter().flat_map(|a| bands.iter().map(|b| [a[0].max(b[0]), a[1].min(b[1])]));
        *common = overlaps.filter(|band| band[0] < band[1]).collect();
    }
}

impl Gains {
    /// The gain in dB an amplifier was lowered to (the single-band ones of a multiband amplifier count from 0); none where it was not.
    pub fn of(&self, element: ElementIndex, band: usize) -> Option<f64> {
        if self.lowered.is_empty() {
            return None;
        }
        self.lowered.get(&(element, band)).copied()
    }
}

impl Passed {
    /// Total power of all channels, in dBm.
    pub fn total_dbm(&self) -> f64 {
        dbm(sum(&self.power_w))
    }
}
