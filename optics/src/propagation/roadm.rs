//! A ROADM: every channel attenuated to its target, as far as there is anything to attenuate.

use super::comb::Channels;
use super::light::Light;
use super::route::PropagationError;
use crate::decibel::{from_db, to_db};
use crate::equipment::{Equalisation, ImpairmentProfile, PathKind};
use crate::line::{ElementIndex, LineNetwork, Roadm};

/// A ROADM with everything by index.
#[derive(Clone, Debug)]
pub(crate) struct RoadmStep {
    target: Target,
    degree_targets: Vec<(ElementIndex, Target)>,
    profiles: Vec<(PathKind, Vec<Range>)>,
    /// Profile of one internal path (from, to): its position, or the id nobody described.
    degree_profiles: Vec<([ElementIndex; 2], Result<usize, u32>)>,
    /// What a crossing does where no profile describes it, and the noise of one of add and drop.
    plain: Range,
    add_drop_noise: f64,
}

/// The power channels leave with: a factor and what it multiplies.
#[derive(Clone, Copy, Debug)]
struct Target {
    basis: Basis,
    factor: f64,
}

#[derive(Clone, Copy, Debug)]
enum Basis {
    Channel,
    BaudRate,
    SlotWidth,
}

/// Impairments of an internal path within a range of frequencies.
#[derive(Clone, Copy, Debug)]
struct Range {
    lower_hz: f64,
    upper_hz: f64,
    transmission: f64,
    pmd_squared: f64,
    pdl_squared: f64,
    /// Noise over 12.5 GHz, over signal.
    noise: f64,
}

/// What the targets of ROADMs multiply: 10^(offset/10), alone, times symbol rate, times slot width.
#[derive(Debug)]
pub(crate) struct TargetBases([Vec<f64>; 3]);

impl TargetBases {
    pub(crate) fn of(channels: &Channels) -> Self {
        let offset: Vec<f64> = channels.offset_db.iter().map(|&db| from_db(db)).collect();
        let times = |width: &[f64]| offset.iter().zip(width).map(|(offset, width)| offset * width).collect();
        let [by_rate, by_slot] = [times(&channels.baud_rate), times(&channels.slot_width_hz)];
        Self([offset, by_rate, by_slot])
    }
}

impl Target {
    fn of(equalisation: Equalisation) -> Self {
        // mW/GHz is 1e-12 W/Hz.
        let (basis, factor) = match equalisation {
            Equalisation::PowerDbm(dbm) => (Basis::Channel, from_db(dbm) * 1e-3),
            Equalisation::DensityMwPerGhz(density) => (Basis::BaudRate, density * 1e-12),
            Equalisation::SlotDensityMwPerGhz(density) => (Basis::SlotWidth, density * 1e-12),
        };
        Self { basis, factor }
    }
}

impl RoadmStep {
    pub(crate) fn new(roadm: &Roadm, network: &LineNetwork) -> Self {
        let profiles: Vec<(PathKind, Vec<Range>)> =
            roadm.profiles.iter().map(|profile| (profile.kind, ranges(profile))).collect();
        let position = |id: u32| roadm.profiles.iter().position(|profile| profile.id == id).ok_or(id);
        Self {
            target: Target::of(roadm.equalisation),
            degree_targets: roadm
                .degree_equalisation
                .iter()
                .filter_map(|(uid, &equalisation)| Some((network.index_of(uid)?, Target::of(equalisation))))
                .collect(),
            degree_profiles: roadm
                .degree_profiles
                .iter()
                .filter_map(|((from, to), &id)| {
                    Some(([network.index_of(from)?, network.index_of(to)?], position(id)))
                })
                .collect(),
            profiles,
            plain: Range {
                lower_hz: f64::NEG_INFINITY,
                upper_hz: f64::INFINITY,
                transmission: 1.0,
                pmd_squared: roadm.pmd_s.powi(2),
                pdl_squared: roadm.pdl_db.powi(2),
                noise: 0.0,
            },
            // An add and a drop together make the stated OSNR: each is twice as good.
            add_drop_noise: from_db(-(roadm.add_drop_osnr_db + to_db(2.0))),
        }
    }

    /// Light from one neighbour to another. True where every channel was attenuated to its target.
    pub(crate) fn pass(
        &self,
        [from, to]: [ElementIndex; 2],
        kind: PathKind,
        (channels, bases): (&Channels, &TargetBases),
        light: &mut Light,
    ) -> Result<bool, CrossingError> {
        let profile = match self.degree_profiles.iter().find(|(ends, _)| *ends == [from, to]) {
            Some((_, Ok(position))) => self.profiles.get(*position),
            Some((_, Err(id))) => return Err(CrossingError::UnknownProfile(*id)),
            None => self.profiles.iter().find(|(of, _)| *of == kind),
        };
        if let Some((_, ranges)) = profile {
            Self::impair(ranges, &channels.frequency_hz, light)?;
        } else {
            let noise = if kind == PathKind::Express { 0.0 } else { self.add_drop_noise };
            let whole = 0..light.power_w.len();
            Range { noise, ..self.plain }.apply(whole, light);
        }
        let target =
            self.degree_targets.iter().find(|(degree, _)| *degree == to).map_or(self.target, |found| found.1);
        let TargetBases([by_channel, by_rate, by_slot]) = bases;
        let basis = match target.basis {
            Basis::Channel => by_channel,
            Basis::BaudRate => by_rate,
            Basis::SlotWidth => by_slot,
        };
        let mut weak = 0_u32;
        for (power, basis) in light.power_w.iter_mut().zip(basis) {
            let wanted = basis * target.factor;
            weak |= u32::from(*power < wanted);
            *power = power.min(wanted);
        }
        Ok(weak == 0)
    }

    /// The first range that holds a channel applies to it.
    fn impair(ranges: &[Range], frequency: &[f64], light: &mut Light) -> Result<(), CrossingError> {
        let holding = |f: f64| ranges.iter().find(|range| range.lower_hz <= f && f <= range.upper_hz);
        let mut first = 0;
        while first < frequency.len() {
            let range = holding(frequency[first]).ok_or(CrossingError::Uncovered(frequency[first]))?;
            let alike = |f: &f64| holding(*f).is_some_and(|other| std::ptr::eq(range, other));
            let count = frequency[first..].iter().take_while(|f| alike(f)).count();
            range.apply(first..first + count, light);
            first += count;
        }
        Ok(())
    }
}

impl Range {
    fn apply(&self, channels: std::ops::Range<usize>, light: &mut Light) {
        let add = |values: &mut [f64], value: f64| values.iter_mut().for_each(|sum| *sum += value);
        if self.transmission < 1.0 {
            light.power_w[channels.clone()].iter_mut().for_each(|power| *power *= self.transmission);
        }
        if self.pmd_squared > 0.0 {
            add(&mut light.pmd_squared[channels.clone()], self.pmd_squared);
        }
        if self.pdl_squared > 0.0 {
            add(&mut light.pdl_squared[channels.clone()], self.pdl_squared);
        }
        if self.noise > 0.0 {
            add(&mut light.roadm_noise[channels], self.noise);
        }
    }
}

/// Why light cannot cross a ROADM.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CrossingError {
    /// An internal path refers to a profile that is not there.
    UnknownProfile(u32),
    /// No range of the profile holds a channel's frequency.
    Uncovered(f64),
}

impl CrossingError {
    pub(crate) fn at(self, uid: &str) -> PropagationError {
        let uid = uid.to_owned();
        match self {
            Self::UnknownProfile(id) => PropagationError::UnknownProfile { uid, id },
            Self::Uncovered(frequency_hz) => {
                PropagationError::UncoveredByProfile { uid, frequency_thz: frequency_hz * 1e-12 }
            }
        }
    }
}

fn ranges(profile: &ImpairmentProfile) -> Vec<Range> {
    profile
        .ranges
        .iter()
        .map(|range| Range {
            lower_hz: range.lower_hz,
            upper_hz: range.upper_hz,
            transmission: from_db(-range.max_loss_db),
            pmd_squared: range.pmd_s.powi(2),
            pdl_squared: range.pdl_db.powi(2),
            noise: range.osnr_db.map_or(0.0, |osnr| from_db(-osnr)),
        })
        .collect()
}
