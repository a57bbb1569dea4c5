//! The samples that ship with the project are valid, and what the command that makes them writes today.

use std::path::Path;

use optics::clusters::{ClusterSet, validate_clusters};
use optics::equipment::Equipment;
use optics::equipment::noise_figure::NoiseFigure;
use optics::grid::Grid;
use optics::import::{Format, ImportOptions, topology, traffic};
use optics::network::Network;
use optics::paths::{Apart, disjoint_pair};
use optics::validate::validate_traffic_on;

#[path = "../examples/samples/equipment.rs"]
mod equipment;
#[path = "../examples/samples/networks.rs"]
mod networks;

fn shipped(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_samples_are_what_their_command_writes() {
    for (path, content) in networks::files() {
        let same = shipped(path) == content;
        assert!(same, "{path} differs: run `cargo run -p optics --example samples -- samples`");
    }
}

#[test]
fn the_samples_are_valid_and_have_disjoint_pairs_everywhere() {
    for (name, nodes, links) in [("nsfnet", 14, 21), ("italy", 23, 38)] {
        let options = ImportOptions::default();
        let net = shipped(&format!("{name}/topology.json"));
        let net = topology(Format::Json, net.as_bytes(), &options).expect("valid");
        assert_eq!(net.notes, []);
        assert_eq!((net.document.nodes.len(), net.document.links.len()), (nodes, links));
        let matrix = shipped(&format!("{name}/traffic.json"));
        let matrix = traffic(Format::Json, matrix.as_bytes(), &options).expect("valid");
        assert_eq!(matrix.notes, []);
        assert!(matrix.document.demands.len() > 50);
        assert_eq!(validate_traffic_on(&matrix.document, &net.document), []);
        let network = Network::build(&net.document, &Grid::default()).expect("valid");
        for a in 0..nodes {
            for b in a + 1..nodes {
                let pair = disjoint_pair(&network, a, b, Apart::Nodes, |_| Some(1.0));
                assert!(pair.is_some(), "{name}: no pair between {a} and {b}");
            }
        }
    }
}

#[test]
fn the_sample_clusters_fit_their_network() {
    let clusters: ClusterSet = serde_json::from_str(&shipped("italy/clusters.json")).expect("clusters");
    let options = ImportOptions::default();
    let net = topology(Format::Json, shipped("italy/topology.json").as_bytes(), &options).expect("valid");
    assert_eq!(validate_clusters(&clusters, &net.document), []);
}

#[test]
fn the_sample_equipment_reads_back_and_its_amplifiers_can_exist() {
    let library: Equipment = serde_json::from_str(&shipped("equipment.json")).expect("it is a library");
    assert_eq!(library, equipment::equipment());
    for amplifier in &library.amplifiers {
        NoiseFigure::new(amplifier).unwrap_or_else(|error| panic!("{}: {error}", amplifier.name));
    }
}
