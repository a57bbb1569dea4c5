//! Randomness that depends on the run's seed and the shard's index alone.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The generator of one shard: ChaCha8 keyed by the run's seed, on a stream of its own for every `(stage, shard)`.
///
/// Counter-based, so that equal arguments give equal numbers on every machine, and different ones independent numbers.
#[must_use]
pub fn for_shard(seed: u64, stage: u32, shard: u32) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(u64::from(stage) << 32 | u64::from(shard));
    generator
}
