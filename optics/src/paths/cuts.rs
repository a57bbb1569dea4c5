//! What parts a network: components, bridges, articulation nodes.

use super::{breadth_first, may_leave};
use crate::network::{LinkIndex, Network, NodeIndex};

/// The nodes that can be reached from `from`, ascending, `from` included.
#[must_use]
pub fn component(network: &Network, from: NodeIndex) -> Vec<NodeIndex> {
    let tree = breadth_first(network, from, |_| true);
    (0..network.nodes.len()).filter(|&node| tree.cost[node].is_finite()).collect()
}

/// Links whose loss parts the network they are in (Tarjan 1974), ascending. Parallel links are none.
///
/// Time: O(links + nodes). Nodes that nothing may pass are treated as if it might.
#[must_use]
pub fn bridges(network: &Network) -> Vec<LinkIndex> {
    let mut found = low_points(network).0;
    found.sort_unstable();
    found
}

/// Nodes whose loss parts the network they are in (Hopcroft and Tarjan 1973), ascending.
///
/// Time: O(links + nodes). Nodes that nothing may pass are treated as if it might.
#[must_use]
pub fn articulation_nodes(network: &Network) -> Vec<NodeIndex> {
    let mut found = low_points(network).1;
    found.sort_unstable();
    found.dedup();
    found
}

/// A node on the way down of the depth-first search.
struct Visit {
    node: NodeIndex,
    by: Option<LinkIndex>,
    next: usize,
    children: usize,
}

fn low_points(network: &Network) -> (Vec<LinkIndex>, Vec<NodeIndex>) {
    let count = network.nodes.len();
    let (mut order, mut low) = (vec![usize::MAX; count], vec![usize::MAX; count]);
    let (mut links, mut nodes) = (Vec::new(), Vec::new());
    let mut clock = 0;
    for root in 0..count {
        if order[root] != usize::MAX {
            continue;
        }
        let mut stack = vec![Visit { node: root, by: None, next: 0, children: 0 }];
        (order[root], low[root]) = (clock, clock);
        clock += 1;
        // A stack of our own: recursion would be as deep as the network is long.
        while let Some(top) = stack.last_mut() {
            let node = top.node;
            if let Some(&step) = network.adjacency[node].get(top.next) {
                top.next += 1;
                if Some(step.link) == top.by {
                    continue;
                }
                if order[step.node] == usize::MAX {
                    top.children += 1;
                    (order[step.node], low[step.node]) = (clock, clock);
                    clock += 1;
                    stack.push(Visit { node: step.node, by: Some(step.link), next: 0, children: 0 });
                } else {
                    low[node] = low[node].min(order[step.node]);
                }
            } else {
                let Some(done) = stack.pop() else { break };
                match (stack.last(), done.by) {
                    (Some(parent), Some(link)) => {
                        let parent = parent.node;
                        low[parent] = low[parent].min(low[done.node]);
                        if low[done.node] > order[parent] {
                            links.push(link);
                        }
                        if parent != root && low[done.node] >= order[parent] {
                            nodes.push(parent);
                        }
                    }
                    _ if done.children > 1 => nodes.push(root),
                    _ => {}
                }
            }
        }
    }
    (links, nodes)
}

/// Links, and inner nodes, any of whose loss parts `a` from `b`: why there is no disjoint pair between them.
/// Both are empty where there is no way at all.
///
/// Time: O(hops of the shortest way × (links + nodes)).
#[must_use]
pub fn separators(network: &Network, a: NodeIndex, b: NodeIndex) -> (Vec<LinkIndex>, Vec<NodeIndex>) {
    // What parts them lies on every way, so on the shortest.
    let Some(route) = breadth_first(network, a, |_| true).route_to(b) else { return Default::default() };
    let links =
        route.iter().map(|step| step.link).filter(|&link| !joined(network, a, b, |other| other != link));
    let inner = route.iter().take(route.len().saturating_sub(1)).map(|step| step.node);
    let nodes = inner.filter(|&node| {
        !joined(network, a, b, |link| network.links[link].a != node && network.links[link].b != node)
    });
    (links.collect(), nodes.collect())
}

fn joined(network: &Network, a: NodeIndex, b: NodeIndex, usable: impl Fn(LinkIndex) -> bool) -> bool {
    debug_assert!(may_leave(network, a, a));
    breadth_first(network, a, usable).cost[b].is_finite()
}
