//! The document of clusters: sites whose traffic with the rest of the network goes through gateways.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Findings};
use crate::topology::{NodeKind, Topology};

/// Most clusters of a document.
pub const MAX_CLUSTERS: usize = 10_000;
/// The id of the matrix of everything outside clusters: no cluster may have it.
pub const MAIN: &str = "main";

/// Clusters of a topology.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSet {
    /// The clusters.
    pub clusters: Vec<Cluster>,
}

/// Sites that reach the rest of the network through gateways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Unique among the clusters; not `main`, which is everything outside them.
    pub id: String,
    /// For people; the id if empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where its traffic enters and leaves: at least one node.
    pub gateways: Vec<String>,
    /// Its other nodes.
    pub subnodes: Vec<String>,
}

impl Cluster {
    /// A cluster without a name.
    #[must_use]
    pub fn new(id: impl Into<String>, gateways: &[&str], subnodes: &[&str]) -> Self {
        let own = |nodes: &[&str]| nodes.iter().map(|&node| node.to_owned()).collect();
        Self { id: id.into(), name: String::new(), gateways: own(gateways), subnodes: own(subnodes) }
    }

    /// Gateways, then the other nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.gateways.iter().chain(&self.subnodes).map(String::as_str)
    }

    /// Whether `node` belongs to it.
    #[must_use]
    pub fn has(&self, node: &str) -> bool {
        self.nodes().any(|own| own == node)
    }
}

impl ClusterSet {
    /// The clusters of a document of the original NetPlanner: `{"clusters": {id: {"name", "data": {"gateways",
    /// "subnodes"}}}}`, in the order of their ids. Colour and type are ignored: they change nothing.
    ///
    /// # Errors
    /// The first place that has another form.
    pub fn of_netplanner(document: &serde_json::Value) -> Result<Self, Box<Finding>> {
        let wrong = |pointer: String, what: &str| {
            Box::new(Finding::error("TYPE", pointer, format!("must be {what}")))
        };
        let clusters = document
            .get("clusters")
            .and_then(serde_json::Value::as_object)
            .ok_or_else(|| wrong("/clusters".to_owned(), "an object of clusters by id"))?;
        let read = |(id, cluster): (&String, &serde_json::Value)| {
            let nodes = |field: &str| {
                let at = format!("/clusters/{id}/data/{field}");
                let list = cluster.get("data").and_then(|data| data.get(field)?.as_array());
                list.ok_or_else(|| wrong(at.clone(), "a list"))?
                    .iter()
                    .map(|node| {
                        node.as_str().map(str::to_owned).ok_or_else(|| wrong(at.clone(), "a list of texts"))
                    })
                    .collect::<Result<Vec<String>, Box<Finding>>>()
            };
            let name = cluster.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
            Ok(Cluster {
                id: id.clone(),
                name: name.to_owned(),
                gateways: nodes("gateways")?,
                subnodes: nodes("subnodes")?,
            })
        };
        Ok(Self { clusters: clusters.iter().map(read).collect::<Result<_, Box<Finding>>>()? })
    }
}

/// What is wrong with `set` on `topology`: unknown nodes, a node in two places, no gateway or one that only amplifies, a subnode that reaches no
/// gateway inside its cluster. Near-linear in nodes and links.
#[must_use]
pub fn validate_clusters(set: &ClusterSet, topology: &Topology) -> Vec<Finding> {
    let mut found = Findings::default();
    if set.clusters.len() > MAX_CLUSTERS {
        let detail = format!("{} is above the limit of {MAX_CLUSTERS}", set.clusters.len());
        found.error("TOO_MANY", "/clusters", detail);
        return found.into_vec();
    }
    let known: BTreeMap<&str, NodeKind> =
        topology.nodes.iter().map(|node| (node.id.as_str(), node.kind)).collect();
    let mut ids = BTreeSet::new();
    let mut member_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, cluster) in set.clusters.iter().enumerate() {
        let at = format!("/clusters/{i}");
        if cluster.id.is_empty() || cluster.id == MAIN {
            found.error("CLUSTER_ID", format!("{at}/id"), format!("`{}` is no id for a cluster", cluster.id));
        }
        if !ids.insert(cluster.id.as_str()) {
            found.error("DUPLICATE_ID", format!("{at}/id"), format!("`{}` is there twice", cluster.id));
        }
        if cluster.gateways.is_empty() {
            found.error("NO_GATEWAY", format!("{at}/gateways"), "a cluster needs at least one gateway");
        }
        for (field, nodes) in [("gateways", &cluster.gateways), ("subnodes", &cluster.subnodes)] {
            for (k, node) in nodes.iter().enumerate() {
                let place = format!("{at}/{field}/{k}");
                let Some(kind) = known.get(node.as_str()) else {
                    found.error("UNKNOWN_NODE", place, format!("node `{node}` does not exist"));
                    continue;
                };
                if *kind == NodeKind::Ila && field == "gateways" {
                    found.error(
                        "GATEWAY_KIND",
                        place,
                        format!("`{node}` only amplifies: nothing ends there"),
                    );
                } else if let Some(other) = member_of.insert(node, i) {
                    let other = &set.clusters[other].id;
                    found.error(
                        "CLUSTER_OVERLAP",
                        place,
                        format!("`{node}` is in cluster `{other}` already"),
                    );
                }
            }
        }
    }
    if found.is_clean() {
        check_connected(set, topology, &member_of, &mut found);
    }
    found.into_vec()
}

fn check_connected(
    set: &ClusterSet,
    topology: &Topology,
    member_of: &BTreeMap<&str, usize>,
    found: &mut Findings,
) {
    let mut inside: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for link in &topology.links {
        let ends = [link.a.as_str(), link.b.as_str()];
        if member_of.get(ends[0]).is_some_and(|cluster| member_of.get(ends[1]) == Some(cluster)) {
            inside.entry(ends[0]).or_default().push(ends[1]);
            inside.entry(ends[1]).or_default().push(ends[0]);
        }
    }
    for (i, cluster) in set.clusters.iter().enumerate() {
        let mut reached: BTreeSet<&str> = cluster.gateways.iter().map(String::as_str).collect();
        let mut open: Vec<&str> = reached.iter().copied().collect();
        while let Some(node) = open.pop() {
            for &next in inside.get(node).into_iter().flatten() {
                if reached.insert(next) {
                    open.push(next);
                }
            }
        }
        for (k, node) in cluster.subnodes.iter().enumerate() {
            if !reached.contains(node.as_str()) {
                let detail = format!("`{node}` reaches no gateway over nodes of cluster `{}`", cluster.id);
                found.error("CLUSTER_DISCONNECTED", format!("/clusters/{i}/subnodes/{k}"), detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Link, Node};

    /// `G ─ A ─ B`, and `C` beside `G`.
    fn topology() -> Topology {
        Topology {
            nodes: ["G", "A", "B", "C"].map(Node::roadm).into(),
            links: vec![
                Link::new("GA", "G", "A", 1.0),
                Link::new("AB", "A", "B", 1.0),
                Link::new("GC", "G", "C", 1.0),
            ],
            ..Topology::default()
        }
    }

    fn codes(clusters: &[Cluster]) -> Vec<(String, String)> {
        validate_clusters(&ClusterSet { clusters: clusters.to_vec() }, &topology())
            .into_iter()
            .map(|finding| (finding.code, finding.pointer))
            .collect()
    }

    #[test]
    fn clusters_of_the_original_are_read() {
        let document = serde_json::json!({"clusters": {
            "b": {"id": "b", "name": "B", "data": {"gateways": ["G"], "subnodes": ["A", "B"], "color": "red"}},
        }});
        let read = ClusterSet::of_netplanner(&document).unwrap();
        let named = Cluster { name: "B".to_owned(), ..Cluster::new("b", &["G"], &["A", "B"]) };
        assert_eq!(read.clusters, [named]);
        let place = |document| ClusterSet::of_netplanner(&document).unwrap_err().pointer;
        assert_eq!(place(serde_json::json!([])), "/clusters");
        let without = serde_json::json!({"clusters": {"b": {"data": {"gateways": ["G"]}}}});
        assert_eq!(place(without), "/clusters/b/data/subnodes");
    }

    #[test]
    fn every_fault_is_named_by_its_place() {
        let expect = |clusters: &[Cluster], code: &str, pointer: &str| {
            assert_eq!(codes(clusters), [(code.to_owned(), pointer.to_owned())]);
        };
        assert_eq!(codes(&[Cluster::new("c", &["G"], &["A", "B"])]), []);
        assert_eq!(codes(&[Cluster::new("c", &["G", "C"], &["A"])]), []);
        expect(&[Cluster::new("main", &["G"], &[])], "CLUSTER_ID", "/clusters/0/id");
        expect(&[Cluster::new("c", &[], &["A"])], "NO_GATEWAY", "/clusters/0/gateways");
        expect(&[Cluster::new("c", &["G"], &["X"])], "UNKNOWN_NODE", "/clusters/0/subnodes/0");
        expect(&[Cluster::new("c", &["G"], &["A", "G"])], "CLUSTER_OVERLAP", "/clusters/0/subnodes/1");
        expect(&[Cluster::new("c", &["G"], &["B"])], "CLUSTER_DISCONNECTED", "/clusters/0/subnodes/0");
        let mut amplifying = topology();
        amplifying.nodes[0].kind = NodeKind::Ila;
        let set = ClusterSet { clusters: vec![Cluster::new("c", &["G"], &[])] };
        assert_eq!(validate_clusters(&set, &amplifying)[0].code, "GATEWAY_KIND");
        let twice = [Cluster::new("c", &["G"], &["A"]), Cluster::new("c", &["C"], &["A"])];
        assert_eq!(codes(&twice).len(), 2, "same id, same node");
    }
}
