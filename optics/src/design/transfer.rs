//! What a span does to bands and within them, where channels do not all arrive alike: Raman scattering moves power down
//! in frequency, and loss may depend on it. Amplifiers of several bands are designed to make up for it, as GNPy's are.

use super::DesignError;
use super::amplifiers::BandState;
use super::bands::Band;
use super::spans::run;
use crate::decibel::{from_db, to_db, watts};
use crate::equipment::SpectralInformation;
use crate::line::{ElementKind, LineNetwork, Section, Spectrum};
use crate::propagation::pumped::left_at_end;
use crate::propagation::solver::RamanSolver;
use crate::propagation::{Channel, Comb, channel_count};

/// Share of the strongest band's power that bands are brought to.
const SHARE: f64 = 0.86;
/// Tilts below, in dB, are none.
const NONE_DB: f64 = 1e-9;

/// What a span does to a band.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Transfer {
    /// How much more gain its amplifier needs, in dB.
    pub deviation_db: f64,
    /// By how much more its lower edge arrives than its upper edge, in dB.
    pub tilt_db: f64,
}

/// What the span that ends before `position` does to each band; nothing where no fibre is directly before.
pub(super) fn transfer(
    line: &LineNetwork,
    section: &Section,
    position: usize,
    comb: &SpectralInformation,
    reference_dbm: f64,
    (states, solver): (&[BandState], Option<&RamanSolver>),
) -> Result<Vec<Transfer>, DesignError> {
    let nothing = vec![Transfer::default(); states.len()];
    let fibre = |at: usize| match &line.element(section.elements[at]).kind {
        ElementKind::Fibre(fibre) => Some(&**fibre),
        _ => None,
    };
    let Some(last) = position.checked_sub(1).filter(|&last| fibre(last).is_some()) else {
        return Ok(nothing);
    };
    // nearest first, the span's end last: powers meet splices in the order in which GNPy lets them
    let span: Vec<usize> = (run(line, section, last).start..last).rev().chain([last]).collect();
    if solver.is_none()
        && span
            .iter()
            .all(|&at| fibre(at).is_none_or(|fibre| matches!(fibre.loss_db_per_km, Spectrum::Flat(_))))
    {
        return Ok(nothing);
    }
    let entering: Vec<f64> =
        states.iter().map(|state| watts(reference_dbm + state.channel_offset_db())).collect();
    let (channels, mut power_w) = lit(states, comb, &entering)?;
    for at in span {
        let index = section.elements[at];
        if let ElementKind::Fibre(fibre) = &line.element(index).kind {
            let left = left_at_end(fibre, &line.element(index).uid, &channels, &power_w, solver)?;
            power_w.iter_mut().zip(left).for_each(|(power, left)| *power *= left);
        } else {
            let kept = from_db(-line.passive_loss_db(index)?);
            for power in &mut power_w {
                *power *= kept;
            }
        }
    }
    let frequency = &channels.channels().frequency_hz;
    let at = |hz: f64| {
        let distance = |channel: &usize| (frequency[*channel] - hz).abs();
        (0..frequency.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or_default()
    };
    let centre = |band: &Band| power_w[at(f64::midpoint(band.f_min_hz, band.f_max_hz))];
    let left: Vec<f64> =
        states.iter().zip(&entering).map(|(state, entering)| centre(&state.band) / entering).collect();
    let most = left.iter().copied().fold(0.0, f64::max);
    let transfers: Vec<Transfer> = states
        .iter()
        .zip(&left)
        .map(|(state, left)| Transfer {
            deviation_db: to_db(SHARE * most) - to_db(*left),
            tilt_db: to_db(power_w[at(state.band.f_min_hz)]) - to_db(power_w[at(state.band.f_max_hz)]),
        })
        .collect();
    let level = transfers.iter().all(|transfer| transfer.tilt_db.abs() <= NONE_DB);
    Ok(if level { nothing } else { transfers })
}

/// All bands full of the library's channels, and the power of each.
fn lit(
    states: &[BandState],
    comb: &SpectralInformation,
    entering_w: &[f64],
) -> Result<(Comb, Vec<f64>), DesignError> {
    let mut channels: Vec<(Channel, f64)> = Vec::new();
    for (state, &power_w) in states.iter().zip(entering_w) {
        let Band { f_min_hz, f_max_hz, .. } = state.band;
        let channel = Channel {
            frequency_hz: f_min_hz,
            baud_rate: comb.baud_rate,
            slot_width_hz: comb.spacing_hz,
            roll_off: comb.roll_off,
            offset_db: 0.0,
            tx_osnr_db: comb.tx_osnr_db,
            tx_power_dbm: 0.0,
        };
        let count = channel_count(f_min_hz, f_max_hz, comb.spacing_hz);
        let at = |i: usize| channel.at(f_min_hz + comb.spacing_hz * i as f64);
        channels.extend((1..=count).map(|i| (at(i), power_w)));
    }
    channels.sort_by(|a, b| a.0.frequency_hz.total_cmp(&b.0.frequency_hz));
    let power_w = channels.iter().map(|channel| channel.1).collect();
    Ok((Comb::new(channels.into_iter().map(|channel| channel.0).collect())?, power_w))
}
