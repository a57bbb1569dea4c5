//! The stages of grooming, for this algorithm and those that embed it.
//!
//! Where it matters which services fill lightpaths from end to end, `try` packs the demands as they are. From that, or at
//! once, the sub-matrices follow, which any worker makes for itself; `pack` packs their demands.

use std::sync::OnceLock;

use optics::grooming::GroomingMode;
use optics::traffic::Demand;
use serde::{Deserialize, Serialize};

use super::demand::{self, Packing};
use super::derived::{Derived, Left, derive};
use super::{GroomedDemand, GroomingInputs, GroomingParams};
use crate::algorithm::ShardIndex;
use crate::control::Control;
use crate::error::AlgorithmError;

/// What the shards of a stage share.
#[derive(Debug, Serialize, Deserialize)]
pub struct GroomingState {
    /// Demands that each shard takes, in order; the last shard takes what is left.
    demands_per_shard: u32,
    /// What they are taken from.
    step: GroomingStep,
    /// Made of the rest when it is first asked for, once for all shards of a worker.
    #[serde(skip)]
    derived: OnceLock<Option<Derived>>,
}

/// Which demands are packed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GroomingStep {
    /// Those of the traffic matrix, to see what fills lightpaths.
    Try,
    /// Those that follow from which services do not.
    Pack {
        /// Ids by demand of the traffic matrix; absent where nothing was tried.
        left: Option<Left>,
    },
}

/// What the last stage gives: all that the report is made of, beside the inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroomingOutcome {
    /// Services that did not fill a lightpath, by demand of the traffic matrix; absent where nothing was tried.
    pub left: Option<Left>,
    /// What became of each demand that was packed.
    pub groomed: Vec<GroomedDemand>,
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// Another stage.
    Stage {
        /// Its name.
        name: &'static str,
        /// What its shards share.
        state: GroomingState,
        /// How many shards.
        shards: u32,
    },
    /// The end.
    Groomed(GroomingOutcome),
}

/// The first stage; what was made by hand needs none.
pub fn plan(
    inputs: &GroomingInputs,
    params: &GroomingParams,
    control: &Control,
) -> Result<Next, AlgorithmError> {
    if params.mode == GroomingMode::Manual {
        return Ok(Next::Groomed(GroomingOutcome::default()));
    }
    if params.trial(!inputs.clusters.is_empty()).is_none() {
        let derived = derived(inputs, params, None, control)?;
        return Ok(pack(inputs, params, None, derived));
    }
    Ok(Next::Stage {
        name: "try",
        state: GroomingState {
            demands_per_shard: params.demands_per_shard,
            step: GroomingStep::Try,
            derived: OnceLock::new(),
        },
        shards: count(inputs.traffic.demands.len()).div_ceil(params.demands_per_shard),
    })
}

/// The stage `pack`, of the demands in `derived`, else of those of the traffic matrix.
fn pack(
    inputs: &GroomingInputs,
    params: &GroomingParams,
    left: Option<Left>,
    derived: Option<Derived>,
) -> Next {
    let demands = match &derived {
        Some(derived) => derived.demands().count(),
        None => inputs.traffic.demands.len(),
    };
    let state = GroomingState {
        demands_per_shard: params.demands_per_shard,
        step: GroomingStep::Pack { left },
        derived: OnceLock::new(),
    };
    if derived.is_some() {
        let _ = state.derived.set(derived);
    }
    Next::Stage { name: "pack", state, shards: count(demands).div_ceil(params.demands_per_shard) }
}

/// Packs a block of demands.
pub fn execute(
    inputs: &GroomingInputs,
    params: &GroomingParams,
    state: &GroomingState,
    shard: ShardIndex,
    control: &Control,
) -> Result<Vec<GroomedDemand>, AlgorithmError> {
    let per_shard = state.demands_per_shard as usize;
    let from = (shard as usize).saturating_mul(per_shard);
    let groom = |demands: &mut dyn Iterator<Item = &Demand>, packing: &Packing| {
        demands
            .map(|demand| {
                control.check()?;
                demand::groom(demand, packing, control)
            })
            .collect()
    };
    let all = &inputs.traffic.demands;
    let block = all.get(from..).unwrap_or_default();
    let block = &block[..block.len().min(per_shard)];
    match &state.step {
        GroomingStep::Try => {
            let packing = params.trial(!inputs.clusters.is_empty()).unwrap_or_else(|| params.packing());
            groom(&mut block.iter(), &packing)
        }
        GroomingStep::Pack { left } => match state.derived(inputs, params, left.as_ref(), control)? {
            Some(derived) => groom(&mut derived.block(from, per_shard), &params.packing()),
            None => groom(&mut block.iter(), &params.packing()),
        },
    }
}

/// Folds a stage into the next or the end.
pub fn merge(
    inputs: &GroomingInputs,
    params: &GroomingParams,
    state: &GroomingState,
    partials: &mut dyn Iterator<Item = Result<Vec<GroomedDemand>, AlgorithmError>>,
    control: &Control,
) -> Result<Next, AlgorithmError> {
    let mut groomed = Vec::new();
    match &state.step {
        GroomingStep::Try => {
            let mut left: Left = Vec::with_capacity(inputs.traffic.demands.len());
            for partial in partials {
                control.check()?;
                left.extend(partial?.iter().map(GroomedDemand::left));
            }
            let derived = derived(inputs, params, Some(&left), control)?;
            Ok(pack(inputs, params, Some(left), derived))
        }
        GroomingStep::Pack { left } => {
            for partial in partials {
                control.check()?;
                groomed.append(&mut partial?);
            }
            Ok(Next::Groomed(GroomingOutcome { left: left.clone(), groomed }))
        }
    }
}

/// The sub-matrices that follow from what is `left`; none where the traffic matrix is packed as it is.
pub fn derived(
    inputs: &GroomingInputs,
    params: &GroomingParams,
    left: Option<&Left>,
    control: &Control,
) -> Result<Option<Derived>, AlgorithmError> {
    if !params.mode.shares_connections() && inputs.clusters.is_empty() {
        return Ok(None);
    }
    derive(&inputs.topology, &inputs.traffic, &inputs.clusters, params, left, control).map(Some)
}

impl GroomingState {
    /// The sub-matrices of the stage. An attempt that was cancelled leaves nothing behind.
    fn derived(
        &self,
        inputs: &GroomingInputs,
        params: &GroomingParams,
        left: Option<&Left>,
        control: &Control,
    ) -> Result<Option<&Derived>, AlgorithmError> {
        if let Some(derived) = self.derived.get() {
            return Ok(derived.as_ref());
        }
        let derived = derived(inputs, params, left, control)?;
        Ok(self.derived.get_or_init(|| derived).as_ref())
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
