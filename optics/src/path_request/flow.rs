//! The largest flow through a small graph, one unit at a time (Ford and Fulkerson 1956, by shortest augmenting paths).

use std::collections::VecDeque;

/// A graph with capacities. Arcs come in pairs: the one behind is what may be taken back.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    leaving: Vec<Vec<usize>>,
    to: Vec<usize>,
    capacity: Vec<u32>,
}

impl Flow {
    /// A graph of so many nodes and no arcs.
    pub(super) fn new(nodes: usize) -> Self {
        Self { leaving: vec![Vec::new(); nodes], to: Vec::new(), capacity: Vec::new() }
    }

    /// Adds an arc.
    pub(super) fn arc(&mut self, from: usize, to: usize, capacity: u32) {
        self.leaving[from].push(self.to.len());
        self.to.push(to);
        self.capacity.push(capacity);
        self.leaving[to].push(self.to.len());
        self.to.push(from);
        self.capacity.push(0);
    }

    /// Whether so many units get from the source to the sink. Uses up the graph.
    ///
    /// Time: O(units × arcs).
    pub(super) fn carries(mut self, source: usize, sink: usize, units: usize) -> bool {
        (0..units).all(|_| self.augment(source, sink))
    }

    /// Sends one more unit along a path of fewest arcs.
    fn augment(&mut self, source: usize, sink: usize) -> bool {
        let mut via: Vec<Option<usize>> = vec![None; self.leaving.len()];
        let mut queue = VecDeque::from([source]);
        while let Some(node) = queue.pop_front() {
            for &arc in &self.leaving[node] {
                let next = self.to[arc];
                if self.capacity[arc] > 0 && via[next].is_none() && next != source {
                    via[next] = Some(arc);
                    queue.push_back(next);
                }
            }
            if via[sink].is_some() {
                break;
            }
        }
        let mut node = sink;
        while let Some(arc) = via[node] {
            self.capacity[arc] -= 1;
            self.capacity[arc ^ 1] += 1;
            node = self.to[arc ^ 1];
        }
        via[sink].is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Flow;

    /// Two routes from 0 to 5 exist although the one with fewest arcs, 0-1-4-5, crosses both.
    fn trap() -> Flow {
        let mut flow = Flow::new(6);
        for (from, to) in [(0, 1), (1, 4), (4, 5), (0, 2), (2, 3), (3, 4), (1, 5)] {
            flow.arc(from, to, 1);
        }
        flow
    }

    #[test]
    fn a_flow_takes_back_what_was_sent_the_wrong_way() {
        assert!(trap().carries(0, 5, 2));
        assert!(!trap().carries(0, 5, 3));
    }

    #[test]
    fn nothing_flows_without_a_way() {
        assert!(!trap().carries(5, 0, 1));
        assert!(trap().carries(5, 0, 0));
    }
}
