//! What the tables of all forms have in common.

use std::collections::BTreeMap;

use crate::plan::{BlockedReason, Direction, Lightpath, LightpathPath, PathRole};
use crate::report::PlanReport;
use crate::topology::{Link, Topology};

/// Names of the columns of the lightpath table.
pub(super) const LIGHTPATH_COLUMNS: [&str; 16] = [
    "lightpath",
    "from",
    "to",
    "role",
    "state",
    "capacity_gbps",
    "carries",
    "channel",
    "slots",
    "centre_thz",
    "hops",
    "length_km",
    "nodes",
    "links",
    "regenerators",
    "ports",
];

/// A path of a lightpath as one row.
pub(super) struct PathRow<'a> {
    pub(super) lightpath: &'a Lightpath,
    pub(super) role: &'static str,
    pub(super) state: &'static str,
    /// Index of the first segment's channel on a fixed grid, from 1.
    pub(super) channel: Option<u32>,
    pub(super) slots: String,
    pub(super) centre_thz: f64,
    pub(super) hops: usize,
    pub(super) length_km: f64,
    pub(super) nodes: Vec<&'a str>,
    pub(super) links: Vec<String>,
    pub(super) regenerators: Vec<&'a str>,
    pub(super) ports: String,
}

/// A value of a row.
pub(super) enum Value {
    Text(String),
    Number(f64),
}

impl PathRow<'_> {
    /// The values in the order of [`LIGHTPATH_COLUMNS`].
    pub(super) fn values(&self) -> [Value; 16] {
        let text = |text: &str| Value::Text(text.to_owned());
        [
            text(&self.lightpath.id),
            text(&self.lightpath.ends[0]),
            text(&self.lightpath.ends[1]),
            text(self.role),
            text(self.state),
            Value::Number(self.lightpath.capacity_gbps),
            text(&self.lightpath.carries.join(" ")),
            self.channel.map_or_else(|| text(""), |channel| Value::Number(f64::from(channel))),
            text(&self.slots),
            Value::Number(self.centre_thz),
            Value::Number(self.hops as f64),
            Value::Number(self.length_km),
            text(&self.nodes.join(" > ")),
            text(&self.links.join(" > ")),
            text(&self.regenerators.join(" ")),
            text(&self.ports),
        ]
    }
}

/// Every path of every lightpath, in the order of the plan.
pub(super) fn paths<'a>(report: &'a PlanReport, topology: &'a Topology) -> impl Iterator<Item = PathRow<'a>> {
    let links: BTreeMap<&str, &Link> = topology.links.iter().map(|link| (link.id.as_str(), link)).collect();
    let all = report
        .plan
        .lightpaths
        .iter()
        .flat_map(|lightpath| lightpath.paths.iter().map(move |path| (lightpath, path)));
    all.map(move |(lightpath, path)| row(report, &links, lightpath, path))
}

fn row<'a>(
    report: &'a PlanReport,
    links: &BTreeMap<&str, &'a Link>,
    lightpath: &'a Lightpath,
    path: &'a LightpathPath,
) -> PathRow<'a> {
    let hops = || path.segments.iter().flat_map(|segment| &segment.hops);
    let mut nodes = vec![lightpath.ends[0].as_str()];
    for hop in hops() {
        if let Some(link) = links.get(hop.link.as_str()) {
            nodes.push(if hop.direction == Direction::Ab { &link.b } else { &link.a });
        }
    }
    let length_km: f64 =
        hops().filter_map(|hop| links.get(hop.link.as_str())).map(|link| link.length_km).sum();
    let first = path.segments.first();
    let port = |port: &crate::plan::Port| format!("{}/{}/{}", port.node, port.bank, port.port);
    PathRow {
        lightpath,
        role: match path.role {
            PathRole::Working => "working",
            PathRole::Protection => "protection",
            PathRole::Restoration => "restoration",
        },
        state: match lightpath.state {
            crate::plan::LightpathState::Planned => "planned",
            crate::plan::LightpathState::Existing => "existing",
            crate::plan::LightpathState::Locked => "locked",
            crate::plan::LightpathState::Movable => "movable",
        },
        channel: first
            .and_then(|s| report.plan.grid.channel_of(crate::grid::Slot { n: s.n, m: s.m }))
            .map(|channel| channel + 1),
        slots: path.segments.iter().map(|s| format!("({}, {})", s.n, s.m)).collect::<Vec<_>>().join(" "),
        centre_thz: first.map_or(0.0, |s| (193.1e5 + f64::from(s.n) * 625.0).round() / 1e5),
        hops: hops().count(),
        length_km: (length_km * 1e3).round() / 1e3,
        nodes,
        // The fibre is named where it is not the only one.
        links: hops()
            .map(|hop| match links.get(hop.link.as_str()) {
                Some(link) if link.fibres.len() > 1 => format!("{}#{}", hop.link, hop.fibre),
                _ => hop.link.clone(),
            })
            .collect(),
        regenerators: path.segments.iter().skip(1).map(|segment| segment.tx.node.as_str()).collect(),
        ports: path
            .segments
            .iter()
            .map(|s| format!("{} {}", port(&s.tx), port(&s.rx)))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// A reason and its evidence in words.
pub(super) fn reason(reason: &BlockedReason) -> (&'static str, String) {
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    match reason {
        BlockedReason::NoPath { component } => ("NO_PATH", format!("reachable: {}", list(component))),
        BlockedReason::NoDisjointPair { bridges, articulation_nodes } => (
            "NO_DISJOINT_PAIR",
            format!("bridges: {}; articulation nodes: {}", list(bridges), list(articulation_nodes)),
        ),
        BlockedReason::NoSpectrum { cut, load, capacity, not_continuous } => (
            "NO_SPECTRUM",
            if *not_continuous {
                "slots are free, but none on a whole route".to_owned()
            } else {
                format!("{load} of {capacity} slots are in use over {}", list(cut))
            },
        ),
        BlockedReason::AddDrop { node, bank, holders } => {
            ("ADD_DROP", format!("bank {bank} of {node} is held by {}", list(holders)))
        }
        BlockedReason::Ports { node, ports } => ("PORTS", format!("all {ports} ports of {node} are in use")),
        BlockedReason::Latency { best_us, limit_us } => {
            ("LATENCY", format!("at best {best_us:.1} µs, allowed are {limit_us:.1} µs"))
        }
        BlockedReason::Constraint { constraint } => ("CONSTRAINT", constraint.clone()),
    }
}

/// The key figures as rows.
pub(super) fn summary(report: &PlanReport) -> Vec<(&'static str, String)> {
    let summary = &report.summary;
    let optional = |value: Option<u32>| value.map(|value| value.to_string());
    let mut rows = vec![
        ("requests", summary.requests.to_string()),
        ("lightpaths", summary.lightpaths.to_string()),
        ("blocked", summary.blocked.to_string()),
        ("blocked Gb/s", number(summary.blocked_gbps)),
    ];
    rows.extend(optional(summary.wavelengths).map(|value| ("wavelengths", value)));
    rows.extend(optional(summary.highest_slot).map(|value| ("highest slot", value)));
    let best = summary.bounds.iter().map(|bound| bound.value).reduce(f64::max);
    rows.extend(best.map(|best| ("lower bound", number(best))));
    rows.extend(summary.gap.map(|gap| ("gap", number(gap))));
    rows.extend([
        ("regenerators", summary.regenerators.to_string()),
        ("hops", summary.hops.to_string()),
        ("length km", number(summary.length_km)),
        ("detour ratio", number(report.routes.detour_ratio)),
        ("largest latency µs", number(report.routes.max_latency_us)),
        ("violations", summary.violations.to_string()),
    ]);
    rows.extend(report.unplanned.iter().map(|unplanned| ("not planned", unplanned.detail.clone())));
    rows
}

/// A number to at most three decimals.
pub(super) fn number(value: f64) -> String {
    let rounded = (value * 1e3).round() / 1e3;
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

/// Text for the inside of XML and HTML, attributes included; characters that XML cannot have become `\u{fffd}`.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            other => escaped.push(other),
        }
    }
    escaped
}
