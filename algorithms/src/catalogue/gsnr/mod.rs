//! Signal quality of routes: GSNR, margins of all modes, what limits a route and where it needs regeneration.
//!
//! | file | what |
//! |---|---|
//! | `params` | which routes, under which load |
//! | `inputs` | the designed line, the combs and the modes |
//! | `lit` | the channels that are really lit |
//! | `route` | one row of the report |
//! | `regeneration` | fewest regenerators of a mode |
//! | `check` | rows against propagation through every element, where they are made and in the report |
//!
//! A shard takes the routes from one node, or a block of given routes. What light does on a link is worked out once per
//! shard and comb ([`optics::propagation::FoldedLine`]).

mod check;
mod inputs;
mod lit;
mod params;
mod regeneration;
mod route;
#[cfg(test)]
mod tests;

use optics::paths::{self, k_shortest};
use optics::plan::Hop;
use optics::propagation::FoldedLine;
use optics::quality::{Loading, ModeReach, NodePair, QualityReport, QualitySummary, RouteQuality};
use optics::violation::Violation;
use serde::{Deserialize, Serialize};

use crate::algorithm::{Algorithm, Job, ShardIndex, StageInfo, Step};
use crate::control::Control;
use crate::documents::Documents;
use crate::error::AlgorithmError;

pub use inputs::GsnrInputs;
pub use params::{GivenRoute, GsnrParams, LitChannel, LitLightpath, LitMode};
use route::Ends;

/// Given routes that a shard takes.
const GIVEN_PER_SHARD: usize = 64;

/// Signal quality of given routes, or of the k shortest routes of all pairs of nodes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gsnr;

/// Nothing: a shard's index says what to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GsnrState {}

/// The rows of one shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GsnrPartial {
    routes: Vec<RouteQuality>,
    unreachable: Vec<NodePair>,
}

impl Algorithm for Gsnr {
    const NAME: &'static str = "gsnr";
    const VERSION: u32 = 2;
    const SUMMARY: &'static str =
        "Computes the signal quality of routes: GSNR, margin and best mode, worst span, regenerators.";
    const STAGES: &'static [StageInfo] =
        &[StageInfo { name: "routes", does: "the routes from one node, or a block of given routes" }];
    const INPUTS: &'static [(&'static str, bool)] =
        &[("topology", true), ("equipment", true), ("plan", false)];

    type Params = GsnrParams;
    type Inputs = GsnrInputs;
    type State = GsnrState;
    type Partial = GsnrPartial;
    type Report = QualityReport;

    fn open(&self, documents: &Documents, params: &GsnrParams) -> Result<GsnrInputs, AlgorithmError> {
        GsnrInputs::open(documents, params)
    }

    fn plan(&self, job: &Job<'_, Self>, _: &Control) -> Result<Step<Self>, AlgorithmError> {
        let given = job.inputs.given.len();
        let shards = if given > 0 { given.div_ceil(GIVEN_PER_SHARD) } else { job.inputs.sites.len() };
        let shards = u32::try_from(shards).unwrap_or(u32::MAX);
        Ok(Step::Stage { name: "routes", state: GsnrState {}, shards, note: None })
    }

    fn execute(
        &self,
        job: &Job<'_, Self>,
        _: &GsnrState,
        shard: ShardIndex,
        control: &Control,
    ) -> Result<GsnrPartial, AlgorithmError> {
        let (inputs, shard) = (job.inputs, shard as usize);
        let line = FoldedLine::new(&inputs.propagation);
        let mut partial = GsnrPartial { routes: Vec::new(), unreachable: Vec::new() };
        if inputs.given.is_empty() {
            let from = inputs.sites[shard];
            for &to in inputs.sites.iter().filter(|&&to| to != from) {
                control.check()?;
                let ends = Ends { from, to };
                let km = |link: usize| Some(inputs.network.links[link].length_km);
                let routes = k_shortest(&inputs.network, from, to, job.params.k as usize, km);
                if routes.is_empty() {
                    partial.unreachable.push(inputs.pair(ends));
                }
                for (rank, route) in (1..).zip(routes) {
                    control.check()?;
                    partial.routes.push(route::quality(inputs, &line, ends, rank, inputs.hops(&route))?);
                }
            }
        } else {
            let first = shard * GIVEN_PER_SHARD;
            let block = inputs.given.iter().enumerate().skip(first).take(GIVEN_PER_SHARD);
            for (position, (ends, route)) in block {
                control.check()?;
                let rank = u32::try_from(position + 1).unwrap_or(u32::MAX);
                partial.routes.push(route::quality(inputs, &line, *ends, rank, inputs.hops(route))?);
            }
        }
        let violations = check::rows(inputs, &partial.routes, control)?;
        if violations.is_empty() { Ok(partial) } else { Err(AlgorithmError::Violations(violations)) }
    }

    fn merge(
        &self,
        job: &Job<'_, Self>,
        _: &GsnrState,
        partials: &mut dyn Iterator<Item = Result<GsnrPartial, AlgorithmError>>,
        control: &Control,
    ) -> Result<Step<Self>, AlgorithmError> {
        let mut report = QualityReport { notes: job.inputs.notes.clone(), ..QualityReport::default() };
        for partial in partials {
            control.check()?;
            let GsnrPartial { routes, unreachable } = partial?;
            report.routes.extend(routes);
            report.unreachable.extend(unreachable);
        }
        report.lightpaths = job.inputs.lit.as_ref().map_or_else(Vec::new, |lit| lit.lightpaths(job.inputs));
        report.summary = summary(job.inputs, job.params.loading, &report.routes);
        Ok(Step::Done(report))
    }

    fn verify(&self, job: &Job<'_, Self>, report: &QualityReport) -> Vec<Violation> {
        check::violations(job.inputs, report)
    }
}

fn summary(inputs: &GsnrInputs, loading: Loading, routes: &[RouteQuality]) -> QualitySummary {
    let least = routes.iter().map(|route| route.gsnr_db_01nm).min_by(f64::total_cmp);
    let modes = inputs.modes.iter().enumerate().map(|(at, mode)| {
        let travelled = || routes.iter().filter(move |route| route.modes[at].feasible);
        ModeReach {
            transceiver: mode.transceiver.clone(),
            mode: mode.mode.name.clone(),
            routes: travelled().count(),
            longest_km: travelled().map(|route| route.length_km).max_by(f64::total_cmp),
        }
    });
    let without = |route: &&RouteQuality| route.best_mode.as_ref().is_some_and(|best| best.regenerators == 0);
    QualitySummary {
        routes: routes.len(),
        routes_without_regeneration: routes.iter().filter(without).count(),
        routes_out_of_reach: routes.iter().filter(|route| route.best_mode.is_none()).count(),
        least_gsnr_db_01nm: least,
        modes: modes.collect(),
        loading,
        system_margin_db: inputs.system_margin_db,
    }
}

impl GsnrInputs {
    fn pair(&self, Ends { from, to }: Ends) -> NodePair {
        let id = |node: usize| self.network.nodes[node].id.clone();
        NodePair { from: id(from), to: id(to) }
    }

    /// A route over the first fibre pair of each of its links.
    fn hops(&self, route: &paths::Route) -> Vec<Hop> {
        let hop = |step: &optics::network::Adjacent| {
            let link = &self.network.links[step.link];
            let fibre = self.network.fibres[link.first_fibre].id.clone();
            Hop { link: link.id.clone(), fibre, direction: step.direction }
        };
        route.iter().map(hop).collect()
    }
}
