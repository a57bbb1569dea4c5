//! Requests resolved against the network and the equipment library, and equal ones merged.
//!
//! A request goes into the next one that wants the same: ends, transceiver, a given mode, elements to pass, spacing,
//! powers, load, and the same requests to keep apart from. Rates add up, slots are lined up, and the name tells both.

use super::{PathRequest, PathRequestError, SlotWish, Synchronization};
use crate::decibel::watts;
use crate::equipment::{Equipment, Mode, SpectralInformation, TransceiverType};
use crate::line::{ElementIndex, ElementKind, LineNetwork};
use crate::propagation::channel_count;

/// A request whose names are found and whose defaults are filled in.
#[derive(Clone, Debug)]
pub(super) struct Resolved<'a> {
    pub request: PathRequest,
    pub source: ElementIndex,
    pub destination: ElementIndex,
    pub transceiver: &'a TransceiverType,
    pub mode: Option<&'a Mode>,
    /// Channels that fill the line.
    pub channels: usize,
    pub reference_power_w: f64,
    pub tx_power_w: f64,
}

/// Finds what a request names and fills in its defaults. Elements to pass that are not binding and cannot be passed are
/// dropped, and so are the request's own ends.
pub(super) fn resolve<'a>(
    network: &LineNetwork,
    equipment: &'a Equipment,
    spectral: &SpectralInformation,
    mut request: PathRequest,
) -> Result<Resolved<'a>, PathRequestError> {
    let is_transceiver = |element: &ElementIndex| network.element(*element).kind == ElementKind::Transceiver;
    let unknown = |field: &'static str, name: &str| PathRequestError::Unknown {
        request: request.id.clone(),
        field,
        name: name.to_owned(),
    };
    let end = |field: &'static str, uid: &str| {
        network.index_of(uid).filter(is_transceiver).ok_or_else(|| unknown(field, uid))
    };
    let source = end("source", &request.source)?;
    let destination = end("destination", &request.destination)?;
    let transceiver = equipment
        .transceiver(&request.transceiver)
        .ok_or_else(|| unknown("transceiver", &request.transceiver))?;
    let mode = match &request.mode {
        Some(name) => Some(transceiver.mode(name).ok_or_else(|| unknown("mode", name))?),
        None => None,
    };
    if request.include.first().is_some_and(|node| node.uid == request.source) {
        request.include.remove(0);
    }
    if request.include.last().is_some_and(|node| node.uid == request.destination) {
        request.include.pop();
    }
    let can_be_passed = |uid: &str| network.index_of(uid).is_some_and(|element| !is_transceiver(&element));
    if let Some(node) = request.include.iter().find(|node| node.strict && !can_be_passed(&node.uid)) {
        return Err(unknown("include", &node.uid));
    }
    request.include.retain(|node| can_be_passed(&node.uid));

    let impossible = |field: &'static str, value: f64| PathRequestError::Impossible {
        request: request.id.clone(),
        field,
        value,
    };
    let reference_power_w = request.reference_power_w.unwrap_or_else(|| watts(spectral.power_dbm));
    let tx_power_w =
        request.tx_power_w.unwrap_or_else(|| spectral.tx_power_dbm.map_or(reference_power_w, watts));
    for (field, value) in [
        ("spacing", request.spacing_hz),
        ("reference power", reference_power_w),
        ("transmitter power", tx_power_w),
    ] {
        if !(value.is_finite() && value > 0.0) {
            return Err(impossible(field, value));
        }
    }
    if !(request.rate_bit_per_s.is_finite() && request.rate_bit_per_s >= 0.0) {
        return Err(impossible("rate", request.rate_bit_per_s));
    }
    let most = channel_count(transceiver.f_min_hz, transceiver.f_max_hz, request.spacing_hz);
    let channels = request.channels.map_or(most, |channels| channels as usize);
    if let Some(mode) = mode {
        if mode.min_spacing_hz > request.spacing_hz {
            return Err(PathRequestError::SpacingTooSmall {
                request: request.id.clone(),
                mode: mode.name.clone(),
                spacing_hz: request.spacing_hz,
                min_spacing_hz: mode.min_spacing_hz,
            });
        }
        if channels > most {
            return Err(PathRequestError::TooManyChannels { request: request.id.clone(), channels, most });
        }
    }
    if channels == 0 {
        return Err(impossible("channels", 0.0));
    }
    Ok(Resolved { request, source, destination, transceiver, mode, channels, reference_power_w, tx_power_w })
}

/// Merges equal requests, and tells sets of requests to be kept apart the new names.
pub(super) fn aggregate<'a>(
    mut requests: Vec<Resolved<'a>>,
    sets: &mut Vec<Synchronization>,
) -> Vec<Resolved<'a>> {
    let mut position = 0;
    while position < requests.len() {
        let equal = (position + 1..requests.len()).find(|&later| {
            requests[later].mode.is_some() && are_equal(&requests[position], &requests[later], sets)
        });
        let Some(later) = equal else {
            position += 1;
            continue;
        };
        let earlier = requests.remove(position).request;
        let merged = &mut requests[later - 1].request;
        let before = merged.id.clone();
        merged.id = format!("{} | {}", merged.id, earlier.id);
        merged.rate_bit_per_s += earlier.rate_bit_per_s;
        if !(merged.slots.is_empty() && earlier.slots.is_empty()) {
            let or_open =
                |slots: Vec<SlotWish>| if slots.is_empty() { vec![SlotWish::default()] } else { slots };
            merged.slots = or_open(std::mem::take(&mut merged.slots));
            merged.slots.extend(or_open(earlier.slots));
        }
        let name = merged.id.clone();
        // both were kept apart from the same requests: one set says it
        sets.retain(|set| !set.requests.contains(&before));
        for set in sets.iter_mut().filter(|set| set.requests.contains(&earlier.id)) {
            set.requests.retain(|id| *id != earlier.id);
            set.requests.push(name.clone());
        }
    }
    requests
}

fn are_equal(a: &Resolved<'_>, b: &Resolved<'_>, sets: &[Synchronization]) -> bool {
    let same = |x: f64, y: f64| x.to_bits() == y.to_bits();
    let (one, other) = (&a.request, &b.request);
    a.source == b.source
        && a.destination == b.destination
        && one.transceiver == other.transceiver
        && one.mode == other.mode
        && one.include == other.include
        && same(one.spacing_hz, other.spacing_hz)
        && same(a.reference_power_w, b.reference_power_w)
        && same(a.tx_power_w, b.tx_power_w)
        && a.channels == b.channels
        && kept_apart_from(&one.id, sets) == kept_apart_from(&other.id, sets)
}

/// The requests one is to be kept apart from; none if it is in no set.
fn kept_apart_from<'s>(id: &str, sets: &'s [Synchronization]) -> Option<Vec<&'s str>> {
    let mine: Vec<&Synchronization> =
        sets.iter().filter(|set| set.requests.iter().any(|other| other == id)).collect();
    if mine.is_empty() {
        return None;
    }
    let mut others: Vec<&str> =
        mine.iter().flat_map(|set| &set.requests).map(String::as_str).filter(|other| *other != id).collect();
    others.sort_unstable();
    others.dedup();
    Some(others)
}

/// Leaves out sets that name the same requests as an earlier one.
pub(super) fn without_repetition(sets: Vec<Synchronization>) -> Vec<Synchronization> {
    let mut kept: Vec<Synchronization> = Vec::with_capacity(sets.len());
    for set in sets {
        let same = |other: &Synchronization| {
            set.requests.iter().all(|id| other.requests.contains(id))
                && other.requests.iter().all(|id| set.requests.contains(id))
        };
        if !kept.iter().any(same) {
            kept.push(set);
        }
    }
    kept
}
