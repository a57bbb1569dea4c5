//! The stages of routing and wavelength assignment over a [`Task`], so that other algorithms can embed them:
//! `bound` (one shard for each kind of bound) → rounds of `search` (a shard for each seed, on elite plans) →
//! `polish` (a shard for each order) → the report.

use serde::{Deserialize, Serialize};
use serde_json::json;

use optics::report::PlanReport;

use super::bounds::{self, Certificate};
use super::params::RwaParams;
use super::polish;
use super::report;
use super::round::{Elite, Found, Round};
use super::solution::Solution;
use super::task::Task;
use crate::algorithm::{ShardIndex, StageInfo};
use crate::control::Control;
use crate::error::AlgorithmError;
use crate::rng;

/// The stages, for listings.
pub const STAGES: &[StageInfo] = &[
    StageInfo {
        name: "bound",
        does: "proves how many wavelengths are needed at least: cuts, congestion, cliques, terminals",
    },
    StageInfo {
        name: "search",
        does: "searches with one seed from one of the best plans, at fewer wavelengths",
    },
    StageInfo { name: "polish", does: "shortens the routes of the best plan" },
];

/// Streams of randomness of the stages; rounds of the search follow [`SEARCH_STREAM`].
const BOUND_STREAM: u32 = 0;
const POLISH_STREAM: u32 = 1;
const SEARCH_STREAM: u32 = 2;
/// How many orders are tried when polishing.
const POLISH_SHARDS: u32 = 2;
/// Most plans kept between rounds.
const ELITES: usize = 4;

/// What a stage's shards share.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RwaState {
    /// Which bounds are computed, one for each shard.
    Bound(Vec<Method>),
    /// A round of the search.
    Search(SearchState),
    /// The plan to be polished.
    Polish(PolishState),
}

/// A kind of bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Cuts and add/drop.
    Cut,
    /// The congestion linear program.
    Congestion,
    /// Requests that exclude each other.
    Clique,
}

/// A round of the search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchState {
    /// The round, from 0.
    pub round: u32,
    /// Rounds without progress so far.
    pub idle: u32,
    /// Wavelengths that are needed at least.
    pub floor: u32,
    /// What was proven.
    pub certificates: Vec<Certificate>,
    /// The best plans so far, the best first; none in round 0.
    pub elites: Vec<Elite>,
}

/// The plan to be polished.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolishState {
    /// What was proven.
    pub certificates: Vec<Certificate>,
    /// The best plan.
    pub solution: Solution,
}

/// What one shard gives back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RwaPartial {
    /// What was proven.
    Bound(Vec<Certificate>),
    /// What was found.
    Search(Box<Found>),
    /// A plan with shorter routes.
    Polish(Solution),
}

/// What planning and merging yield.
pub enum Next {
    /// Another stage.
    Stage {
        /// One of [`STAGES`].
        name: &'static str,
        /// What its shards share.
        state: RwaState,
        /// How many shards.
        shards: u32,
        /// For people.
        note: Option<serde_json::Value>,
    },
    /// The end.
    Done(Box<PlanReport>),
}

/// Opens the first stage, or answers at once where nothing can be routed.
#[must_use]
pub fn plan(task: &Task) -> Next {
    if task.instance.requests.is_empty() {
        return Next::Done(Box::new(report::assemble(task, &Solution::default(), &[])));
    }
    let methods = vec![Method::Cut, Method::Congestion, Method::Clique];
    let shards = methods.len();
    Next::Stage { name: "bound", state: RwaState::Bound(methods), shards: count(shards), note: None }
}

/// Executes one shard.
///
/// # Errors
/// [`AlgorithmError::Cancelled`], or [`AlgorithmError::Unreadable`] for a shard that the state does not have.
pub fn execute(
    task: &Task,
    params: &RwaParams,
    seed: u64,
    state: &RwaState,
    shard: ShardIndex,
    control: &Control,
) -> Result<RwaPartial, AlgorithmError> {
    let instance = &task.instance;
    Ok(match state {
        RwaState::Bound(methods) => {
            let method = *methods.get(shard as usize).ok_or_else(|| no_shard(shard))?;
            RwaPartial::Bound(match method {
                Method::Cut => {
                    let random = rng::for_shard(seed, BOUND_STREAM, shard);
                    let cut = bounds::cut::best(instance, random, control)?;
                    cut.into_iter().chain(bounds::by_terminals(instance)).collect()
                }
                Method::Congestion => bounds::congestion::best(instance, control)?.into_iter().collect(),
                Method::Clique => bounds::clique::best(instance, control)?.into_iter().collect(),
            })
        }
        RwaState::Search(state) => {
            let random = rng::for_shard(seed, SEARCH_STREAM + state.round, shard);
            let round = Round { instance, floor: state.floor, steps: params.steps };
            let found = if state.elites.is_empty() {
                round.begin(random, control)?
            } else {
                let elite = &state.elites[shard as usize % state.elites.len()];
                // Every second visit of an elite starts afresh from its complete plan.
                let afresh = shard as usize / state.elites.len() % 2 == 1;
                round.go_on(elite, afresh, random, control)?
            };
            RwaPartial::Search(Box::new(found))
        }
        RwaState::Polish(state) => {
            let random = rng::for_shard(seed, POLISH_STREAM, shard);
            RwaPartial::Polish(polish::polish(instance, &state.solution, random, control)?)
        }
    })
}

/// Folds a finished stage into the next or the report.
///
/// # Errors
/// Those of the iterator, or [`AlgorithmError::Unreadable`] for partial results of another stage.
pub fn merge(
    task: &Task,
    params: &RwaParams,
    state: &RwaState,
    partials: &mut dyn Iterator<Item = Result<RwaPartial, AlgorithmError>>,
) -> Result<Next, AlgorithmError> {
    match state {
        RwaState::Bound(_) => {
            let mut certificates = Vec::new();
            for partial in partials {
                let RwaPartial::Bound(own) = partial? else { return Err(of_another_stage()) };
                certificates.extend(own);
            }
            let value = |certificate: &Certificate| certificate.value(&task.instance, |_| true);
            let floor = certificates.iter().map(value).max().unwrap_or(0).max(1);
            let state = SearchState { round: 0, idle: 0, floor, certificates, elites: Vec::new() };
            // The first round often ends the search; more than two seeds would mostly repeat each other.
            Ok(search(state, params.seeds.min(2)))
        }
        RwaState::Search(state) => {
            let mut found = Vec::new();
            for partial in partials {
                let RwaPartial::Search(own) = partial? else { return Err(of_another_stage()) };
                found.push(*own);
            }
            Ok(after_round(task, params, state, found))
        }
        RwaState::Polish(state) => {
            let mut best: Option<((u64, u64), Solution)> = None;
            for partial in partials {
                let RwaPartial::Polish(solution) = partial? else { return Err(of_another_stage()) };
                let travel = solution.travel(&task.instance);
                if best.as_ref().is_none_or(|(least, _)| travel < *least) {
                    best = Some((travel, solution));
                }
            }
            let solution = best.map_or_else(|| state.solution.clone(), |best| best.1);
            Ok(Next::Done(Box::new(report::assemble(task, &solution, &state.certificates))))
        }
    }
}

/// Keeps the best plans; goes on until the bound is met or patience ends.
fn after_round(task: &Task, params: &RwaParams, state: &SearchState, found: Vec<Found>) -> Next {
    let before = state.elites.first().map(|elite| elite.rank(&task.instance));
    let mut elites = state.elites.clone();
    elites.extend(found);
    elites.sort_by_cached_key(|elite| elite.rank(&task.instance));
    elites.dedup();
    elites.truncate(ELITES);
    let best = &elites[0];
    let rank = best.rank(&task.instance);
    let progress = before.is_none_or(|before| rank < before);
    let idle = if progress { 0 } else { state.idle + 1 };
    let met = rank.0 == 0 && rank.1 <= state.floor;
    if met || idle >= params.patience || state.round + 1 >= params.rounds {
        let note =
            json!({ "wavelengths": rank.1, "bound": state.floor, "blocked": best.solution.unplaced().len() });
        let polish = PolishState {
            certificates: state.certificates.clone(),
            solution: elites.swap_remove(0).solution,
        };
        return Next::Stage {
            name: "polish",
            state: RwaState::Polish(polish),
            shards: POLISH_SHARDS,
            note: Some(note),
        };
    }
    let state = SearchState {
        round: state.round + 1,
        idle,
        floor: state.floor,
        certificates: state.certificates.clone(),
        elites,
    };
    search(state, params.seeds)
}

fn search(state: SearchState, shards: u32) -> Next {
    let best = state.elites.first();
    let note = json!({
        "round": state.round,
        "bound": state.floor,
        "wavelengths": best.map(|best| best.solution.wavelengths()),
        "blocked": best.map(|best| best.solution.unplaced().len()),
    });
    Next::Stage { name: "search", state: RwaState::Search(state), shards, note: Some(note) }
}

fn count(value: usize) -> u32 {
    u32::try_from(value).expect("a handful")
}

fn no_shard(shard: ShardIndex) -> AlgorithmError {
    AlgorithmError::Unreadable { detail: format!("the stage has no shard {shard}") }
}

fn of_another_stage() -> AlgorithmError {
    AlgorithmError::Unreadable { detail: "a partial result of another stage".to_owned() }
}
