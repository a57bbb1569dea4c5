//! A network from services to wavelengths in one run: grooming, then routing and wavelength assignment of its requests.
//!
//! The stages are those of [`grooming`] followed by those of [`rwa`]. From the second one on a state carries what was
//! groomed, so that any worker can go on from it.

use std::sync::OnceLock;

use optics::grooming::GroomingReport;
use optics::report::PlanReport;
use optics::violation::Violation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grooming::{
    self, GroomedDemand, Grooming, GroomingInputs, GroomingOutcome, GroomingParams, GroomingState,
};
use super::rwa::{self, Next, RouteRules, RwaParams, RwaPartial, RwaState, Task};
use crate::algorithm::{Algorithm, Job, ShardIndex, StageInfo, Step};
use crate::control::Control;
use crate::documents::Documents;
use crate::error::AlgorithmError;

/// Grooming followed by routing and wavelength assignment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Design;

/// Parameters of both parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DesignParams {
    /// How services are groomed.
    pub grooming: GroomingParams,
    /// How lightpaths are routed.
    pub rwa: RwaParams,
}

/// What the shards of a stage share.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DesignState {
    /// Services are being groomed.
    Groom(GroomingState),
    /// Lightpaths are being routed.
    Route(Box<Routing>),
}

/// Routing what was groomed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Routing {
    groomed: GroomingOutcome,
    rwa: RwaState,
    /// Made of the rest when it is first asked for, once for all shards of a worker.
    #[serde(skip)]
    ready: OnceLock<Ready>,
}

/// What follows from inputs and grooming.
#[derive(Debug)]
struct Ready {
    grooming: GroomingReport,
    task: Task,
}

/// What one shard gives back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DesignPartial {
    /// Demands that were groomed.
    Groomed(Vec<GroomedDemand>),
    /// A partial result of routing.
    Routed(RwaPartial),
}

/// The plan, and what its lightpaths carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DesignReport {
    /// The plan with its key figures.
    pub plan_report: PlanReport,
    /// The grooming; each of its lightpaths has the id of a lightpath, or of something blocked, in the plan.
    pub grooming: GroomingReport,
}

impl Algorithm for Design {
    const NAME: &'static str = "design";
    const VERSION: u32 = 3;
    const SUMMARY: &'static str =
        "Grooms client services, then routes the lightpaths and assigns wavelengths: a network in one run.";
    const STAGES: &'static [StageInfo] = &[
        Grooming::STAGES[0],
        Grooming::STAGES[1],
        rwa::stages::STAGES[0],
        rwa::stages::STAGES[1],
        rwa::stages::STAGES[2],
    ];
    const INPUTS: &'static [(&'static str, bool)] = Grooming::INPUTS;

    type Params = DesignParams;
    type Inputs = GroomingInputs;
    type State = DesignState;
    type Partial = DesignPartial;
    type Report = DesignReport;

    fn open(&self, documents: &Documents, params: &DesignParams) -> Result<GroomingInputs, AlgorithmError> {
        params.rwa.validate().map_err(|error| below("/rwa", error))?;
        Grooming.open(documents, &params.grooming).map_err(|error| below("/grooming", error))
    }

    fn plan(&self, job: &Job<'_, Self>, control: &Control) -> Result<Step<Self>, AlgorithmError> {
        let next = grooming::plan(job.inputs, &job.params.grooming, control)?;
        go_on(job, next, control)
    }

    fn execute(
        &self,
        job: &Job<'_, Self>,
        state: &DesignState,
        shard: ShardIndex,
        control: &Control,
    ) -> Result<DesignPartial, AlgorithmError> {
        match state {
            DesignState::Groom(state) => {
                Grooming.execute(&grooming_job(job), state, shard, control).map(DesignPartial::Groomed)
            }
            DesignState::Route(routing) => {
                let task = &routing.ready(job, control)?.task;
                rwa::stages::execute(task, &job.params.rwa, job.seed, &routing.rwa, shard, control)
                    .map(DesignPartial::Routed)
            }
        }
    }

    fn merge(
        &self,
        job: &Job<'_, Self>,
        state: &DesignState,
        partials: &mut dyn Iterator<Item = Result<DesignPartial, AlgorithmError>>,
        control: &Control,
    ) -> Result<Step<Self>, AlgorithmError> {
        match state {
            DesignState::Groom(state) => {
                let mut partials = partials.map(|partial| match partial? {
                    DesignPartial::Groomed(own) => Ok(own),
                    DesignPartial::Routed(_) => Err(of_another_stage()),
                });
                let params = &job.params.grooming;
                let next = grooming::merge(job.inputs, params, state, &mut partials, control)?;
                go_on(job, next, control)
            }
            DesignState::Route(routing) => {
                let ready = routing.ready(job, control)?;
                let mut partials = partials.map(|partial| match partial? {
                    DesignPartial::Routed(partial) => Ok(partial),
                    DesignPartial::Groomed(_) => Err(of_another_stage()),
                });
                let next = rwa::stages::merge(&ready.task, &job.params.rwa, &routing.rwa, &mut partials)?;
                Ok(step(next, &ready.grooming, routing.groomed.clone()))
            }
        }
    }

    fn verify(&self, job: &Job<'_, Self>, report: &DesignReport) -> Vec<Violation> {
        let mut violations = Grooming.verify(&grooming_job(job), &report.grooming);
        match task(job, &report.grooming) {
            Ok(task) => violations.extend(rwa::check(
                &task,
                Some(&report.grooming.packed(&job.inputs.traffic)),
                &report.plan_report,
            )),
            Err(error) => violations.push(Violation {
                rule: "REQUEST".to_owned(),
                subject: "grooming".to_owned(),
                detail: format!("its requests cannot be routed: {error}"),
            }),
        }
        violations
    }
}

impl Routing {
    /// An attempt that was cancelled leaves nothing behind.
    fn ready(&self, job: &Job<'_, Design>, control: &Control) -> Result<&Ready, AlgorithmError> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready);
        }
        let ready = Ready::new(job, &self.groomed, control)?;
        Ok(self.ready.get_or_init(|| ready))
    }
}

impl Ready {
    fn new(
        job: &Job<'_, Design>,
        groomed: &GroomingOutcome,
        control: &Control,
    ) -> Result<Self, AlgorithmError> {
        let grooming = grooming::report_of(job.inputs, &job.params.grooming, groomed, control)?;
        let task = task(job, &grooming)?;
        Ok(Self { grooming, task })
    }
}

/// Grooms on, or begins to route what was groomed.
fn go_on(
    job: &Job<'_, Design>,
    next: grooming::Next,
    control: &Control,
) -> Result<Step<Design>, AlgorithmError> {
    match next {
        grooming::Next::Stage { name, state, shards } => {
            Ok(Step::Stage { name, state: DesignState::Groom(state), shards, note: None })
        }
        grooming::Next::Groomed(groomed) => {
            let ready = Ready::new(job, &groomed, control)?;
            Ok(step(rwa::stages::plan(&ready.task), &ready.grooming, groomed))
        }
    }
}

/// The routing task that a grooming sets.
fn task(job: &Job<'_, Design>, grooming: &GroomingReport) -> Result<Task, AlgorithmError> {
    let GroomingInputs { topology, traffic, .. } = job.inputs;
    let rules = RouteRules::of(&grooming.packed(traffic));
    Task::new(topology.clone(), grooming.requests.clone(), &rules, &job.params.rwa)
        .map_err(|error| below("/rwa", error))
}

fn step(next: Next, grooming: &GroomingReport, groomed: GroomingOutcome) -> Step<Design> {
    match next {
        Next::Stage { name, state, shards, note } => {
            let routing = Routing { groomed, rwa: state, ready: OnceLock::new() };
            Step::Stage { name, state: DesignState::Route(Box::new(routing)), shards, note }
        }
        Next::Done(plan_report) => {
            Step::Done(DesignReport { plan_report: *plan_report, grooming: grooming.clone() })
        }
    }
}

fn grooming_job<'a>(job: &Job<'a, Design>) -> Job<'a, Grooming> {
    Job { inputs: job.inputs, params: &job.params.grooming, seed: job.seed }
}

/// Parameters of a part stand below its name.
fn below(part: &str, error: AlgorithmError) -> AlgorithmError {
    match error {
        AlgorithmError::InvalidParams { pointer, detail } => {
            AlgorithmError::InvalidParams { pointer: format!("{part}{pointer}"), detail }
        }
        other => other,
    }
}

fn of_another_stage() -> AlgorithmError {
    AlgorithmError::Unreadable { detail: "a partial result of another stage".to_owned() }
}
