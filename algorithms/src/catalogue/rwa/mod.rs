//! Routing and wavelength assignment on a fixed grid, with wavelength continuity, add/drop rules and 1+1 protection.
//!
//! The method is an ejection search over layers (one wavelength of the whole network each) at a fixed number of them,
//! which falls until a lower bound is met:
//!
//! | file | what |
//! |---|---|
//! | `task` | what is given: topology, requests, rules; requests of a traffic matrix |
//! | `instance`, `indexing` | the same in indices |
//! | `layers` | who holds what in each layer |
//! | `quest`, `disjoint`, `router`, `displace` | routes and disjoint pairs, free or displacing least |
//! | `search`, `round`, `polish` | the search, a shard of it, and shorter routes at the end |
//! | `bounds` | lower bounds with certificates |
//! | `stages` | the stages, for this algorithm and those that embed it |
//! | `report`, `blocked` | the plan in documents, with evidence for what is blocked |
//!
//! No signal quality is computed: the report says `qot: none`. Restoration is not planned: the report lists who asked
//! for it under `unplanned`.

pub mod blocked;
pub mod bounds;
pub mod disjoint;
mod displace;
mod indexing;
pub mod instance;
pub mod layers;
pub mod params;
pub mod polish;
pub mod quest;
pub mod report;
pub mod round;
pub mod router;
pub mod search;
pub mod solution;
pub mod stages;
pub mod task;

use std::collections::BTreeMap;

use optics::grooming::SubMatrix;
use optics::report::PlanReport;
use optics::request::LightpathRequest;
use optics::topology::Topology;
use optics::traffic::TrafficMatrix;
use optics::validate::validate_traffic_on;
use optics::verify::verify_report;
use optics::violation::Violation;
use serde::Deserialize;

pub use params::RwaParams;
pub use stages::{Next, RwaPartial, RwaState};
pub use task::{RouteRules, Task, requests_of};

use crate::algorithm::{Algorithm, Job, ShardIndex, StageInfo, Step};
use crate::control::Control;
use crate::documents::Documents;
use crate::error::AlgorithmError;

/// Routing and wavelength assignment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rwa;

/// The opened inputs of a run.
pub struct RwaInputs {
    /// The task.
    pub task: Task,
    /// The traffic matrix, where there is one: its demands' conditions are checked at the end.
    pub traffic: Option<TrafficMatrix>,
}

/// The part of a grooming report that this needs.
#[derive(Deserialize)]
struct Groomed {
    requests: Vec<LightpathRequest>,
    /// The demands that were packed, where they are not those of the traffic matrix.
    #[serde(default)]
    matrices: Vec<SubMatrix>,
}

impl Algorithm for Rwa {
    const NAME: &'static str = "rwa";
    const VERSION: u32 = 2;
    const SUMMARY: &'static str = "Routes lightpaths and assigns wavelengths on a fixed grid: as few wavelengths as possible, with proven bounds.";
    const STAGES: &'static [StageInfo] = stages::STAGES;
    const INPUTS: &'static [(&'static str, bool)] =
        &[("topology", true), ("traffic", false), ("grooming", false)];

    type Params = RwaParams;
    type Inputs = RwaInputs;
    type State = RwaState;
    type Partial = RwaPartial;
    type Report = PlanReport;

    fn open(&self, documents: &Documents, params: &RwaParams) -> Result<RwaInputs, AlgorithmError> {
        params.validate()?;
        let topology: Topology = documents.parse("topology")?;
        let mut traffic: Option<TrafficMatrix> =
            documents.bytes("traffic").map(|_| documents.parse("traffic")).transpose()?;
        if let Some(traffic) = &traffic {
            let findings = validate_traffic_on(traffic, &topology);
            if let Some(first) = findings.into_iter().find(optics::finding::Finding::is_error) {
                return Err(AlgorithmError::InvalidInput {
                    role: "traffic".to_owned(),
                    pointer: first.pointer,
                    detail: first.detail,
                });
            }
        }
        let requests = if documents.bytes("grooming").is_some() {
            let groomed: Groomed = documents.parse("grooming")?;
            if let Some(traffic) = traffic.as_mut().filter(|_| !groomed.matrices.is_empty()) {
                // requests are of these demands, and so are the conditions on their routes
                traffic.demands = groomed.matrices.into_iter().flat_map(|matrix| matrix.demands).collect();
            }
            groomed.requests
        } else if let Some(traffic) = &traffic {
            requests_of(traffic, params.lightpath_capacity_gbps)
        } else {
            return Err(AlgorithmError::InvalidInput {
                role: "traffic".to_owned(),
                pointer: String::new(),
                detail: "is required where there is no grooming".to_owned(),
            });
        };
        let rules = traffic.as_ref().map_or_else(BTreeMap::new, RouteRules::of);
        Ok(RwaInputs { task: Task::new(topology, requests, &rules, params)?, traffic })
    }

    fn plan(&self, job: &Job<'_, Self>, _: &Control) -> Result<Step<Self>, AlgorithmError> {
        Ok(stages::plan(&job.inputs.task).into())
    }

    fn execute(
        &self,
        job: &Job<'_, Self>,
        state: &RwaState,
        shard: ShardIndex,
        control: &Control,
    ) -> Result<RwaPartial, AlgorithmError> {
        stages::execute(&job.inputs.task, job.params, job.seed, state, shard, control)
    }

    fn merge(
        &self,
        job: &Job<'_, Self>,
        state: &RwaState,
        partials: &mut dyn Iterator<Item = Result<RwaPartial, AlgorithmError>>,
        _: &Control,
    ) -> Result<Step<Self>, AlgorithmError> {
        Ok(stages::merge(&job.inputs.task, job.params, state, partials)?.into())
    }

    fn verify(&self, job: &Job<'_, Self>, report: &PlanReport) -> Vec<Violation> {
        check(&job.inputs.task, job.inputs.traffic.as_ref(), report)
    }
}

/// Checks a report with code that the planner does not share.
#[must_use]
pub fn check(task: &Task, traffic: Option<&TrafficMatrix>, report: &PlanReport) -> Vec<Violation> {
    verify_report(&task.topology, traffic, &task.requests, report)
}

impl From<Next> for Step<Rwa> {
    fn from(next: Next) -> Self {
        match next {
            Next::Stage { name, state, shards, note } => Self::Stage { name, state, shards, note },
            Next::Done(report) => Self::Done(*report),
        }
    }
}
