//! Published networks in the formats of their sources, built to the rules that come with their bounds.
//!
//! The folder is that of `NETPLANNER_TEST_DATA`, else `../shared/data` beside the workspace.

use std::collections::BTreeMap;
use std::path::PathBuf;

use optics::topology::{Link, Node, Topology};
use optics::traffic::{Demand, TrafficMatrix};
use serde_json::Value;

/// A network and what is to be carried over it, in lightpaths.
pub struct Published {
    pub topology: Topology,
    pub traffic: TrafficMatrix,
}

fn folder() -> PathBuf {
    std::env::var_os("NETPLANNER_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from)
}

fn text(path: &str) -> String {
    let path = folder().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&text(path)).expect("JSON")
}

/// The rows of a table of bounds, by instance.
pub fn bounds(table: &str) -> BTreeMap<String, Value> {
    let rows = json(&format!("bounds/{table}.json"));
    let rows = rows.as_array().expect("a list").clone();
    rows.into_iter().map(|row| (row["instance"].as_str().expect("a name").to_owned(), row)).collect()
}

/// Undirected links, one for each pair of nodes.
fn topology(name: &str, nodes: &[String], links: &[(String, String, f64)]) -> Topology {
    let mut merged: BTreeMap<(String, String), f64> = BTreeMap::new();
    for (a, b, length_km) in links.iter().filter(|link| link.0 != link.1) {
        let key = if a <= b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) };
        merged.entry(key).or_insert(*length_km);
    }
    Topology {
        name: name.to_owned(),
        nodes: nodes.iter().map(Node::roadm).collect(),
        links: merged.iter().map(|((a, b), km)| Link::new(format!("{a}-{b}"), a, b, *km)).collect(),
        ..Topology::default()
    }
}

/// One lightpath between every two nodes.
fn all_to_all(topology: Topology) -> Published {
    let mut demands = Vec::new();
    for (i, a) in topology.nodes.iter().enumerate() {
        for b in &topology.nodes[i + 1..] {
            demands.push(Demand::of_rate(format!("{}~{}", a.id, b.id), &a.id, &b.id, 100.0));
        }
    }
    Published { traffic: TrafficMatrix { name: topology.name.clone(), demands }, topology }
}

fn label(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn xlron(file: &str) -> Published {
    let graph = json(&format!("xlron/{file}.json"));
    let nodes: Vec<String> =
        graph["nodes"].as_array().expect("nodes").iter().map(|n| label(&n["id"])).collect();
    let edges = graph["links"].as_array().expect("links");
    let km = |edge: &Value| edge["distance"].as_f64().or_else(|| edge["weight"].as_f64()).unwrap_or(1.0);
    let links: Vec<_> =
        edges.iter().map(|edge| (label(&edge["source"]), label(&edge["target"]), km(edge))).collect();
    all_to_all(topology(file, &nodes, &links))
}

fn flexnetsim(file: &str) -> Published {
    let graph = json(&format!("flexnetsim/{file}.json"));
    let nodes: Vec<String> =
        graph["nodes"].as_array().expect("nodes").iter().map(|n| label(&n["id"])).collect();
    let links: Vec<_> = graph["links"]
        .as_array()
        .expect("links")
        .iter()
        .map(|edge| (label(&edge["src"]), label(&edge["dst"]), edge["length"].as_f64().expect("a length")))
        .collect();
    all_to_all(topology(file, &nodes, &links))
}

fn net2plan(file: &str) -> Published {
    let text = text(&format!("net2plan/networkTopologies/{file}.n2p"));
    let document = roxmltree::Document::parse(&text).expect("XML");
    let attribute =
        |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).expect("an attribute").to_owned();
    let root = document.root_element();
    let children = |tag: &'static str| root.descendants().filter(move |node| node.has_tag_name(tag));
    let nodes: Vec<String> = children("node").map(|node| attribute(node, "id")).collect();
    let links: Vec<_> = children("link")
        .map(|link| {
            let km = attribute(link, "lengthInKm").parse().expect("a length");
            (attribute(link, "originNodeId"), attribute(link, "destinationNodeId"), km)
        })
        .collect();
    all_to_all(topology(file, &nodes, &links))
}

/// Nodes, links and demands (ends and volume) of an SNDlib network in the native format.
type Native = (Vec<String>, Vec<(String, String, f64)>, Vec<(String, String, f64)>);

fn native(path: &str) -> Native {
    let text = text(path);
    let mut section = "";
    let (mut nodes, mut links, mut demands) = (Vec::new(), Vec::new(), Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "(" && *word != ")").collect();
        match (section, words.as_slice()) {
            ("", [name]) => section = if line.ends_with('(') { name } else { "" },
            (_, []) if line == ")" => section = "",
            ("NODES", [name, ..]) => nodes.push((*name).to_owned()),
            ("LINKS", [_, a, b, ..]) => links.push(((*a).to_owned(), (*b).to_owned(), 1.0)),
            ("DEMANDS", [_, a, b, unit, value, ..]) => {
                let volume = unit.parse::<f64>().expect("a unit") * value.parse::<f64>().expect("a volume");
                demands.push(((*a).to_owned(), (*b).to_owned(), volume));
            }
            _ => {}
        }
    }
    (nodes, links, demands)
}

fn sndlib(name: &str) -> Published {
    let (nodes, links, _) = native(&format!("sndlib/native/{name}/{name}.txt"));
    all_to_all(topology(name, &nodes, &links))
}

/// Lightpaths of `capacity` demand units for the larger direction of every pair.
fn sndlib_traffic(name: &str, capacity: f64) -> Published {
    let (nodes, links, demands) = native(&format!("sndlib/native/{name}/{name}.txt"));
    let mut directions: BTreeMap<(String, String), f64> = BTreeMap::new();
    for (a, b, volume) in demands {
        *directions.entry((a, b)).or_default() += volume;
    }
    let demands = directions
        .iter()
        .map(|((a, b), volume)| {
            let mut demand = Demand::of_rate(format!("{a}>{b}"), a, b, volume / capacity * 100.0);
            demand.bidirectional = false;
            demand
        })
        .collect();
    let topology = topology(name, &nodes, &links);
    Published { traffic: TrafficMatrix { name: name.to_owned(), demands }, topology }
}

fn synthetic(file: &str) -> Published {
    let graph = json(&format!("synthetic/{file}"));
    let list = |field: &str| graph[field].as_array().expect("a list").clone();
    let nodes: Vec<String> = list("nodes").iter().map(|node| label(&node["id"])).collect();
    let links: Vec<_> = list("links")
        .iter()
        .map(|l| (label(&l["a"]), label(&l["b"]), l["length_km"].as_f64().expect("a length")))
        .collect();
    let demands = list("demands")
        .iter()
        .map(|d| {
            let rate = d["lightpaths"].as_f64().expect("a count") * 100.0;
            Demand::of_rate(label(&d["id"]), label(&d["a"]), label(&d["b"]), rate)
        })
        .collect();
    let topology = topology(file, &nodes, &links);
    Published { traffic: TrafficMatrix { name: file.to_owned(), demands }, topology }
}

/// Builds the instance of a row of bounds as its `source` and `rule` say.
pub fn build(row: &Value) -> Published {
    let source = row["source"].as_str().expect("a source");
    let file = source.split_whitespace().find(|word| word.contains('.'));
    let stem = file.map(|file| file.rsplit_once('.').expect("a dot").0);
    let built = match (source.split([' ', '/']).next().expect("a word"), stem) {
        ("Net2Plan", Some(stem)) => net2plan(stem),
        ("XLRON", Some(stem)) => xlron(stem),
        ("FlexNetSim" | "MONet", Some(stem)) => flexnetsim(stem),
        ("SNDlib", _) => match row["lightpath_capacity_demand_units"].as_f64() {
            Some(capacity) => sndlib_traffic(source.rsplit('/').next().expect("a name"), capacity),
            None => sndlib(source.split_whitespace().nth(1).expect("a name")),
        },
        (_, Some(_)) => synthetic(source),
        _ => panic!("no rule for {source}"),
    };
    assert_eq!(built.topology.nodes.len() as u64, row["nodes"].as_u64().expect("nodes"), "{source}");
    assert_eq!(built.topology.links.len() as u64, row["links"].as_u64().expect("links"), "{source}");
    built
}
