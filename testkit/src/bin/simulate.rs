//! `make simulate`: lives many seeds of the simulated cluster, or tells the whole story of one.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use testkit::simulation;

const USAGE: &str = "usage: simulate seeds COUNT [FROM] | simulate seed N";

#[allow(clippy::print_stdout, clippy::print_stderr)] // meant for whoever started it
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let numbers: Vec<u64> = words.iter().skip(1).filter_map(|word| word.parse().ok()).collect();
    // what goes wrong is told below
    std::panic::set_hook(Box::new(|_| {}));
    match (words.first().copied(), &numbers[..]) {
        (Some("seed"), [seed]) => {
            let (story, violation) = simulation::tell(*seed);
            println!("{story}");
            match violation {
                None => {
                    println!("seed {seed}: every run ended as it must");
                    ExitCode::SUCCESS
                }
                Some(violation) => {
                    println!("seed {seed}: {violation}");
                    ExitCode::FAILURE
                }
            }
        }
        (Some("seeds"), [count, from @ ..]) => many(*count, from.first().copied().unwrap_or(0)),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout)]
fn many(count: u64, from: u64) -> ExitCode {
    /// Failures that are told; more would not be read.
    const TOLD: usize = 3;
    let next = AtomicU64::new(from);
    let steps = AtomicU64::new(0);
    let failed = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count {
                        return;
                    }
                    match simulation::simulate(seed) {
                        Ok(lived) => {
                            steps.fetch_add(lived.steps, Ordering::Relaxed);
                        }
                        Err(failure) => {
                            let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                            if failed.len() < TOLD {
                                println!("{failure}\n");
                            } else {
                                println!("seed {}: {}", failure.seed, failure.violation);
                            }
                            failed.push(seed);
                        }
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    failed.sort_unstable();
    let steps = steps.into_inner();
    println!("{count} seeds from {from} on, {steps} steps: {} failed {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
