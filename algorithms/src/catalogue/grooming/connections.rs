//! Connections: runs of links between nodes where traffic is groomed, and who rides on them.

use super::network::Path;

/// A connection. Nodes, links and demands by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its way; no links where no route joins its two ends.
    pub path: Path,
    /// Demands that ride on it, ascending by when they came.
    pub carries: Vec<usize>,
}

/// Connections that share no link but beside nodes where nothing can be groomed, cut where demands join and leave.
#[derive(Debug, Default)]
pub struct Shared {
    /// In the order in which they came about; cut ones are none.
    runs: Vec<Option<Run>>,
    /// Who has each link: the connection, and the position of the link in it.
    owner: Vec<Option<(usize, usize)>>,
}

impl Shared {
    /// No connection over `links` links.
    pub fn new(links: usize) -> Self {
        Self { runs: Vec::new(), owner: vec![None; links] }
    }

    /// Lets `demand` ride along `path`, a simple one: over connections that are there where it shares links with them,
    /// which are cut where it joins and leaves, and over new ones elsewhere. It joins and leaves only at nodes that `can`
    /// groom; the ends of `path` can. Linear in the path and what it meets.
    pub fn ride(&mut self, demand: usize, path: &Path, can: impl Fn(usize) -> bool) {
        if path.links.is_empty() {
            self.runs.push(Some(Run { path: path.clone(), carries: vec![demand] }));
            return;
        }
        let mut shared: Vec<(usize, usize, usize)> = Vec::new(); // connection, first and last link in it
        let mut fresh: Vec<(usize, usize)> = Vec::new(); // first link of the path, and the one after the last
        let mut covered = 0;
        for (run, mut from, mut to) in self.stretches(path) {
            while from < to && !can(path.nodes[from]) {
                from += 1;
            }
            while from < to && !can(path.nodes[to]) {
                to -= 1;
            }
            if let (Some(Some((_, one))), Some(Some((_, other)))) = (
                path.links[from..to].first().map(|&link| self.owner[link]),
                path.links[from..to].last().map(|&link| self.owner[link]),
            ) {
                shared.push((run, one.min(other), one.max(other)));
                if covered < from {
                    fresh.push((covered, from));
                }
                covered = to;
            }
        }
        if covered < path.links.len() {
            fresh.push((covered, path.links.len()));
        }
        shared.sort_unstable();
        let mut rest = shared.as_slice();
        while let Some(&(run, _, _)) = rest.first() {
            let own = rest.iter().take_while(|(other, _, _)| *other == run).count();
            self.cut(run, &rest[..own], demand);
            rest = &rest[own..];
        }
        for (from, to) in fresh {
            self.add(part(path, from, to), vec![demand]);
        }
    }

    /// Maximal stretches of `path` that are contiguous in one connection: that, the first link of the path, and the one after
    /// the last.
    fn stretches(&self, path: &Path) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < path.links.len() {
            let from = at;
            at += 1;
            let Some((run, mut position)) = self.owner[path.links[from]] else { continue };
            while let Some((other, next)) = path.links.get(at).and_then(|&link| self.owner[link])
                && other == run
                && next.abs_diff(position) == 1
            {
                position = next;
                at += 1;
            }
            found.push((run, from, at));
        }
        found
    }

    /// Cuts a connection at the ends of stretches that `demand` shares with it, given ascending.
    fn cut(&mut self, run: usize, stretches: &[(usize, usize, usize)], demand: usize) {
        let Some(Run { path, carries }) = self.runs[run].take() else { return };
        let with = || carries.iter().copied().chain([demand]).collect();
        let mut at = 0;
        for &(_, first, last) in stretches {
            if at < first {
                self.add(part(&path, at, first), carries.clone());
            }
            self.add(part(&path, first, last + 1), with());
            at = last + 1;
        }
        if at < path.links.len() {
            self.add(part(&path, at, path.links.len()), carries.clone());
        }
    }

    fn add(&mut self, path: Path, carries: Vec<usize>) {
        for (position, &link) in path.links.iter().enumerate() {
            self.owner[link] = Some((self.runs.len(), position));
        }
        self.runs.push(Some(Run { path, carries }));
    }

    /// The connections.
    pub fn into_runs(self) -> impl Iterator<Item = Run> {
        self.runs.into_iter().flatten()
    }
}

/// The part of a path from one link to before another.
fn part(path: &Path, from: usize, to: usize) -> Path {
    Path { nodes: path.nodes[from..=to].to_vec(), links: path.links[from..to].to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(links: &[usize]) -> Path {
        // link i joins nodes i and i + 1
        let (first, last) = (links[0], links[links.len() - 1]);
        let nodes =
            if first <= last { (first..=last + 1).collect() } else { (last..=first + 1).rev().collect() };
        Path { nodes, links: links.to_vec() }
    }

    fn runs(shared: Shared) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut runs: Vec<_> = shared.into_runs().map(|run| (run.path.links, run.carries)).collect();
        runs.sort();
        runs
    }

    #[test]
    fn connections_are_cut_where_demands_join_and_leave() {
        let mut shared = Shared::new(8);
        shared.ride(1, &path(&[0, 1, 2, 3]), |_| true);
        shared.ride(2, &path(&[4, 3, 2]), |_| true); // against its direction, and beyond it
        assert_eq!(runs(shared), [(vec![0, 1], vec![1]), (vec![2, 3], vec![1, 2]), (vec![4], vec![2])]);
    }

    #[test]
    fn the_same_way_shares_the_whole_connection() {
        let mut shared = Shared::new(4);
        shared.ride(1, &path(&[0, 1]), |_| true);
        shared.ride(2, &path(&[1, 0]), |_| true);
        shared.ride(3, &path(&[0]), |_| true);
        assert_eq!(runs(shared), [(vec![0], vec![1, 2, 3]), (vec![1], vec![1, 2])]);
    }

    #[test]
    fn nothing_is_cut_where_nothing_can_be_groomed() {
        // node 2 only amplifies: the second joins the first at node 3 instead
        let can = |node: usize| node != 2;
        let mut shared = Shared::new(6);
        shared.ride(1, &path(&[0, 1, 2, 3]), can);
        shared.ride(2, &path(&[2, 3, 4]), can);
        assert_eq!(
            runs(shared),
            [(vec![0, 1, 2], vec![1]), (vec![2], vec![2]), (vec![3], vec![1, 2]), (vec![4], vec![2])]
        );
    }

    #[test]
    fn a_middle_is_cut_out() {
        let mut shared = Shared::new(6);
        shared.ride(1, &path(&[0, 1, 2, 3, 4]), |_| true);
        shared.ride(2, &path(&[1]), |_| true);
        shared.ride(3, &path(&[3, 4, 5]), |_| true);
        assert_eq!(
            runs(shared),
            [
                (vec![0], vec![1]),
                (vec![1], vec![1, 2]),
                (vec![2], vec![1]),
                (vec![3, 4], vec![1, 3]),
                (vec![5], vec![3])
            ]
        );
    }
}
