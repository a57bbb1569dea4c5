//! The independent checker: which rules a plan breaks, whoever made it. It shares no path, slot or quality code with
//! the planners, and reads the documents themselves.
//!
//! One file per family of rules:
//!
//! | file | rules |
//! |---|---|
//! | `routes` | `DUPLICATE_LIGHTPATH`, `WORKING_PATH`, `EMPTY_ROUTE`, `UNKNOWN_LINK`, `UNKNOWN_FIBRE`, `ROUTE_BROKEN`, `ROUTE_ENDS`, `ROUTE_LOOP`, `NO_TRANSIT`, `SEGMENT_ENDS` |
//! | `spectrum` | `GRID_MISMATCH`, `OUTSIDE_GRID`, `NOT_A_CHANNEL`, `UNAVAILABLE_SPECTRUM`, `SPECTRUM_CLASH` |
//! | `add_drop` | `UNKNOWN_BANK`, `PORT_RANGE`, `PORT_SHARED`, `BANK_DEGREE`, `CONTENTION`, `REGENERATOR_PORTS` |
//! | `protection` | `PROTECTION_MISSING`, `PROTECTION_UNASKED`, `NOT_DISJOINT`, `SPLITTER_SLOT`, `SPLITTER_MODE`, `DIFFERENTIAL_DELAY` |
//! | `service` | `REQUEST_MISSING`, `REQUEST_TWICE`, `UNKNOWN_REQUEST`, `REQUEST_ENDS`, `REQUEST_CHANGED`, `CARRIES`, `CAPACITY`, `OVER_CAPACITY` |
//! | `blocked` | `BLOCKED_CHANGED`, `BLOCKED_EVIDENCE`, `BLOCKED_THOUGH_FREE` |
//! | `demands` | `INCLUDE`, `EXCLUDED`, `LATENCY` |
//! | `bounds` | `BOUND_ABOVE_PLAN`, `BOUND_CERTIFICATE` |
//! | `figures` | `SUMMARY`, `LINK_USE`, `UNPLANNED` |

mod add_drop;
mod blocked;
mod bounds;
mod demands;
mod exclusion;
mod figures;
mod flow;
mod protection;
mod routes;
mod service;
mod spectrum;

use std::collections::BTreeMap;

use crate::plan::{Direction, Hop, Lightpath, LightpathPath, Plan};
use crate::report::PlanReport;
use crate::request::LightpathRequest;
use crate::topology::{Link, Node, NodeKind, Topology};
use crate::traffic::{Demand, TrafficMatrix};
use crate::violation::Violation;

/// Most violations listed: a broken planner breaks a rule everywhere, and the first thousand tell as much as all.
const MOST: usize = 1_000;

/// Every rule that `plan` breaks as an answer to `requests` on `topology`; none for a good plan. What demands exclude
/// from their routes is not known here: see [`verify_report`].
///
/// Time: near-linear in hops and ports, plus one search per channel for each blocked request.
#[must_use]
pub fn verify(topology: &Topology, requests: &[LightpathRequest], plan: &Plan) -> Vec<Violation> {
    verify_plan(&Case::new(topology, None, requests, plan))
}

fn verify_plan(case: &Case) -> Vec<Violation> {
    let mut found = Found::default();
    routes::check(case, &mut found);
    spectrum::check(case, &mut found);
    add_drop::check(case, &mut found);
    protection::check(case, &mut found);
    service::check(case, &mut found);
    // Evidence about what is free means something only where what is lit is right.
    if found.list.is_empty() {
        blocked::check(case, &mut found);
    }
    bounds::check_plausible(case, &mut found);
    found.list
}

/// Every condition of a demand that the lightpaths of its requests break: nodes to visit, nodes and links to avoid,
/// latency.
#[must_use]
pub fn verify_demands(
    topology: &Topology,
    traffic: &TrafficMatrix,
    requests: &[LightpathRequest],
    plan: &Plan,
) -> Vec<Violation> {
    let case = Case::new(topology, Some(traffic), requests, plan);
    let mut found = Found::default();
    demands::check(&case, &mut found);
    found.list
}

/// Every bound of `plan` whose certificate does not prove it. The mathematics stands in `verify/bounds.rs`.
#[must_use]
pub fn verify_bounds(topology: &Topology, requests: &[LightpathRequest], plan: &Plan) -> Vec<Violation> {
    let case = Case::new(topology, None, requests, plan);
    let mut found = Found::default();
    bounds::check_certificates(&case, &mut found);
    found.list
}

/// Every rule that the report's plan breaks, every bound that is not proven, every key figure that is not what the plan
/// says; and, where the traffic matrix is given, every condition of its demands that is broken.
#[must_use]
pub fn verify_report(
    topology: &Topology,
    traffic: Option<&TrafficMatrix>,
    requests: &[LightpathRequest],
    report: &PlanReport,
) -> Vec<Violation> {
    let case = Case::new(topology, traffic, requests, &report.plan);
    let mut found = Found { list: verify_plan(&case) };
    demands::check(&case, &mut found);
    bounds::check_certificates(&case, &mut found);
    figures::check(&case, report, &mut found);
    found.list
}

/// The documents, and what is needed to look things up in them.
struct Case<'a> {
    topology: &'a Topology,
    requests: &'a [LightpathRequest],
    plan: &'a Plan,
    nodes: BTreeMap<&'a str, &'a Node>,
    links: BTreeMap<&'a str, &'a Link>,
    /// The demand of each request, by the request's id, where the traffic matrix is known.
    demands: BTreeMap<&'a str, &'a Demand>,
}

impl<'a> Case<'a> {
    fn new(
        topology: &'a Topology,
        traffic: Option<&'a TrafficMatrix>,
        requests: &'a [LightpathRequest],
        plan: &'a Plan,
    ) -> Self {
        let demands: BTreeMap<&str, &Demand> = traffic
            .iter()
            .flat_map(|traffic| &traffic.demands)
            .map(|demand| (demand.id.as_str(), demand))
            .collect();
        Self {
            demands: requests
                .iter()
                .filter_map(|request| Some((request.id.as_str(), *demands.get(request.demand.as_str())?)))
                .collect(),
            topology,
            requests,
            plan,
            nodes: topology.nodes.iter().map(|node| (node.id.as_str(), node)).collect(),
            links: topology.links.iter().map(|link| (link.id.as_str(), link)).collect(),
        }
    }

    /// Every path of every lightpath.
    fn paths(&self) -> impl Iterator<Item = (&'a Lightpath, &'a LightpathPath)> + use<'a> {
        self.plan
            .lightpaths
            .iter()
            .flat_map(|lightpath| lightpath.paths.iter().map(move |path| (lightpath, path)))
    }

    /// Where a hop leads from and to; none if its link is unknown.
    fn ends_of(&self, hop: &Hop) -> Option<(&'a str, &'a str)> {
        let link = self.links.get(hop.link.as_str())?;
        Some(match hop.direction {
            Direction::Ab => (&link.a, &link.b),
            Direction::Ba => (&link.b, &link.a),
        })
    }

    /// Whether a lightpath may pass through a node, optically or by a regenerator.
    fn passable(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|node| node.kind != NodeKind::Terminal && node.express)
    }

    /// Ids of the fibre pairs of a link.
    fn fibres(link: &'a Link) -> Vec<&'a str> {
        if link.fibres.is_empty() { vec!["1"] } else { link.fibres.iter().map(|f| f.id.as_str()).collect() }
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    list: Vec<Violation>,
}

impl Found {
    fn add(&mut self, rule: &str, subject: impl Into<String>, detail: impl Into<String>) {
        if self.list.len() < MOST {
            self.list.push(Violation {
                rule: rule.to_owned(),
                subject: subject.into(),
                detail: detail.into(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
