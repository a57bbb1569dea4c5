//! The gain of Raman pumps, as far as amplifiers behind them are designed for it.

use super::DesignError;
use super::spans::run;
use crate::decibel::watts;
use crate::equipment::SpectralInformation;
use crate::line::{ElementKind, LineNetwork, Section};
use crate::propagation::pumped::pumped_loss_db;
use crate::propagation::{Channel, Comb, channel_count};

/// Every so many channels one is computed, with the power of all of them.
const CHANNELS_AS_ONE: u32 = 3;

/// By how much pumps make the span smaller that the element at `position` is part of, in dB; 0 without pumps.
///
/// Each channel of the library's comb enters the pumped fibre with `power_dbm`.
pub(super) fn pumped_gain_db(
    line: &LineNetwork,
    section: &Section,
    position: usize,
    comb: &SpectralInformation,
    power_dbm: f64,
) -> Result<f64, DesignError> {
    let mut gain_db = 0.0;
    let passive = |at: usize| {
        matches!(line.element(section.elements[at]).kind, ElementKind::Fibre(_) | ElementKind::Fused(_))
    };
    if !passive(position) {
        return Ok(gain_db);
    }
    for at in run(line, section, position) {
        let element = line.element(section.elements[at]);
        let ElementKind::Fibre(fibre) = &element.kind else { continue };
        if fibre.raman.is_some() {
            let channels = thinned(comb)?;
            let power_w = f64::from(CHANNELS_AS_ONE) * watts(power_dbm);
            let loss_db = pumped_loss_db(fibre, &element.uid, &channels, power_w)?;
            gain_db += line.passive_loss_db(section.elements[at])? - loss_db;
        }
    }
    Ok(gain_db)
}

/// The library's comb with fewer, stronger channels.
fn thinned(comb: &SpectralInformation) -> Result<Comb, DesignError> {
    let spacing_hz = f64::from(CHANNELS_AS_ONE) * comb.spacing_hz;
    let channel = Channel {
        frequency_hz: 0.0,
        baud_rate: comb.baud_rate,
        slot_width_hz: spacing_hz,
        roll_off: comb.roll_off,
        offset_db: 0.0,
        tx_osnr_db: comb.tx_osnr_db,
        tx_power_dbm: 0.0,
    };
    let count = channel_count(comb.f_min_hz, comb.f_max_hz, spacing_hz).max(1);
    Ok(Comb::uniform(comb.f_min_hz, count, channel)?)
}
