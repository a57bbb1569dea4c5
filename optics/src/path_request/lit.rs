//! What light along a request's route says: which mode works, there and back.

use super::aggregation::Resolved;
use super::modes::{Attempt, Judge, Threshold, attempts};
use super::{BlockingReason, Metrics, PathRequestError};
use crate::decibel::dbm;
use crate::equipment::{Mode, SpectralInformation};
use crate::line::ElementIndex;
use crate::propagation::{Channel, Comb, Gains, Propagation, Received};

/// The line a request is judged on: the network's own, or one designed for it.
pub(super) struct Lit<'r> {
    /// The comb of the equipment library.
    pub spectral: &'r SpectralInformation,
    /// The line.
    pub propagation: &'r Propagation,
    /// From source to destination.
    pub elements: &'r [ElementIndex],
    /// From destination to source; none where there is no way back.
    pub elements_back: Option<&'r Vec<ElementIndex>>,
}

/// What light along a route said about a request.
pub(super) struct Verdict<'a> {
    /// The mode asked for or chosen, or the last one tried.
    pub mode: Option<&'a Mode>,
    /// What arrived at the destination.
    pub metrics: Option<Metrics>,
    /// What arrived at the source.
    pub reverse_metrics: Option<Metrics>,
    /// Why it is not served.
    pub blocked: Option<BlockingReason>,
}

impl Lit<'_> {
    /// Sends light along a route, and back if asked for, and finds the mode.
    pub(super) fn judge<'a>(
        &self,
        resolved: &Resolved<'a>,
        combs: &mut KeptCombs,
    ) -> Result<Verdict<'a>, PathRequestError> {
        let margin_db = self.spectral.system_margins_db;
        let mut verdict = match resolved.mode {
            Some(mode) => {
                let judge = Judge::new(mode, margin_db);
                let beam = Beam::of(mode);
                let received =
                    self.send(self.elements, &combs.of(resolved, &beam)?, resolved, &mut Gains::default())?;
                let metrics = judge.metrics(&judge.receive(received));
                let blocked =
                    (!judge.accepts(&metrics, Threshold::Reached)).then_some(BlockingReason::ModeNotFeasible);
                Verdict { mode: Some(mode), metrics: Some(metrics), reverse_metrics: None, blocked }
            }
            None => self.choose_mode(resolved, combs)?,
        };
        if let (true, Some(mode)) = (resolved.request.bidirectional, verdict.mode) {
            let Some(elements_back) = self.elements_back else {
                verdict.blocked.get_or_insert(BlockingReason::NoPath);
                return Ok(verdict);
            };
            let judge = Judge::new(mode, margin_db);
            let beam = Beam {
                roll_off: resolved.mode.map_or(self.spectral.roll_off, |mode| mode.roll_off),
                ..Beam::of(mode)
            };
            let received =
                self.send(elements_back, &combs.of(resolved, &beam)?, resolved, &mut Gains::default())?;
            let metrics = judge.metrics(&judge.receive(received));
            if !judge.accepts(&metrics, Threshold::Reached) {
                verdict.blocked.get_or_insert(BlockingReason::ModeNotFeasible);
            }
            verdict.reverse_metrics = Some(metrics);
        }
        Ok(verdict)
    }

    /// The first mode that works, or the last one tried. Gains lowered by one comb stay lowered for the next.
    fn choose_mode<'a>(
        &self,
        resolved: &Resolved<'a>,
        combs: &mut KeptCombs,
    ) -> Result<Verdict<'a>, PathRequestError> {
        let mut gains = Gains::default();
        let mut last = None;
        for Attempt { baud_rate, offset_db, modes } in
            attempts(resolved.transceiver, resolved.request.spacing_hz)
        {
            let beam = Beam { baud_rate, offset_db, roll_off: self.spectral.roll_off, tx_osnr_db: 0.0 };
            let mut received = self.send(self.elements, &combs.of(resolved, &beam)?, resolved, &mut gains)?;
            for mode in modes {
                let judge = Judge::new(mode, self.spectral.system_margins_db);
                received = judge.receive(received);
                let metrics = judge.metrics(&received);
                let works = judge.accepts(&metrics, Threshold::Passed);
                last = Some((mode, metrics));
                if works {
                    let metrics = Some(metrics);
                    return Ok(Verdict { mode: Some(mode), metrics, reverse_metrics: None, blocked: None });
                }
            }
        }
        let blocked = match last {
            Some(_) => BlockingReason::NoFeasibleMode,
            None => BlockingReason::NoFeasibleBaudrateWithSpacing,
        };
        Ok(Verdict {
            mode: last.map(|(mode, _)| mode),
            metrics: last.map(|(_, metrics)| metrics),
            reverse_metrics: None,
            blocked: Some(blocked),
        })
    }

    /// Sends the comb of a request along a route.
    fn send(
        &self,
        elements: &[ElementIndex],
        comb: &Comb,
        resolved: &Resolved<'_>,
        gains: &mut Gains,
    ) -> Result<Received, PathRequestError> {
        self.propagation
            .run(elements, comb, gains)
            .map_err(|source| PathRequestError::Propagation { request: resolved.request.id.clone(), source })
    }
}

/// Combs made for the last requests: most requests of a network look alike.
#[derive(Default)]
pub(super) struct KeptCombs(Vec<([u64; 8], Comb)>);

impl KeptCombs {
    /// How many are kept.
    const MOST: usize = 16;

    /// The comb of a request.
    fn of(&mut self, resolved: &Resolved<'_>, beam: &Beam) -> Result<Comb, PathRequestError> {
        let f_min_hz = resolved.transceiver.f_min_hz;
        let channel = Channel {
            frequency_hz: 0.0,
            baud_rate: beam.baud_rate,
            slot_width_hz: resolved.request.spacing_hz,
            roll_off: beam.roll_off,
            offset_db: beam.offset_db,
            tx_osnr_db: beam.tx_osnr_db,
            tx_power_dbm: dbm(resolved.tx_power_w),
        };
        let key = [
            f_min_hz.to_bits(),
            resolved.channels as u64,
            channel.baud_rate.to_bits(),
            channel.slot_width_hz.to_bits(),
            channel.roll_off.to_bits(),
            channel.offset_db.to_bits(),
            channel.tx_osnr_db.to_bits(),
            resolved.tx_power_w.to_bits(),
        ];
        if let Some((_, comb)) = self.0.iter().find(|(other, _)| *other == key) {
            return Ok(comb.clone());
        }
        let comb = Comb::uniform(f_min_hz, resolved.channels, channel)
            .map_err(|source| PathRequestError::Comb { request: resolved.request.id.clone(), source })?;
        if self.0.len() == Self::MOST {
            self.0.remove(0);
        }
        self.0.push((key, comb.clone()));
        Ok(comb)
    }
}

/// What the channels of a comb are like.
struct Beam {
    baud_rate: f64,
    offset_db: f64,
    roll_off: f64,
    tx_osnr_db: f64,
}

impl Beam {
    fn of(mode: &Mode) -> Self {
        Self {
            baud_rate: mode.baud_rate,
            offset_db: mode.equalisation_offset_db,
            roll_off: mode.roll_off,
            tx_osnr_db: mode.tx_osnr_db,
        }
    }
}
