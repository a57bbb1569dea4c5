//! Fewest regenerators of a mode on a route.

use optics::plan::Hop;
use optics::propagation::FoldedLine;

use super::inputs::{GsnrInputs, TriedMode};
use super::route::{Margin, margin};
use crate::error::AlgorithmError;

/// The nodes where a mode is regenerated so that it travels a route, as few as possible; of equal choices the earliest
/// nodes. None where that is impossible.
///
/// Segments are judged on their own, with a fresh transmitter, so a longer segment may work where a part of it does
/// not; all pairs of sites are tried. Time: O(hops²) segments.
pub(super) fn nodes(
    inputs: &GsnrInputs,
    line: &FoldedLine<'_>,
    tried: &TriedMode,
    hops: &[Hop],
) -> Result<Option<Vec<String>>, AlgorithmError> {
    // stop 0 is the source, stop i is where hop i - 1 ends
    let may_regenerate = |stop: usize| {
        let site = &inputs.network.nodes[inputs.end_of(&hops[stop - 1])];
        site.transit && site.regen_ports != Some(0) && !site.banks.is_empty()
    };
    // fewest segments to each stop and the stop before
    let mut fewest: Vec<Option<(usize, usize)>> = vec![None; hops.len() + 1];
    fewest[0] = Some((0, 0));
    for to in 1..=hops.len() {
        if to < hops.len() && !may_regenerate(to) {
            continue;
        }
        for from in 0..to {
            let Some((segments, _)) = fewest[from] else { continue };
            if fewest[to].is_some_and(|(best, _)| best <= segments + 1) {
                continue;
            }
            let margin = margin(inputs, line, tried, &hops[from..to])?;
            if margin.is_some_and(Margin::suffices) {
                fewest[to] = Some((segments + 1, from));
            }
        }
    }
    let Some((_, mut stop)) = fewest[hops.len()] else { return Ok(None) };
    let mut nodes = Vec::new();
    while stop > 0 {
        nodes.push(inputs.network.nodes[inputs.end_of(&hops[stop - 1])].id.clone());
        stop = fewest[stop].map_or(0, |(_, before)| before);
    }
    nodes.reverse();
    Ok(Some(nodes))
}
