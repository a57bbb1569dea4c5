//! Grooming: client services of each demand into lines, containers and lightpath requests.
//!
//! | file | what |
//! |---|---|
//! | `params` | how to groom |
//! | `stages` | the stages, for this algorithm and those that embed it |
//! | `lines` | clients below 10 Gb/s into as few 10G lines as possible |
//! | `demand` | lines onto cards, 10G clients into containers, containers against the threshold |
//! | `split` | services that fill no container, split at the gateways of clusters |
//! | `propose` | clusters, where nobody names them |
//! | `collect`, `connect`, `connections` | leaves, clusters and corners collected at gateways; demands that share connections |
//! | `derived`, `network` | the sub-matrices that come of it; the network underneath |
//! | `manual` | groomings made by hand |
//! | `shelves` | cards into slots |
//! | `report`, `table` | the document |
//!
//! Demands are packed independently of each other: a shard takes a block of them.

mod collect;
mod connect;
mod connections;
mod demand;
mod derived;
mod lines;
mod manual;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod mutations;
mod network;
mod params;
mod propose;
mod report;
mod shelves;
mod split;
mod stages;
mod table;
#[cfg(test)]
mod tests;

use optics::clusters::{Cluster, ClusterSet, validate_clusters};
use optics::finding::Finding;
use optics::grooming::{GroomingMode, GroomingReport};
use optics::manual_grooming::ManualGrooming;
use optics::topology::Topology;
use optics::traffic::TrafficMatrix;
use optics::validate::{validate_topology, validate_traffic, validate_traffic_on};
use optics::verify_grooming::verify_grooming;
use optics::violation::Violation;

use crate::algorithm::{Algorithm, Job, ShardIndex, StageInfo, Step};
use crate::control::Control;
use crate::documents::Documents;
use crate::error::AlgorithmError;

pub use demand::GroomedDemand;
pub use derived::Derived;
pub use params::{GroomingParams, Join};
pub use propose::propose_clusters;
pub use stages::{GroomingOutcome, GroomingState, Next};
pub(super) use stages::{merge, plan};

/// Most lightpaths that demands given by rates may ask for.
const MAX_LIGHTPATHS: f64 = 1e6;

/// Grooming, in every mode.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grooming;

/// The documents that are groomed.
#[derive(Clone, Debug)]
pub struct GroomingInputs {
    /// The sites.
    pub topology: Topology,
    /// The services.
    pub traffic: TrafficMatrix,
    /// The clusters that the mode makes use of: as given, or proposed.
    pub clusters: Vec<Cluster>,
    /// What was made by hand, in the mode for that.
    pub manual: Option<ManualGrooming>,
}

impl Algorithm for Grooming {
    const NAME: &'static str = "grooming";
    const VERSION: u32 = 2;
    const SUMMARY: &'static str = "Grooms client services into 10G lines, containers and lightpath requests: from end to end, at gateways of clusters, or sharing connections.";
    const STAGES: &'static [StageInfo] = &[
        StageInfo { name: "try", does: "packs a block of demands to see which services fill lightpaths" },
        StageInfo { name: "pack", does: "grooms a block of demands: lines, cards, containers" },
    ];
    const INPUTS: &'static [(&'static str, bool)] =
        &[("topology", true), ("traffic", true), ("clusters", false), ("grooming", false)];

    type Params = GroomingParams;
    type Inputs = GroomingInputs;
    type State = GroomingState;
    type Partial = Vec<GroomedDemand>;
    type Report = GroomingReport;

    fn open(&self, documents: &Documents, params: &GroomingParams) -> Result<GroomingInputs, AlgorithmError> {
        params.validate()?;
        let topology: Topology = documents.parse("topology")?;
        let traffic: TrafficMatrix = documents.parse("traffic")?;
        refuse("topology", &validate_topology(&topology))?;
        refuse("traffic", &validate_traffic(&traffic))?;
        refuse("traffic", &validate_traffic_on(&traffic, &topology))?;
        refuse("traffic", &too_many_lightpaths(&traffic, params.line_rate_gbps))?;
        let clusters = clusters(documents, params, &topology)?;
        let manual = match params.mode {
            GroomingMode::Manual => Some(read_manual(documents, &traffic)?),
            _ => None,
        };
        let inputs = GroomingInputs { topology, traffic, clusters, manual };
        if inputs.manual.is_some() {
            manual::report(&inputs, params)?;
        }
        Ok(inputs)
    }

    fn plan(&self, job: &Job<'_, Self>, control: &Control) -> Result<Step<Self>, AlgorithmError> {
        finish(job, stages::plan(job.inputs, job.params, control)?, control)
    }

    fn execute(
        &self,
        job: &Job<'_, Self>,
        state: &GroomingState,
        shard: ShardIndex,
        control: &Control,
    ) -> Result<Vec<GroomedDemand>, AlgorithmError> {
        stages::execute(job.inputs, job.params, state, shard, control)
    }

    fn merge(
        &self,
        job: &Job<'_, Self>,
        state: &GroomingState,
        partials: &mut dyn Iterator<Item = Result<Vec<GroomedDemand>, AlgorithmError>>,
        control: &Control,
    ) -> Result<Step<Self>, AlgorithmError> {
        finish(job, stages::merge(job.inputs, job.params, state, partials, control)?, control)
    }

    fn verify(&self, job: &Job<'_, Self>, report: &GroomingReport) -> Vec<Violation> {
        verify_grooming(&job.inputs.topology, &job.inputs.traffic, report)
    }
}

/// The report of what was groomed.
///
/// # Errors
/// What deriving sub-matrices or a grooming made by hand meets.
pub(super) fn report_of(
    inputs: &GroomingInputs,
    params: &GroomingParams,
    outcome: &GroomingOutcome,
    control: &Control,
) -> Result<GroomingReport, AlgorithmError> {
    if params.mode == GroomingMode::Manual {
        return manual::report(inputs, params);
    }
    let derived = stages::derived(inputs, params, outcome.left.as_ref(), control)?;
    let packed = report::Packed { derived: derived.as_ref(), groomed: &outcome.groomed };
    Ok(report::assemble(inputs, params, &packed))
}

fn finish(job: &Job<'_, Grooming>, next: Next, control: &Control) -> Result<Step<Grooming>, AlgorithmError> {
    Ok(match next {
        Next::Stage { name, state, shards } => Step::Stage { name, state, shards, note: None },
        Next::Groomed(outcome) => Step::Done(report_of(job.inputs, job.params, &outcome, control)?),
    })
}

/// The clusters that the mode makes use of.
fn clusters(
    documents: &Documents,
    params: &GroomingParams,
    topology: &Topology,
) -> Result<Vec<Cluster>, AlgorithmError> {
    let given = documents.bytes("clusters").map(|_| read_clusters(documents)).transpose()?;
    if let Some(set) = &given {
        refuse("clusters", &validate_clusters(set, topology))?;
    }
    let used = params.mode.collects() || matches!(params.mode, GroomingMode::EndToEnd | GroomingMode::Manual);
    Ok(match given {
        Some(set) if used => set.clusters,
        None if used && params.propose_clusters && params.mode != GroomingMode::Manual => {
            propose_clusters(topology, params.largest_proposed_cluster).clusters
        }
        _ => Vec::new(),
    })
}

/// The document of clusters, ours or that of the original.
fn read_clusters(documents: &Documents) -> Result<ClusterSet, AlgorithmError> {
    let document: serde_json::Value = documents.parse("clusters")?;
    if document.get("clusters").is_some_and(serde_json::Value::is_object) {
        return ClusterSet::of_netplanner(&document).map_err(|finding| AlgorithmError::InvalidInput {
            role: "clusters".to_owned(),
            pointer: finding.pointer,
            detail: finding.detail,
        });
    }
    documents.parse("clusters")
}

/// The grooming made by hand: in the form of the original, or a report of ours, from an earlier run or changed.
fn read_manual(documents: &Documents, traffic: &TrafficMatrix) -> Result<ManualGrooming, AlgorithmError> {
    let document: serde_json::Value = documents.parse("grooming")?;
    if document.get("requests").is_some() {
        let report: GroomingReport = documents.parse("grooming")?;
        return Ok(ManualGrooming::of(&report, traffic));
    }
    documents.parse("grooming")
}

/// Rates are free numbers: what would need more lightpaths than any network carries is a mistake of units.
fn too_many_lightpaths(traffic: &TrafficMatrix, line_rate_gbps: u32) -> Vec<Finding> {
    let mut lightpaths = 0.0;
    for (i, demand) in traffic.demands.iter().enumerate() {
        lightpaths += (demand::largest_rate_gbps(demand) / f64::from(line_rate_gbps)).ceil();
        if lightpaths > MAX_LIGHTPATHS {
            let detail = format!(
                "more than {MAX_LIGHTPATHS} lightpaths of {line_rate_gbps} Gb/s are asked for up to here"
            );
            return vec![Finding::error("TOO_MANY", format!("/demands/{i}"), detail)];
        }
    }
    Vec::new()
}

/// Turns the first finding that stands in the way into an error that names how many there are.
fn refuse(role: &str, findings: &[Finding]) -> Result<(), AlgorithmError> {
    let mut errors = findings.iter().filter(|finding| finding.is_error());
    let Some(first) = errors.next() else { return Ok(()) };
    let others = errors.count();
    let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
    Err(AlgorithmError::InvalidInput {
        role: role.to_owned(),
        pointer: first.pointer.clone(),
        detail: format!("{}: {}{more}", first.code, first.detail),
    })
}
