//! The rules lines are designed by: spans, and the comb they are designed for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How spans are designed. Defaults are those of GNPy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpanRules {
    /// Whether amplifiers are set by power (else by gain, where one is given).
    pub power_mode: bool,
    /// Range and step of the power offset of a span, in dB: least, largest, step.
    pub delta_power_range_db: [f64; 3],
    /// Raman amplification is allowed behind fibre that loses less than this, in dB/km.
    pub max_fibre_loss_for_raman_db_per_km: f64,
    /// How far above its flat gain an amplifier may be set by design, in dB.
    pub target_extended_gain_db: f64,
    /// Fibres this long or longer are split, in m.
    pub max_length_m: f64,
    /// Least loss of a span; less is made up by an attenuator, in dB.
    pub padding_db: f64,
    /// Reserve for ageing added at the end of each span, in dB.
    pub end_of_life_db: f64,
    /// Loss of the connector at a fibre's start, where none is given, in dB.
    pub connector_in_db: f64,
    /// Loss of the connector at a fibre's end, where none is given, in dB.
    pub connector_out_db: f64,
    /// Span loss without power offset, in dB.
    pub span_loss_reference_db: f64,
    /// Power offset per dB of span loss away from the reference.
    pub power_slope: f64,
    /// Kept back when an output VOA is set by design, in dB.
    pub voa_margin_db: f64,
    /// Step of an output VOA set by design, in dB.
    pub voa_step_db: f64,
}

impl Default for SpanRules {
    fn default() -> Self {
        Self {
            power_mode: true,
            delta_power_range_db: [0.0, 0.0, 0.5],
            max_fibre_loss_for_raman_db_per_km: 0.25,
            target_extended_gain_db: 2.5,
            max_length_m: 150e3,
            padding_db: 10.0,
            end_of_life_db: 0.0,
            connector_in_db: 0.0,
            connector_out_db: 0.0,
            span_loss_reference_db: 20.0,
            power_slope: 0.3,
            voa_margin_db: 1.0,
            voa_step_db: 0.5,
        }
    }
}

/// The comb lines are designed for. Defaults are those of GNPy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpectralInformation {
    /// Name of the band; `default` for the first.
    pub name: String,
    /// Lower end of the band, in Hz: the first channel is one spacing above.
    pub f_min_hz: f64,
    /// Upper end of the band, in Hz: may be a channel's centre.
    pub f_max_hz: f64,
    /// Symbol rate, in Bd.
    pub baud_rate: f64,
    /// Distance of channels, in Hz.
    pub spacing_hz: f64,
    /// Reference power of a channel in the line, in dBm.
    pub power_dbm: f64,
    /// Offsets of the reference power a sweep tries, in dB: from, to, step.
    pub power_range_db: [f64; 3],
    /// Roll-off of the spectra.
    pub roll_off: f64,
    /// OSNR of the transmitter, in dB over 0.1 nm.
    pub tx_osnr_db: f64,
    /// Power of a transmitter, in dBm; none for the reference power.
    pub tx_power_dbm: Option<f64>,
    /// GSNR kept back, in dB.
    pub system_margins_db: f64,
    /// Whether amplifiers are designed for the channels of this comb rather than for a full band.
    pub use_si_channel_count_for_design: bool,
}

impl Default for SpectralInformation {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            f_min_hz: 191.35e12,
            f_max_hz: 196.1e12,
            baud_rate: 32e9,
            spacing_hz: 50e9,
            power_dbm: 0.0,
            power_range_db: [0.0, 0.0, 0.5],
            roll_off: 0.15,
            tx_osnr_db: 45.0,
            tx_power_dbm: None,
            system_margins_db: 0.0,
            use_si_channel_count_for_design: false,
        }
    }
}
