//! Holds the house's table of dependencies, and what the tree of third-party crates may contain (`deny.toml`).

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use serde::Deserialize;

/// Our crates and the crates of ours that each may use outside its tests. Arrows run one way.
const TABLE: [(&str, &[&str]); 8] = [
    ("common", &[]),
    ("optics", &[]),
    ("algorithms", &["optics"]),
    ("coordinator", &["common", "optics"]),
    ("worker", &["common", "algorithms", "optics"]),
    ("cli", &["common", "optics", "algorithms"]),
    ("testkit", &["common", "optics", "algorithms", "coordinator", "worker", "cli"]),
    ("bench", &["common", "optics", "testkit", "worker"]),
];

/// Crates that reach out of the process, which the pure crates must not use in any way.
const IMPURE: [&str; 9] =
    ["tokio", "ractor", "ractor_cluster", "reqwest", "warp", "hyper", "tokio-postgres", "actix", "tracing"];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()
        .expect("cargo metadata answers")
}

fn ours(metadata: &Metadata) -> BTreeMap<String, Package> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| (package.name.to_string(), package.clone()))
        .collect()
}

/// Direct dependencies of `package` outside its tests.
fn uses(package: &Package) -> BTreeSet<String> {
    let normal =
        package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    normal.map(|dependency| dependency.name.clone()).collect()
}

#[test]
fn our_crates_depend_on_each_other_as_the_table_says() {
    let packages = ours(&metadata());
    let known: BTreeSet<&str> = TABLE.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    assert_eq!(found, known, "every crate of the workspace stands in the table");

    for (name, allowed) in TABLE {
        for used in uses(&packages[name]).iter().filter(|used| known.contains(used.as_str())) {
            assert!(
                allowed.contains(&used.as_str()),
                "{name} must not depend on {used}; it may use {allowed:?}"
            );
        }
    }
}

#[test]
fn the_coordinator_does_not_link_the_algorithms_even_through_others() {
    let metadata = metadata();
    let reached = reach(&metadata, "coordinator");
    assert!(!reached.contains("algorithms"));
    assert!(reached.contains("common"), "the walk sees what is there");
}

#[test]
fn workers_have_no_database_client() {
    let reached = reach(&metadata(), "worker");
    for client in ["tokio-postgres", "deadpool-postgres", "refinery"] {
        assert!(!reached.contains(client), "a worker must not link {client}");
    }
}

#[test]
fn the_pure_crates_reach_nothing_outside_the_process() {
    let metadata = metadata();
    for pure in ["optics", "algorithms"] {
        let reached = reach(&metadata, pure);
        for impure in IMPURE {
            assert!(!reached.contains(impure), "{pure} must not depend on {impure}");
        }
    }
}

/// Everything `name` links, directly or not, outside tests and build scripts.
fn reach(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().expect("cargo metadata resolves");
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let names: BTreeMap<_, _> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let start = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == name);
    let mut open = vec![&start.expect("a crate of ours").id];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            let linked = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if linked && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter().map(|id| names[id].to_owned()).collect()
}

/// The parts of `deny.toml` that are held here.
#[derive(Deserialize)]
struct Deny {
    licenses: Licences,
    bans: Bans,
    sources: Sources,
    advisories: Advisories,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Advisories {
    ignore: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    id: String,
    reason: String,
}

fn deny() -> Deny {
    toml::from_str(include_str!("../../deny.toml")).expect("deny.toml has the form that is held here")
}

#[test]
fn every_licence_in_the_tree_is_one_we_accept() {
    let allow = deny().licenses.allow;
    let allowed: Vec<spdx::Licensee> =
        allow.iter().map(|licence| spdx::Licensee::parse(licence).expect("an SPDX licence")).collect();
    let accepts = |expression: &str| {
        spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX).is_ok_and(|parsed| {
            parsed.evaluate(|required| allowed.iter().any(|licence| licence.satisfies(required)))
        })
    };
    assert!(!accepts("GPL-3.0-only") && !accepts("MIT AND GPL-3.0-only"), "the rule can refuse");

    let refused: Vec<String> = metadata()
        .packages
        .iter()
        .filter(|package| !package.license.as_deref().is_some_and(accepts))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();
    assert!(refused.is_empty(), "licences outside deny.toml: {refused:#?}");
}

#[test]
fn no_banned_crate_is_in_the_tree() {
    let metadata = metadata();
    let names: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    for banned in deny().bans.deny {
        assert!(
            !names.contains(banned.name.as_str()),
            "{} is in the tree, but {}",
            banned.name,
            banned.reason
        );
    }
}

#[test]
fn every_foreign_crate_comes_from_the_one_registry() {
    let allowed = deny().sources.allow_registry;
    for package in metadata().packages {
        if let Some(source) = &package.source {
            let known = allowed.iter().any(|registry| source.repr == format!("registry+{registry}"));
            assert!(known, "{} {} comes from {source}", package.name, package.version);
        }
    }
}

#[test]
fn the_exception_for_bincode_is_explained_and_still_needed() {
    let exceptions = deny().advisories.ignore;
    let ids: Vec<&str> = exceptions.iter().map(|exception| exception.id.as_str()).collect();
    assert_eq!(ids, ["RUSTSEC-2025-0141"], "every exception from the advisories stands here too");
    assert!(exceptions[0].reason.contains("bincode"));

    let metadata = metadata();
    let bincode: Vec<_> =
        metadata.packages.iter().filter(|package| package.name.as_str() == "bincode").collect();
    assert_eq!(bincode.len(), 1);
    assert_eq!(bincode[0].version.to_string(), "2.0.1", "3.0.0 is a tombstone");
}
