//! The network as a picture: links coloured and labelled by their use.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::layout::places;
use super::rows::escape;
use crate::report::PlanReport;
use crate::topology::Topology;

const SIZE: f64 = 1_000.0;
const MARGIN: f64 = 60.0;
/// Width of a letter of a name, about.
const LETTER: f64 = 7.5;
/// Steps of use: upper share, colour, words. Readable with any colour vision, and on light and dark ground.
const STEPS: [(f64, &str, &str); 4] = [
    (0.25, "#3b82c4", "to 25 %"),
    (0.50, "#2a9d8f", "to 50 %"),
    (0.75, "#e0a100", "to 75 %"),
    (f64::INFINITY, "#d1495b", "above"),
];

/// The use of a link, all its fibre pairs together.
#[derive(Clone, Copy, Default)]
struct Use {
    used: u32,
    capacity: u32,
}

impl Use {
    fn share(self) -> f64 {
        if self.capacity == 0 { 0.0 } else { f64::from(self.used) / f64::from(self.capacity) }
    }
}

pub(super) fn picture(report: &PlanReport, topology: &Topology) -> String {
    let places: Vec<(f64, f64)> = places(topology)
        .into_iter()
        .map(|(x, y)| (MARGIN + x * (SIZE - 2.0 * MARGIN), MARGIN + y * (SIZE - 2.0 * MARGIN)))
        .collect();
    let top = places.iter().map(|place| place.1).fold(SIZE / 2.0, f64::min) - MARGIN;
    let bottom = places.iter().map(|place| place.1).fold(SIZE / 2.0, f64::max) + MARGIN;
    let height = bottom - top + 30.0;
    let mut svg = String::new();
    let name = if topology.name.is_empty() { "network" } else { &topology.name };
    // Writing to a string cannot fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 {top:.1} {SIZE} {height:.1}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\"><title>{}</title>\
         <style>.l{{fill:none;stroke-linecap:round}}.n{{fill:#fff;stroke:#334;stroke-width:2}}\
         .t{{font-size:13px;fill:#223;paint-order:stroke;stroke:#fff;stroke-width:3px}}\
         .u{{font-size:11px;fill:#445;paint-order:stroke;stroke:#fff;stroke-width:3px;text-anchor:middle}}</style>\
         <rect x=\"0\" y=\"{top:.1}\" width=\"{SIZE}\" height=\"{height:.1}\" fill=\"#fff\"/>",
        escape(&format!("Use of the links of {name}"))
    );
    links(&mut svg, report, topology, &places);
    for (node, (x, y)) in topology.nodes.iter().zip(&places) {
        let used = report.nodes.iter().find(|used| used.node == node.id);
        let words = used.map_or_else(String::new, |used| {
            format!(
                ": {} transponders, {} regenerators, {} pass",
                used.transponders, used.regenerators, used.express
            )
        });
        // a name that would run over the right edge stands on the left of its node
        let width = LETTER * node.label().chars().count() as f64;
        let (anchor, label_x) = if x + 9.0 + width > SIZE { ("end", x - 9.0) } else { ("start", x + 9.0) };
        let label = escape(node.label());
        let _ = write!(
            svg,
            "<g><title>{label}{words}</title><circle class=\"n\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\"/>\
             <text class=\"t\" x=\"{label_x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{label}</text></g>",
            y - 8.0
        );
    }
    legend(&mut svg, bottom);
    svg.push_str("</svg>");
    svg
}

fn links(svg: &mut String, report: &PlanReport, topology: &Topology, places: &[(f64, f64)]) {
    let index: BTreeMap<&str, usize> = topology.nodes.iter().map(|node| node.id.as_str()).zip(0..).collect();
    let mut uses: BTreeMap<&str, Use> = BTreeMap::new();
    for one in &report.links {
        let sum = uses.entry(one.link.as_str()).or_default();
        sum.used += one.used;
        sum.capacity += one.capacity;
    }
    let mut parallel: BTreeMap<(usize, usize), u32> = BTreeMap::new();
    for link in &topology.links {
        let ends = index.get(link.a.as_str()).zip(index.get(link.b.as_str()));
        let Some((low, high)) = ends.map(|(a, b)| (*a.min(b), *a.max(b))) else { continue };
        let before = parallel.entry((low, high)).or_default();
        // The first link is straight, the others bend to one side and the other in turn.
        let bend = f64::from(*before).mul_add(0.5, 0.5).floor() * if *before % 2 == 1 { 26.0 } else { -26.0 };
        *before += 1;
        let ((x, y), (u, v)) = (places[low], places[high]);
        let length = (u - x).hypot(v - y).max(1.0);
        let (side_x, side_y) = ((y - v) / length * bend, (u - x) / length * bend);
        let (mid_x, mid_y) = (f64::midpoint(x, u) + side_x, f64::midpoint(y, v) + side_y);
        let used = uses.get(link.id.as_str()).copied().unwrap_or_default();
        let colour = STEPS.iter().find(|step| used.share() <= step.0).map_or(STEPS[3].1, |step| step.1);
        let _ = write!(
            svg,
            "<g><title>{}: {} of {} in use, {} km</title>\
             <path class=\"l\" stroke=\"{colour}\" stroke-width=\"{:.1}\" \
             d=\"M{x:.1} {y:.1}Q{:.1} {:.1} {u:.1} {v:.1}\"/>\
             <text class=\"u\" x=\"{mid_x:.1}\" y=\"{:.1}\">{}</text></g>",
            escape(&link.id),
            used.used,
            used.capacity,
            link.length_km,
            2.0 + 4.0 * used.share().min(1.0),
            mid_x + side_x,
            mid_y + side_y,
            mid_y + 4.0,
            used.used
        );
    }
}

fn legend(svg: &mut String, bottom: f64) {
    let y = bottom + 8.0;
    let _ = write!(svg, "<text class=\"u\" x=\"{MARGIN}\" y=\"{:.1}\">in use:</text>", y + 4.0);
    for (position, (_, colour, words)) in STEPS.iter().enumerate() {
        let x = MARGIN + 40.0 + 110.0 * position as f64;
        let _ = write!(
            svg,
            "<path class=\"l\" stroke=\"{colour}\" stroke-width=\"4\" d=\"M{x:.1} {y:.1}h30\"/>\
             <text class=\"u\" x=\"{:.1}\" y=\"{:.1}\">{words}</text>",
            x + 62.0,
            y + 4.0
        );
    }
}
