//! Why requests cannot be worked on at all.

use crate::design::DesignError;
use crate::propagation::{CombError, PropagationError};

/// Why requests cannot be worked on at all: something in them, or in the network, is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PathRequestError {
    /// Two requests of one name.
    #[error("request \"{request}\" is there twice")]
    DuplicateRequest {
        /// The name.
        request: String,
    },
    /// A request names something that is not there, or cannot be that.
    #[error("request \"{request}\": {field} \"{name}\" is unknown")]
    Unknown {
        /// The request.
        request: String,
        /// What the name stands for.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// A set names a request that is not there.
    #[error("synchronization \"{set}\": request \"{request}\" is unknown")]
    UnknownInSet {
        /// The set.
        set: String,
        /// The name.
        request: String,
    },
    /// A figure that cannot be.
    #[error("request \"{request}\": {field} {value} is impossible")]
    Impossible {
        /// The request.
        request: String,
        /// Which figure.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// Channels closer than their mode allows.
    #[error(
        "request \"{request}\": mode \"{mode}\" needs a spacing of {min_spacing_hz} Hz, {spacing_hz} Hz is asked for"
    )]
    SpacingTooSmall {
        /// The request.
        request: String,
        /// Its mode.
        mode: String,
        /// What is asked for, in Hz.
        spacing_hz: f64,
        /// What the mode needs, in Hz.
        min_spacing_hz: f64,
    },
    /// More channels than the transceiver's band holds.
    #[error("request \"{request}\": {channels} channels do not fit, {most} do")]
    TooManyChannels {
        /// The request.
        request: String,
        /// What is asked for.
        channels: usize,
        /// What fits.
        most: usize,
    },
    /// Channels that make no comb.
    #[error("request \"{request}\": {source}")]
    Comb {
        /// The request.
        request: String,
        /// Why.
        source: CombError,
    },
    /// Light that does not get along the request's route.
    #[error("request \"{request}\": {source}")]
    Propagation {
        /// The request.
        request: String,
        /// Why.
        source: PropagationError,
    },
    /// A line that cannot be designed for the request.
    #[error("request \"{request}\": {source}")]
    Design {
        /// The request.
        request: String,
        /// Why.
        source: DesignError,
    },
}
