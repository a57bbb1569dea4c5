//! Work without meaning: measures the engine, and shows what it does when shards fail.

use std::time::Duration;

use optics::violation::Violation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::algorithm::{Algorithm, Job, ShardIndex, StageInfo, Step};
use crate::control::Control;
use crate::documents::Documents;
use crate::error::AlgorithmError;

/// Iterations between two looks at [`Control`]: well below a millisecond.
const CHECK_EVERY: u64 = 1 << 16;

/// Shards of a fixed number of hash iterations with results of a fixed size, and faults on request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin;

/// How much work, and what goes wrong. All faults are off by default; each names a shard, counted in every stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpinParams {
    /// Shards in each stage.
    #[schemars(range(max = 10_000_000))]
    pub shards: u32,
    /// Stages, one after the other.
    #[schemars(range(min = 1, max = 10_000))]
    pub stages: u32,
    /// Hash iterations in each shard, about a nanosecond each.
    pub iterations: u64,
    /// Length of the text in each shard's result; the document around it adds some 40 bytes.
    #[schemars(range(max = 16_777_216))]
    pub result_bytes: u32,
    /// This shard panics: a failed attempt, retried elsewhere, that fails the run when the attempts are used up.
    pub panic_at: Option<ShardIndex>,
    /// This shard reports that there is no solution: fails the run without a retry.
    pub fail_at: Option<ShardIndex>,
    /// This shard never returns and ignores cancellation: only a timeout or the end of its worker ends it.
    pub hang_at: Option<ShardIndex>,
    /// This shard aborts its worker's process, as a fault in native code or lack of memory would.
    pub abort_at: Option<ShardIndex>,
    /// This shard's result has a NaN, which must not be stored.
    pub unstorable_at: Option<ShardIndex>,
    /// Merging this stage (from 0) panics.
    pub panic_at_merge: Option<u32>,
    /// Mebibytes that each shard holds in memory while it works.
    #[schemars(range(max = 65_536))]
    pub hold_mib: u32,
    /// What each shard says while it works; kept with its failure.
    pub note: Option<String>,
}

impl Default for SpinParams {
    fn default() -> Self {
        Self {
            shards: 1,
            stages: 1,
            iterations: 0,
            result_bytes: 0,
            panic_at: None,
            fail_at: None,
            hang_at: None,
            abort_at: None,
            unstorable_at: None,
            panic_at_merge: None,
            hold_mib: 0,
            note: None,
        }
    }
}

/// Where the run stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpinState {
    /// The open stage.
    stage: u32,
    /// Hash over all finished shards.
    checksum: u64,
}

/// What a shard found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpinPartial {
    /// Hash of the last iteration, 16 hexadecimal digits.
    checksum: String,
    /// As long as was asked for; follows from seed, stage and shard.
    payload: String,
    /// Only there to be refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<f64>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpinReport {
    /// Stages that were finished.
    pub stages: u32,
    /// Shards that were executed, over all stages.
    pub shards: u64,
    /// Hash iterations of all shards.
    pub iterations: u64,
    /// Length of all payloads in bytes.
    pub result_bytes: u64,
    /// Hash over the checksums and payloads of all shards in order, 16 hexadecimal digits.
    pub checksum: String,
}

impl Algorithm for Spin {
    const NAME: &'static str = "spin";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Computes hashes to measure the engine; can fail on request.";
    const STAGES: &'static [StageInfo] = &[StageInfo { name: "spin", does: "iterates a hash" }];
    const INPUTS: &'static [(&'static str, bool)] = &[];

    type Params = SpinParams;
    type Inputs = ();
    type State = SpinState;
    type Partial = SpinPartial;
    type Report = SpinReport;

    fn open(&self, _: &Documents, params: &SpinParams) -> Result<(), AlgorithmError> {
        if (1..=10_000).contains(&params.stages) {
            Ok(())
        } else {
            Err(AlgorithmError::InvalidParams {
                pointer: "/stages".to_owned(),
                detail: format!("is {}, must be 1 to 10000", params.stages),
            })
        }
    }

    fn plan(&self, job: &Job<'_, Self>, _: &Control) -> Result<Step<Self>, AlgorithmError> {
        Ok(stage(job, 0, mix(job.seed)))
    }

    fn execute(
        &self,
        job: &Job<'_, Self>,
        state: &SpinState,
        shard: ShardIndex,
        control: &Control,
    ) -> Result<SpinPartial, AlgorithmError> {
        let params = job.params;
        if let Some(note) = &params.note {
            control.note(&format!("shard {shard}: {note}"));
        }
        let held = hold(params.hold_mib);
        let start = mix(job.seed ^ mix(u64::from(state.stage) << 32 | u64::from(shard)));
        let hash = spin(start, params.iterations, control)?;
        drop(std::hint::black_box(held));
        break_down(params, shard)?;
        Ok(SpinPartial {
            checksum: format!("{hash:016x}"),
            payload: payload(hash, params.result_bytes as usize),
            fault: (params.unstorable_at == Some(shard)).then_some(f64::NAN),
        })
    }

    fn merge(
        &self,
        job: &Job<'_, Self>,
        state: &SpinState,
        partials: &mut dyn Iterator<Item = Result<SpinPartial, AlgorithmError>>,
        control: &Control,
    ) -> Result<Step<Self>, AlgorithmError> {
        assert!(job.params.panic_at_merge != Some(state.stage), "merging was told to panic");
        let mut checksum = state.checksum;
        for partial in partials {
            control.check()?;
            let partial = partial?;
            for bytes in partial.checksum.as_bytes().chunks(8).chain(partial.payload.as_bytes().chunks(8)) {
                checksum =
                    mix(bytes.iter().fold(checksum, |hash, &byte| hash << 8 ^ hash >> 56 ^ u64::from(byte)));
            }
        }
        let stages = state.stage + 1;
        if stages < job.params.stages {
            return Ok(stage(job, stages, checksum));
        }
        let shards = u64::from(job.params.shards) * u64::from(stages);
        Ok(Step::Done(SpinReport {
            stages,
            shards,
            iterations: job.params.iterations.saturating_mul(shards),
            result_bytes: u64::from(job.params.result_bytes) * shards,
            checksum: format!("{checksum:016x}"),
        }))
    }

    fn verify(&self, job: &Job<'_, Self>, report: &SpinReport) -> Vec<Violation> {
        let asked = u64::from(job.params.shards) * u64::from(job.params.stages);
        if report.shards == asked {
            return Vec::new();
        }
        vec![Violation {
            rule: "SHARDS_MISSING".to_owned(),
            subject: "spin".to_owned(),
            detail: format!("{} shards were asked for, {} counted", asked, report.shards),
        }]
    }
}

fn stage(job: &Job<'_, Spin>, stage: u32, checksum: u64) -> Step<Spin> {
    Step::Stage {
        name: Spin::STAGES[0].name,
        state: SpinState { stage, checksum },
        shards: job.params.shards,
        note: None,
    }
}

/// One round of a 64-bit finaliser (xor-shift, multiply): every bit of the input reaches every bit of the output.
const fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^= hash >> 32;
    hash.wrapping_add(0x9e37_79b9_7f4a_7c15)
}

/// Each iteration needs the one before, and the last one is reported: nothing of it can be left out or done at once.
fn spin(mut hash: u64, iterations: u64, control: &Control) -> Result<u64, AlgorithmError> {
    let mut left = iterations;
    while left > 0 {
        control.check()?;
        let now = left.min(CHECK_EVERY);
        for _ in 0..now {
            hash = mix(hash);
        }
        left -= now;
    }
    Ok(hash)
}

/// So many mebibytes of memory that are really there: every page is written to.
fn hold(mib: u32) -> Vec<u8> {
    vec![1; (mib as usize) << 20]
}

/// Hexadecimal digits that follow from `hash`.
fn payload(mut hash: u64, bytes: usize) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes);
    while text.len() < bytes {
        hash = mix(hash);
        for nibble in 0..16.min(bytes - text.len()) {
            text.push(char::from(DIGITS[(hash >> (4 * nibble) & 15) as usize]));
        }
    }
    text
}

/// Does what the fault switches ask of this shard.
fn break_down(params: &SpinParams, shard: ShardIndex) -> Result<(), AlgorithmError> {
    let hit = |switch: Option<ShardIndex>| switch == Some(shard);
    assert!(!hit(params.panic_at), "shard {shard} was told to panic");
    if hit(params.fail_at) {
        return Err(AlgorithmError::Infeasible { detail: format!("shard {shard} was told to fail") });
    }
    while hit(params.hang_at) {
        std::thread::sleep(Duration::from_millis(20));
    }
    if hit(params.abort_at) {
        std::process::abort();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::{self, LocalRun};

    fn run(params: &SpinParams) -> Result<SpinReport, AlgorithmError> {
        local::report(&Spin, params, 7, &Documents::new())
    }

    #[test]
    fn counts_what_it_did() {
        let params =
            SpinParams { shards: 5, stages: 3, iterations: 100, result_bytes: 33, ..SpinParams::default() };
        let report = run(&params).unwrap();
        assert_eq!((report.stages, report.shards), (3, 15));
        assert_eq!((report.iterations, report.result_bytes), (1500, 495));
        let other = run(&SpinParams { iterations: 101, ..params }).unwrap();
        assert_ne!(report.checksum, other.checksum, "the work shows in the result");
    }

    #[test]
    fn nothing_to_do_is_done_at_once() {
        assert_eq!(run(&SpinParams { shards: 0, ..SpinParams::default() }).unwrap().shards, 0);
    }

    #[test]
    fn every_fault_is_the_fault_it_says() {
        let fault = SpinParams { shards: 3, ..SpinParams::default() };
        let fails = run(&SpinParams { fail_at: Some(1), ..fault.clone() });
        assert!(matches!(fails, Err(AlgorithmError::Infeasible { .. })), "{fails:?}");
        let nan = run(&SpinParams { unstorable_at: Some(2), ..fault.clone() });
        assert!(matches!(nan, Err(AlgorithmError::Unstorable { .. })), "{nan:?}");
        for panics in [
            SpinParams { panic_at: Some(0), ..fault.clone() },
            SpinParams { panic_at_merge: Some(0), ..fault.clone() },
        ] {
            assert!(std::panic::catch_unwind(|| run(&panics)).is_err());
        }
        assert!(matches!(
            run(&SpinParams { stages: 0, ..fault.clone() }),
            Err(AlgorithmError::InvalidParams { .. })
        ));
        assert!(run(&SpinParams { panic_at: Some(3), ..fault }).is_ok(), "there is no such shard");
    }

    #[test]
    fn a_shard_can_be_reproduced_alone() {
        let params = br#"{"shards": 4, "stages": 2, "iterations": 10, "result_bytes": 8}"#;
        let documents = Documents::new();
        let run = LocalRun { algorithm: &Spin, params, seed: 1, documents: &documents };
        let whole = run.run(&Control::new()).unwrap();
        let stage = &whole.stages[1];
        assert_eq!(run.reproduce(&stage.state, 2, &Control::new()).unwrap(), stage.partials[2]);
        assert_ne!(stage.partials[2], whole.stages[0].partials[2], "stages differ");
    }
}
