//! Checks files of reference numbers: `check_vectors FILE…` prints the worst deviation of each case, and fails where one
//! is above the tolerance.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

#[path = "../tests/vectors/mod.rs"]
mod vectors;

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        println!("usage: check_vectors FILE...");
        return ExitCode::FAILURE;
    }
    let mut failed = 0;
    for file in &files {
        let common = Path::new(file).with_file_name("common-data.json");
        let common = read(&common).ok();
        let case = match read(Path::new(file)) {
            Ok(case) => case,
            Err(why) => {
                println!("FAIL {file}: {why}");
                failed += 1;
                continue;
            }
        };
        let name = case["case"].as_str().unwrap_or(file).to_owned();
        let found = vectors::check(&case, common.as_ref());
        let worst = found.worst().map_or_else(
            || "nothing compared".to_owned(),
            |(what, worst)| format!("worst {:.1e} ({what}, {} compared)", worst.value, found.compared()),
        );
        let above: Vec<_> = found.above(vectors::TOLERANCE).collect();
        println!(
            "{} {name}: {worst}",
            if above.is_empty() && found.compared() > 0 { "ok  " } else { "FAIL" }
        );
        for (what, worst) in &above {
            println!("       {what}: {:.4} at {}", worst.value, worst.at);
        }
        failed += usize::from(!above.is_empty() || found.compared() == 0);
    }
    println!("{} of {} cases agree", files.len() - failed, files.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(file: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}
