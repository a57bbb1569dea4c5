//! The physics, the design and the path requests against all reference numbers of `NETPLANNER_TEST_DATA`/gnpy.

mod vectors;

use std::path::PathBuf;

use serde_json::Value;

fn read(file: &PathBuf) -> Value {
    let text =
        std::fs::read_to_string(file).expect("NETPLANNER_TEST_DATA is the folder with the reference data");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_physics_agrees_with_all_reference_numbers() {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("NETPLANNER_TEST_DATA").map_or(beside, PathBuf::from).join("gnpy");
    let common = read(&folder.join("common-data.json"));
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("NETPLANNER_TEST_DATA is the folder with the reference data")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut cases = 0;
    let mut wrong = Vec::new();
    for file in files {
        let case = read(&file);
        // the folder also holds the files of GNPy the cases were made of
        if case["format"] != "gnpy-vector/1" {
            continue;
        }
        cases += 1;
        let found = vectors::check(&case, Some(&common));
        let worst = found.worst().expect("something is compared");
        println!(
            "{}: {} compared, worst {:.1e} ({})",
            case["case"],
            found.compared(),
            worst.1.value,
            worst.0
        );
        for (what, worst) in found.above(vectors::TOLERANCE) {
            wrong.push(format!("{} {what}: {} at {}", case["case"], worst.value, worst.at));
        }
    }
    assert!(cases >= 46, "{cases} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
