//! Grooming from end to end: client services of each demand into lines, containers and lightpath requests.
//!
//! | file | what |
//! |---|---|
//! | `lines` | clients below 10 Gb/s into as few 10G lines as possible |
//! | `demand` | lines onto cards, 10G clients into containers, containers against the threshold |
//! | `shelves` | cards into slots |
//! | `report` | the document |
//!
//! Demands are groomed independently of each other: a shard takes a block of them.

mod demand;
mod lines;
#[cfg(test)]
mod mutations;
mod report;
mod shelves;
#[cfg(test)]
mod tests;

use optics::finding::Finding;
use optics::grooming::{Fill, GroomingReport, LIGHTPATH_GBPS};
use optics::topology::Topology;
use optics::traffic::TrafficMatrix;
use optics::validate::{validate_topology, validate_traffic, validate_traffic_on};
use optics::verify_grooming::verify_grooming;
use optics::violation::Violation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::algorithm::{Algorithm, Job, ShardIndex, StageInfo, Step};
use crate::control::Control;
use crate::documents::Documents;
use crate::error::AlgorithmError;

pub use demand::GroomedDemand;
pub(super) use report::assemble;

/// Most lightpaths that demands given by rates may ask for.
const MAX_LIGHTPATHS: f64 = 1e6;

/// End-to-end grooming without clusters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grooming;

/// How to groom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroomingParams {
    /// Least filling of a demand's last 100G container in Gb/s: what is filled less is left over and reported. With 0
    /// everything is carried.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub threshold_gbps: f64,
    /// How the 10G clients of a demand are spread over its containers.
    pub fill: Fill,
    /// Demands that a shard grooms.
    #[schemars(range(min = 1))]
    pub demands_per_shard: u32,
}

impl Default for GroomingParams {
    fn default() -> Self {
        Self { threshold_gbps: 0.0, fill: Fill::Sequential, demands_per_shard: 32 }
    }
}

/// The documents that are groomed.
#[derive(Clone, Debug)]
pub struct GroomingInputs {
    /// The sites.
    pub topology: Topology,
    /// The services.
    pub traffic: TrafficMatrix,
}

/// What the shards of the one stage share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroomingState {
    /// Demands that each shard takes, in the order of the traffic matrix; the last shard takes what is left.
    demands_per_shard: u32,
}

impl Algorithm for Grooming {
    const NAME: &'static str = "grooming";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str =
        "Grooms client services into 10G lines, 100G containers and lightpath requests.";
    const STAGES: &'static [StageInfo] =
        &[StageInfo { name: "pack", does: "grooms a block of demands: lines, cards, containers" }];
    const INPUTS: &'static [(&'static str, bool)] = &[("topology", true), ("traffic", true)];

    type Params = GroomingParams;
    type Inputs = GroomingInputs;
    type State = GroomingState;
    type Partial = Vec<GroomedDemand>;
    type Report = GroomingReport;

    fn open(&self, documents: &Documents, params: &GroomingParams) -> Result<GroomingInputs, AlgorithmError> {
        check_params(params)?;
        let topology: Topology = documents.parse("topology")?;
        let traffic: TrafficMatrix = documents.parse("traffic")?;
        refuse("topology", &validate_topology(&topology))?;
        refuse("traffic", &validate_traffic(&traffic))?;
        refuse("traffic", &validate_traffic_on(&traffic, &topology))?;
        refuse("traffic", &too_many_lightpaths(&traffic))?;
        Ok(GroomingInputs { topology, traffic })
    }

    fn plan(&self, job: &Job<'_, Self>, _: &Control) -> Result<Step<Self>, AlgorithmError> {
        let demands = u32::try_from(job.inputs.traffic.demands.len()).unwrap_or(u32::MAX);
        let demands_per_shard = job.params.demands_per_shard;
        Ok(Step::Stage {
            name: "pack",
            state: GroomingState { demands_per_shard },
            shards: demands.div_ceil(demands_per_shard),
            note: None,
        })
    }

    fn execute(
        &self,
        job: &Job<'_, Self>,
        state: &GroomingState,
        shard: ShardIndex,
        control: &Control,
    ) -> Result<Vec<GroomedDemand>, AlgorithmError> {
        let block = job.inputs.traffic.demands.chunks(state.demands_per_shard as usize).nth(shard as usize);
        block
            .unwrap_or_default()
            .iter()
            .map(|demand| {
                control.check()?;
                demand::groom(demand, job.params.threshold_gbps, job.params.fill, control)
            })
            .collect()
    }

    fn merge(
        &self,
        job: &Job<'_, Self>,
        _: &GroomingState,
        partials: &mut dyn Iterator<Item = Result<Vec<GroomedDemand>, AlgorithmError>>,
        control: &Control,
    ) -> Result<Step<Self>, AlgorithmError> {
        let mut groomed = Vec::with_capacity(job.inputs.traffic.demands.len());
        for partial in partials {
            control.check()?;
            groomed.append(&mut partial?);
        }
        Ok(Step::Done(report::assemble(job.inputs, job.params, &groomed)))
    }

    fn verify(&self, job: &Job<'_, Self>, report: &GroomingReport) -> Vec<Violation> {
        verify_grooming(&job.inputs.topology, &job.inputs.traffic, report)
    }
}

/// Refuses parameters that cannot be meant.
fn check_params(params: &GroomingParams) -> Result<(), AlgorithmError> {
    let invalid = |field: &str, detail: String| {
        Err(AlgorithmError::InvalidParams { pointer: format!("/{field}"), detail })
    };
    if !(0.0..=100.0).contains(&params.threshold_gbps) {
        return invalid(
            "threshold_gbps",
            format!("is {}, must lie between 0 and 100", params.threshold_gbps),
        );
    }
    if params.demands_per_shard == 0 {
        return invalid("demands_per_shard", "is 0, must be at least 1".to_owned());
    }
    Ok(())
}

/// Rates are free numbers: what would need more lightpaths than any network carries is a mistake of units.
fn too_many_lightpaths(traffic: &TrafficMatrix) -> Vec<Finding> {
    let mut lightpaths = 0.0;
    for (i, demand) in traffic.demands.iter().enumerate() {
        lightpaths += (demand::largest_rate_gbps(demand) / LIGHTPATH_GBPS).ceil();
        if lightpaths > MAX_LIGHTPATHS {
            let detail = format!(
                "more than {MAX_LIGHTPATHS} lightpaths of {LIGHTPATH_GBPS} Gb/s are asked for up to here"
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
