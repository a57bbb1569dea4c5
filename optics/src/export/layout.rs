//! Where nodes stand on a map: at their positions, or where springs put them if some have none.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use crate::topology::Topology;

/// Nodes that springs arrange; more stand in a circle, since the work grows with the square.
const MOST_ARRANGED: usize = 400;
/// Rounds of arranging: the picture no longer changes visibly.
const ROUNDS: u32 = 300;

/// Places in the unit square, y downwards, one for each node.
pub(super) fn places(topology: &Topology) -> Vec<(f64, f64)> {
    let known: Option<Vec<(f64, f64)>> =
        topology.nodes.iter().map(|node| Some((node.lon?, -node.lat?))).collect();
    let plane = match known {
        Some(points) => {
            // An equirectangular projection, true to scale at the mean latitude.
            let mean = points.iter().map(|point| point.1).sum::<f64>() / points.len().max(1) as f64;
            let scale = mean.to_radians().cos().max(0.1);
            points.into_iter().map(|(lon, lat)| (lon * scale, lat)).collect()
        }
        None => arranged(topology),
    };
    fit(&plane)
}

/// A circle, then springs along links against repulsion between all nodes (Fruchterman and Reingold 1991).
fn arranged(topology: &Topology) -> Vec<(f64, f64)> {
    let count = topology.nodes.len();
    let mut at: Vec<(f64, f64)> = (0..count)
        .map(|node| {
            let angle = TAU * node as f64 / count as f64;
            (angle.cos(), angle.sin())
        })
        .collect();
    if count > MOST_ARRANGED {
        return at;
    }
    let index: BTreeMap<&str, usize> = topology.nodes.iter().map(|node| node.id.as_str()).zip(0..).collect();
    let springs: Vec<(usize, usize)> = topology
        .links
        .iter()
        .filter_map(|link| Some((*index.get(link.a.as_str())?, *index.get(link.b.as_str())?)))
        .collect();
    let ideal = (4.0 / count as f64).sqrt();
    for round in 0..ROUNDS {
        let mut push = vec![(0.0, 0.0); count];
        for i in 0..count {
            for j in 0..i {
                let (dx, dy) = (at[i].0 - at[j].0, at[i].1 - at[j].1);
                let squared = (dx * dx + dy * dy).max(1e-6);
                let force = ideal * ideal / squared;
                push[i] = (push[i].0 + dx * force, push[i].1 + dy * force);
                push[j] = (push[j].0 - dx * force, push[j].1 - dy * force);
            }
        }
        for &(i, j) in &springs {
            let (dx, dy) = (at[i].0 - at[j].0, at[i].1 - at[j].1);
            let force = dx.hypot(dy) / ideal;
            push[i] = (push[i].0 - dx * force, push[i].1 - dy * force);
            push[j] = (push[j].0 + dx * force, push[j].1 + dy * force);
        }
        let heat = 0.2 * (1.0 - f64::from(round) / f64::from(ROUNDS));
        for (place, push) in at.iter_mut().zip(push) {
            let size = push.0.hypot(push.1).max(1e-9);
            let step = size.min(heat) / size;
            *place = (place.0 + push.0 * step, place.1 + push.1 * step);
        }
    }
    at
}

/// Moves and scales the points into the unit square, keeping their proportions.
fn fit(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let range = |values: &dyn Fn(&(f64, f64)) -> f64| {
        points
            .iter()
            .map(values)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((left, right), (top, bottom)) = (range(&|point| point.0), range(&|point| point.1));
    let size = (right - left).max(bottom - top);
    let size = if size > 0.0 { size } else { 1.0 };
    let (shift_x, shift_y) = ((1.0 - (right - left) / size) / 2.0, (1.0 - (bottom - top) / size) / 2.0);
    points.iter().map(|(x, y)| ((x - left) / size + shift_x, (y - top) / size + shift_y)).collect()
}
