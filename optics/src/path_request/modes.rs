//! Whether a mode works with what arrives, and which modes are tried in which order.

use super::Metrics;
use crate::equipment::transceiver::Impairment;
use crate::equipment::{Mode, TransceiverType};
use crate::propagation::{Bandwidth, PenaltyCurves, Received};

/// What of a mode a receiver is judged by.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    tx_osnr_db: f64,
    required_gsnr_db_01nm: f64,
    pdl: PenaltyCurves,
    cd: PenaltyCurves,
    pmd: PenaltyCurves,
}

/// Whether enough is left when it is exactly what is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threshold {
    /// It is: the mode was asked for.
    Reached,
    /// It is not: the mode is one of several.
    Passed,
}

impl Judge {
    /// A judge of this mode that keeps a margin back, in dB.
    pub(super) fn new(mode: &Mode, margin_db: f64) -> Self {
        let curve = |impairment: Impairment| {
            let points: Vec<_> =
                mode.penalties.iter().filter(|point| point.impairment == impairment).copied().collect();
            PenaltyCurves::new(&points)
        };
        Self {
            tx_osnr_db: mode.tx_osnr_db,
            required_gsnr_db_01nm: mode.required_gsnr_db_01nm + margin_db,
            pdl: curve(Impairment::Pdl),
            cd: curve(Impairment::ChromaticDispersion),
            pmd: curve(Impairment::Pmd),
        }
    }

    /// What arrives, as a receiver of this mode sees it: with the noise of its transmitter.
    pub(super) fn receive(&self, received: Received) -> Received {
        received.with_tx_osnr(self.tx_osnr_db)
    }

    /// Whether the mode works: by the least GSNR over 0.1 nm less its penalties, in dB to two digits.
    pub(super) fn accepts(&self, metrics: &Metrics, threshold: Threshold) -> bool {
        let left = (metrics.min_penalised_gsnr_db_01nm * 100.0).round_ties_even() / 100.0;
        match threshold {
            Threshold::Reached => left >= self.required_gsnr_db_01nm,
            Threshold::Passed => left > self.required_gsnr_db_01nm,
        }
    }

    /// The figures of what arrives.
    pub(super) fn metrics(&self, received: &Received) -> Metrics {
        let gsnr = received.gsnr_db(Bandwidth::Nanometre01);
        let penalties =
            [&self.pdl, &self.cd, &self.pmd].map(|curve| (!curve.is_empty()).then(|| curve.of(received)));
        let total = |channel: usize| -> f64 { penalties.iter().flatten().map(|curve| curve[channel]).sum() };
        let [pdl, cd, pmd] = penalties.each_ref().map(|curve| curve.as_deref().map(mean));
        Metrics {
            mean_gsnr_db: mean(&received.gsnr_db(Bandwidth::Signal)),
            mean_gsnr_db_01nm: mean(&gsnr),
            mean_osnr_db: mean(&received.osnr_db(Bandwidth::Signal)),
            mean_osnr_db_01nm: mean(&received.osnr_db(Bandwidth::Nanometre01)),
            min_gsnr_db_01nm: gsnr.iter().copied().fold(f64::INFINITY, f64::min),
            max_gsnr_db_01nm: gsnr.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            min_penalised_gsnr_db_01nm: (0..gsnr.len())
                .map(|channel| gsnr[channel] - total(channel))
                .fold(f64::INFINITY, f64::min),
            mean_pdl_penalty_db: pdl,
            mean_cd_penalty_db: cd,
            mean_pmd_penalty_db: pmd,
            max_penalty_db: (0..gsnr.len()).map(total).fold(0.0, f64::max),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// One comb to be sent along the route, and the modes to be judged by what arrives, best first.
#[derive(Clone, Debug)]
pub(super) struct Attempt<'a> {
    pub baud_rate: f64,
    pub offset_db: f64,
    pub modes: Vec<&'a Mode>,
}

/// The modes of a transceiver that fit a spacing, in the order they are tried: one comb for each pair of symbol rate and
/// power offset, highest first; with each all modes of that symbol rate, highest bit rate first, then highest offset.
pub(super) fn attempts(transceiver: &TransceiverType, spacing_hz: f64) -> Vec<Attempt<'_>> {
    let fitting: Vec<&Mode> =
        transceiver.modes.iter().filter(|mode| mode.min_spacing_hz <= spacing_hz).collect();
    let mut attempts: Vec<Attempt<'_>> = Vec::new();
    for mode in &fitting {
        let (baud_rate, offset_db) = (mode.baud_rate, mode.equalisation_offset_db);
        let known = |attempt: &Attempt<'_>| {
            attempt.baud_rate.to_bits() == baud_rate.to_bits()
                && attempt.offset_db.to_bits() == offset_db.to_bits()
        };
        if !attempts.iter().any(known) {
            let mut modes: Vec<&Mode> = fitting
                .iter()
                .copied()
                .filter(|other| other.baud_rate.to_bits() == baud_rate.to_bits())
                .collect();
            modes.sort_by(|a, b| {
                let by_offset = b.equalisation_offset_db.total_cmp(&a.equalisation_offset_db);
                b.bit_rate.total_cmp(&a.bit_rate).then(by_offset)
            });
            attempts.push(Attempt { baud_rate, offset_db, modes });
        }
    }
    attempts.sort_by(|a, b| {
        b.baud_rate.total_cmp(&a.baud_rate).then_with(|| b.offset_db.total_cmp(&a.offset_db))
    });
    attempts
}
