//! The amplifiers of a section, from its beginning to its end: gain, power, type, VOA.

use super::bands::{Band, design_bands};
use super::choice::{Catalogue, Target};
use super::pumps::pumped_gain_db;
use super::rounding::Step;
use super::spans::span_loss_db;
use super::targets::{SpanOffset, egress_power_dbm};
use super::transfer::{Transfer, transfer};
use super::{DesignError, DesignWarning, Reference};
use crate::equipment::{SpanRules, SpectralInformation};
use crate::line::{Amplifier, ElementIndex, ElementKind, LineNetwork, Section, Spectrum, WorkingPoint};

/// Designs amplifiers, section by section.
pub(super) struct Designer<'a> {
    pub(super) catalogue: Catalogue<'a>,
    rules: &'a SpanRules,
    comb: &'a SpectralInformation,
    offset: SpanOffset,
    voa_step: Step,
    reference: Reference,
    pub(super) warnings: Vec<DesignWarning>,
}

/// The light in one band behind the last amplifier, while a section is walked.
#[derive(Clone, Copy, Debug)]
pub(super) struct BandState {
    pub(super) band: Band,
    /// Power of all channels at the reference power, in dBm.
    total_reference_dbm: f64,
    /// Offset of the channel power to the reference power, in dB, before the VOA.
    offset_db: f64,
    /// The VOA, in dB.
    voa_db: f64,
}

/// What stands around an amplifier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    pub(super) index: ElementIndex,
    pub(super) before: ElementIndex,
    pub(super) behind: ElementIndex,
    /// Loss of the span before it, in dB.
    loss_db: f64,
    /// What that span does to the band beyond its loss.
    transfer: Transfer,
    /// Loss of the span behind it, in dB; none before a ROADM.
    next_loss_db: Option<f64>,
    pub(super) raman_allowed: bool,
}

/// What an amplifier is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) target: Target,
    offset_db: f64,
    voa_db: f64,
}

/// What an amplifier was set to, and the light behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) amplifier_type: usize,
    point: WorkingPoint,
    pub(super) behind: BandState,
}

impl BandState {
    /// Power of a channel into the next span, in dB to the reference power.
    pub(super) fn channel_offset_db(&self) -> f64 {
        self.offset_db - self.voa_db
    }
}

impl Site {
    /// The same for a band to which the span before does this.
    pub(super) fn after(self, transfer: Transfer) -> Self {
        Self { transfer, ..self }
    }
}

impl Setting {
    pub(super) fn apply(self, amplifier: &mut Amplifier) {
        amplifier.amplifier_type = Some(self.amplifier_type);
        amplifier.working_point = Some(self.point);
    }
}

impl<'a> Designer<'a> {
    pub(super) fn new(catalogue: Catalogue<'a>, reference: Reference) -> Result<Self, DesignError> {
        let rules = &catalogue.equipment.span_rules;
        let comb = catalogue.equipment.spectral.first().ok_or(DesignError::NoComb)?;
        Ok(Self {
            rules,
            comb,
            offset: SpanOffset::new(rules),
            voa_step: Step::new(rules.voa_step_db),
            reference,
            catalogue,
            warnings: Vec::new(),
        })
    }

    /// Sets the amplifiers of a section.
    pub(super) fn section(&mut self, line: &mut LineNetwork, section: &Section) -> Result<(), DesignError> {
        let is_amplifier = |index: &ElementIndex| {
            matches!(
                line.element(*index).kind,
                ElementKind::Amplifier(_) | ElementKind::MultibandAmplifier(_)
            )
        };
        if !section.elements.iter().any(is_amplifier) {
            return Ok(());
        }
        let bands = design_bands(line, section, self.catalogue.equipment)?;
        let mut states = self.states(line, section, &bands)?;
        for position in 0..section.elements.len() {
            let index = section.elements[position];
            match &line.element(index).kind {
                ElementKind::Amplifier(_) => {
                    let site = self.site(line, section, position, states[0].offset_db)?;
                    let candidates = self.candidates(line, site, &states[0].band)?;
                    let element = line.element(index);
                    let ElementKind::Amplifier(amplifier) = &element.kind else { continue };
                    let set = self.set(&element.uid, amplifier, site, &states[0], &candidates)?;
                    states[0] = set.behind;
                    if let ElementKind::Amplifier(amplifier) = line.kind_mut(index) {
                        set.apply(amplifier);
                    }
                }
                ElementKind::MultibandAmplifier(_) => {
                    let site = self.site(line, section, position, states[0].offset_db)?;
                    let with = (&states[..], self.reference.raman.as_ref());
                    let power_dbm = self.reference.power_dbm;
                    let transfers = transfer(line, section, position, self.comb, power_dbm, with)?;
                    self.set_multiband(line, (site, &transfers), &mut states)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The light that leaves the beginning of a section: a ROADM's target, or what a transceiver sends.
    fn states(
        &self,
        line: &LineNetwork,
        section: &Section,
        bands: &[Band],
    ) -> Result<Vec<BandState>, DesignError> {
        let start = line.element(section.from);
        let degree = &line.element(section.first()).uid;
        let power_dbm = match &start.kind {
            ElementKind::Roadm(roadm) => egress_power_dbm(roadm, degree, self.comb),
            _ => self.comb.tx_power_dbm.unwrap_or(self.reference.power_dbm),
        };
        let state = |&band: &Band| {
            #[allow(clippy::cast_precision_loss)] // a channel count
            let channels = self.reference.channels.map_or_else(|| band.channels(), |count| count as f64);
            if channels >= 1.0 {
                return Ok(BandState {
                    band,
                    total_reference_dbm: self.reference.power_dbm + 10.0 * channels.log10(),
                    offset_db: power_dbm - self.reference.power_dbm,
                    voa_db: 0.0,
                });
            }
            Err(DesignError::EmptyBand {
                uid: start.uid.clone(),
                degree: degree.clone(),
                f_min_thz: band.f_min_hz / 1e12,
                f_max_thz: band.f_max_hz / 1e12,
            })
        };
        bands.iter().map(state).collect()
    }

    /// What stands around the amplifier at `position`; light comes with `offset_db` to the reference power.
    fn site(
        &self,
        line: &LineNetwork,
        section: &Section,
        position: usize,
        offset_db: f64,
    ) -> Result<Site, DesignError> {
        let (before, behind) = section.around(position);
        let power_dbm = self.reference.power_dbm + offset_db;
        let span_loss_db = |position: usize| -> Result<f64, DesignError> {
            let gain_db = pumped_gain_db(line, section, position, self.comb, power_dbm)?;
            Ok(span_loss_db(line, section, position)? - gain_db)
        };
        let loss_db = if position == 0 { 0.0 } else { span_loss_db(position - 1)? };
        let next_loss_db = match &line.element(behind).kind {
            ElementKind::Roadm(_) => None,
            _ if position + 1 < section.elements.len() => Some(span_loss_db(position + 1)?),
            _ => Some(0.0),
        };
        let raman_allowed = match &line.element(before).kind {
            ElementKind::Fibre(fibre) => {
                loses_less(&fibre.loss_db_per_km, self.rules.max_fibre_loss_for_raman_db_per_km)
            }
            _ => false,
        };
        let (index, transfer) = (section.elements[position], Transfer::default());
        Ok(Site { index, before, behind, loss_db, transfer, next_loss_db, raman_allowed })
    }

    /// Types that may stand here: of the element's own list, else of the ROADM's beside it, else any for design.
    fn candidates(&self, line: &LineNetwork, site: Site, band: &Band) -> Result<Vec<usize>, DesignError> {
        let element = line.element(site.index);
        let ElementKind::Amplifier(amplifier) = &element.kind else { return Ok(Vec::new()) };
        if amplifier.amplifier_type.is_some() {
            return Ok(Vec::new());
        }
        let covering = |candidates: &[usize]| -> Vec<usize> {
            candidates.iter().copied().filter(|&one| self.catalogue.covers(one, band)).collect()
        };
        let (names, uid, field) = restriction(line, site, &amplifier.allowed_types);
        let candidates = if names.is_empty() {
            covering(self.catalogue.designable())
        } else {
            covering(&self.catalogue.named(names, uid, field)?)
        };
        if candidates.is_empty() {
            return Err(no_amplifier(&element.uid, band));
        }
        Ok(candidates)
    }

    /// Gain and power an amplifier should have.
    ///
    /// An amplifier that was designed before keeps its VOA, and without power mode its gain.
    pub(super) fn plan(&self, amplifier: &Amplifier, site: Site, state: &BandState) -> Plan {
        let designed = amplifier.working_point.as_ref();
        let out_voa = designed.map(|point| point.out_voa_db).or(amplifier.wanted.out_voa_db);
        let voa_db = out_voa.unwrap_or(0.0);
        let in_voa_db = amplifier.wanted.in_voa_db.unwrap_or(0.0);
        let wanted_gain = designed.map(|point| point.gain_db).or(amplifier.wanted.gain_db);
        let deviation_db = site.transfer.deviation_db;
        let loss_db = site.loss_db + deviation_db;
        let (gain_db, offset_db) = match wanted_gain.filter(|_| !self.rules.power_mode) {
            None => {
                let best_db = site.next_loss_db.map_or(0.0, |loss_db| self.offset.of(loss_db + deviation_db));
                let offset_db = amplifier.wanted.delta_p_db.unwrap_or(best_db + voa_db);
                (loss_db + offset_db - state.offset_db + state.voa_db + in_voa_db, offset_db)
            }
            Some(gain_db) => (gain_db, state.offset_db - loss_db - state.voa_db + gain_db - in_voa_db),
        };
        let target = Target { gain_db, power_dbm: state.total_reference_dbm + offset_db };
        Plan { target, offset_db, voa_db }
    }

    /// Decides what an amplifier is set to.
    pub(super) fn set(
        &mut self,
        uid: &str,
        amplifier: &Amplifier,
        site: Site,
        state: &BandState,
        candidates: &[usize],
    ) -> Result<Setting, DesignError> {
        let plan = self.plan(amplifier, site, state);
        let Target { gain_db, power_dbm } = plan.target;
        let (amplifier_type, reduction_db) = if let Some(given) = amplifier.amplifier_type {
            let power_dbm = if self.rules.power_mode {
                power_dbm
            } else {
                state.total_reference_dbm + state.offset_db - site.loss_db - state.voa_db + gain_db
            };
            let reduction_db = (self.catalogue.entry(given).p_max_dbm - power_dbm).min(0.0);
            self.warn_of_type(uid, given, gain_db + reduction_db, site.raman_allowed);
            (given, reduction_db)
        } else {
            let choice = self
                .catalogue
                .choose(candidates.iter().copied(), plan.target, site.raman_allowed)
                .ok_or_else(|| no_amplifier(uid, &state.band))?;
            (choice.amplifier_type, choice.reduction_db)
        };
        if reduction_db < -0.5 {
            self.warnings.push(DesignWarning::PowerReduced { uid: uid.to_owned(), by_db: -reduction_db });
        }
        let (gain_db, offset_db) = (gain_db + reduction_db, plan.offset_db + reduction_db);
        let entry = self.catalogue.entry(amplifier_type);
        let designed = amplifier.working_point.as_ref();
        let given = designed.map(|point| point.out_voa_db).or(amplifier.wanted.out_voa_db);
        // the VOA takes up what the amplifier could do more; the light behind it stays the same
        let (out_voa_db, lift_db) = match given {
            Some(given) => (given, 0.0),
            None if self.rules.power_mode && entry.out_voa_auto => {
                let room = (entry.p_max_dbm - power_dbm).min(entry.gain_flatmax_db - gain_db);
                let voa_db = (self.voa_step.round(room) - self.rules.voa_margin_db).max(0.0);
                (voa_db, voa_db)
            }
            None => (0.0, 0.0),
        };
        let point = WorkingPoint {
            gain_db: gain_db + lift_db,
            delta_p_db: offset_db + lift_db,
            tilt_db: amplifier.wanted.tilt_db.unwrap_or(-site.transfer.tilt_db),
            out_voa_db,
            in_voa_db: amplifier.wanted.in_voa_db.unwrap_or(0.0),
        };
        let behind = BandState { offset_db, voa_db: plan.voa_db, ..*state };
        Ok(Setting { amplifier_type, point, behind })
    }

    fn warn_of_type(&mut self, uid: &str, amplifier_type: usize, gain_db: f64, raman_allowed: bool) {
        let entry = self.catalogue.entry(amplifier_type);
        let uid = || uid.to_owned();
        if entry.raman && !raman_allowed {
            self.warnings.push(DesignWarning::RamanUnsuitable { uid: uid() });
        }
        let gain_flatmax_db = entry.gain_flatmax_db;
        if gain_db - gain_flatmax_db - self.rules.target_extended_gain_db > 1e-2 {
            self.warnings.push(DesignWarning::GainAboveType { uid: uid(), gain_db, gain_flatmax_db });
        }
        let gain_min_db = entry.gain_min_db;
        if gain_db < gain_min_db {
            self.warnings.push(DesignWarning::GainBelowType { uid: uid(), gain_db, gain_min_db });
        }
    }
}

/// The list of types that holds at a site, with the element and field it stands in; empty if none does.
pub(super) fn restriction<'l>(
    line: &'l LineNetwork,
    site: Site,
    own: &'l [String],
) -> (&'l [String], &'l str, &'static str) {
    let uid = |index: ElementIndex| line.element(index).uid.as_str();
    if !own.is_empty() {
        return (own, uid(site.index), "variety_list");
    }
    match (&line.element(site.before).kind, &line.element(site.behind).kind) {
        (ElementKind::Roadm(roadm), _) if !roadm.booster_types.is_empty() => {
            (&roadm.booster_types, uid(site.before), "booster_variety_list")
        }
        (_, ElementKind::Roadm(roadm)) if !roadm.preamp_types.is_empty() => {
            (&roadm.preamp_types, uid(site.behind), "preamp_variety_list")
        }
        _ => (&[], uid(site.index), "variety_list"),
    }
}

pub(super) fn no_amplifier(uid: &str, band: &Band) -> DesignError {
    DesignError::NoAmplifier {
        uid: uid.to_owned(),
        f_min_thz: band.f_min_hz / 1e12,
        f_max_thz: band.f_max_hz / 1e12,
    }
}

fn loses_less(loss_db_per_km: &Spectrum, most_db_per_km: f64) -> bool {
    // compared per metre, as the threshold is: 0.25 dB/km is not less than 0.25 dB/km
    loss_db_per_km.largest() * 1e-3 < most_db_per_km * 1e-3
}
