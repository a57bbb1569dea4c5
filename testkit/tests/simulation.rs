//! The simulated cluster: 500 seeds in every run of the tests; `make simulate` lives more.

// failing seeds are told
#![allow(clippy::print_stderr)]

use std::sync::atomic::{AtomicU64, Ordering};

use testkit::simulation;

const SEEDS: u64 = 500;

/// Milliseconds of CPU that a seed may take on average.
const MOST_CPU_MS: u128 = 100;

#[test]
fn every_run_of_five_hundred_seeds_ends_as_it_must() {
    let next = AtomicU64::new(0);
    let failed = AtomicU64::new(0);
    let began = cpu_time();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SEEDS {
                        return;
                    }
                    if let Err(failure) = simulation::simulate(seed) {
                        failed.fetch_add(1, Ordering::Relaxed);
                        eprintln!("{failure}");
                    }
                }
            });
        }
    });
    assert_eq!(failed.into_inner(), 0, "seeds failed, see above");
    let took = cpu_time().saturating_sub(began).as_millis() / u128::from(SEEDS);
    assert!(took <= MOST_CPU_MS, "{took} ms of CPU for a seed");
}

#[test]
fn submitters_who_contend_share_the_lanes() {
    for seed in 0..20 {
        if let Err(failure) = simulation::contest(seed) {
            panic!("{failure}");
        }
    }
}

#[test]
fn a_seed_lives_the_same_life_again() {
    for seed in [3, 17, 41] {
        assert_eq!(simulation::tell(seed), simulation::tell(seed));
    }
}

/// CPU time of this process.
fn cpu_time() -> std::time::Duration {
    testkit::process::family_cpu_time(std::process::id()).expect("/proc tells")
}
