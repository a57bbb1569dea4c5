//! What became of a request.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PathRequest;
use crate::line::ElementIndex;

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The request, with those it is served together with.
    pub request: PathRequest,
    /// Reference power it was computed for, in W.
    pub reference_power_w: f64,
    /// Power of the transmitter it was computed for, in W.
    pub tx_power_w: f64,
    /// Its mode: the one asked for or chosen, or the last one tried; none where none could be tried.
    pub mode: Option<String>,
    /// Elements from source to destination; empty if there is no route.
    pub route: Vec<ElementIndex>,
    /// Elements from destination to source; empty if there is no route.
    pub reverse_route: Vec<ElementIndex>,
    /// What arrives at the destination; none without a route or a mode that could be tried.
    pub metrics: Option<Metrics>,
    /// What arrives at the source, where the request is bidirectional.
    pub reverse_metrics: Option<Metrics>,
    /// Slots it got, in the order they were asked for; empty if blocked.
    pub slots: Vec<Slot>,
    /// Why it is not served.
    pub blocked: Option<BlockingReason>,
}

/// What arrives at a receiver, over all channels of the comb.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// Mean GSNR over the signal's bandwidth, in dB.
    pub mean_gsnr_db: f64,
    /// Mean GSNR over 0.1 nm, in dB.
    pub mean_gsnr_db_01nm: f64,
    /// Mean OSNR over the signal's bandwidth, in dB.
    pub mean_osnr_db: f64,
    /// Mean OSNR over 0.1 nm, in dB.
    pub mean_osnr_db_01nm: f64,
    /// Least GSNR over 0.1 nm, in dB.
    pub min_gsnr_db_01nm: f64,
    /// Largest GSNR over 0.1 nm, in dB.
    pub max_gsnr_db_01nm: f64,
    /// Least GSNR over 0.1 nm less its penalty, in dB.
    pub min_penalised_gsnr_db_01nm: f64,
    /// Mean penalty of polarisation dependent loss, in dB; none if the mode has no curve for it.
    pub mean_pdl_penalty_db: Option<f64>,
    /// Mean penalty of chromatic dispersion, in dB; none if the mode has no curve for it.
    pub mean_cd_penalty_db: Option<f64>,
    /// Mean penalty of polarisation mode dispersion, in dB; none if the mode has no curve for it.
    pub mean_pmd_penalty_db: Option<f64>,
    /// Largest sum of penalties of a channel, in dB; infinite past the end of a curve.
    pub max_penalty_db: f64,
}

/// Requests that were routed apart from each other, and how their routes were chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptApart {
    /// Their ids, as in the outcomes.
    pub requests: Vec<String>,
    /// How.
    pub choice: ApartChoice,
}

/// How routes that keep apart were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApartChoice {
    /// The first combination of routes of at most 80 steps, in GNPy's order.
    First,
    /// The routes of least total length, whatever their steps: no lighter ones keep apart.
    LeastTotal,
    /// Routes that keep apart, but the search ended before it was known whether there are shorter ones.
    Unproven,
    /// None: it is proven that no routes keep apart.
    Impossible,
    /// None found before the search ended; there may be some.
    NotDecided,
}

impl fmt::Display for ApartChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::First => "the first combination of routes that keep apart",
            Self::LeastTotal => "no combination of 80 steps was found: the routes of least total length",
            Self::Unproven => "routes that keep apart; the search ended before shorter ones were ruled out",
            Self::Impossible => "it is proven that no routes keep apart",
            Self::NotDecided => {
                "the search ended before any routes that keep apart were found; there may be some"
            }
        })
    }
}

/// A slot: centre 193.1 THz + n × 6.25 GHz, width m × 12.5 GHz (ITU-T G.694.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Its centre.
    pub n: i32,
    /// Its width.
    pub m: u32,
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BlockingReason {
    /// Nothing joins its ends.
    NoPath,
    /// No route passes what it must pass, or keeps apart from what it must keep apart from.
    NoPathWithConstraint,
    /// Whether a route exists that passes what it must and keeps apart from what it must was not decided: the search for
    /// it ended first. That is not to say that there is none.
    NotDecided,
    /// No mode of the transceiver fits its spacing.
    NoFeasibleBaudrateWithSpacing,
    /// No mode of the transceiver works on its route.
    NoFeasibleMode,
    /// Its mode does not work on its route, or on the way back.
    ModeNotFeasible,
    /// The slots it asks for cannot carry it.
    NotEnoughReservedSpectrum,
    /// Its slots are not free all along its route.
    NoSpectrum,
}

impl BlockingReason {
    /// The name answers carry (`NO_SPECTRUM`).
    pub fn name(self) -> &'static str {
        match self {
            Self::NoPath => "NO_PATH",
            Self::NoPathWithConstraint => "NO_PATH_WITH_CONSTRAINT",
            Self::NotDecided => "NOT_DECIDED",
            Self::NoFeasibleBaudrateWithSpacing => "NO_FEASIBLE_BAUDRATE_WITH_SPACING",
            Self::NoFeasibleMode => "NO_FEASIBLE_MODE",
            Self::ModeNotFeasible => "MODE_NOT_FEASIBLE",
            Self::NotEnoughReservedSpectrum => "NOT_ENOUGH_RESERVED_SPECTRUM",
            Self::NoSpectrum => "NO_SPECTRUM",
        }
    }

    /// Whether there is no route to tell about.
    pub fn without_route(self) -> bool {
        matches!(
            self,
            Self::NoPath
                | Self::NoPathWithConstraint
                | Self::NotDecided
                | Self::NoFeasibleBaudrateWithSpacing
        )
    }
}

impl fmt::Display for BlockingReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
