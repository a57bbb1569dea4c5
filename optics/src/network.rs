//! A topology made fit for computing: indices instead of ids, defaults resolved, spectrum as bitsets.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::grid::{Grid, Slot};
use crate::plan::Direction;
use crate::topology::{AddDropKind, Contention, NodeKind, Topology};
use crate::validate::{validate_grid, validate_topology};

/// Position of a node in [`Network::nodes`], the same as in the document.
pub type NodeIndex = usize;
/// Position of a link in [`Network::links`], the same as in the document.
pub type LinkIndex = usize;
/// Position of a fibre pair in [`Network::fibres`]: those of a link are neighbours, in the document's order.
pub type FibreIndex = usize;

/// Latency of fibre: group index 1.468 over the speed of light, in microseconds per kilometre.
pub const LATENCY_US_PER_KM: f64 = 1.468 / 0.299_792_458;
/// The id of the one fibre pair of a link that lists none.
pub const DEFAULT_FIBRE: &str = "1";
/// The id of the one CDC bank of a node that lists none.
pub const DEFAULT_BANK: &str = "default";

/// A topology on a grid, validated.
#[derive(Clone, Debug)]
pub struct Network {
    /// The spectrum.
    pub grid: Grid,
    /// The sites.
    pub nodes: Vec<Site>,
    /// The links.
    pub links: Vec<NetworkLink>,
    /// The fibre pairs of all links.
    pub fibres: Vec<NetworkFibre>,
    /// For each node what is next to it, in the order of links; parallel links appear each.
    pub adjacency: Vec<Vec<Adjacent>>,
    /// Ids of the shared risks.
    pub srlgs: Vec<String>,
    node_by_id: BTreeMap<String, NodeIndex>,
    link_by_id: BTreeMap<String, LinkIndex>,
}

/// A site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its id.
    pub id: String,
    /// Latitude and longitude in degrees.
    pub position: Option<(f64, f64)>,
    /// What stands there.
    pub kind: NodeKind,
    /// Whether a lightpath may pass through optically.
    pub transit: bool,
    /// Add/drop banks; none at an amplifier site, at least one elsewhere.
    pub banks: Vec<Bank>,
    /// Over what a slot may be added or dropped only once.
    pub contention: Contention,
    /// Ports for regenerators; none for unlimited.
    pub regen_ports: Option<u32>,
    /// Shared risks of the site itself.
    pub srlgs: Vec<usize>,
}

/// An add/drop bank with its defaults resolved.
#[derive(Clone, Debug)]
pub struct Bank {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: AddDropKind,
    /// The links it serves.
    pub degrees: Vec<LinkIndex>,
    /// How many ports it has; none for unlimited.
    pub ports: Option<u32>,
    /// How often it takes the same slot; none for as often as there are ports.
    pub max_same_slot: Option<u32>,
}

/// A link.
#[derive(Clone, Debug)]
pub struct NetworkLink {
    /// Its id.
    pub id: String,
    /// One end.
    pub a: NodeIndex,
    /// The other end.
    pub b: NodeIndex,
    /// Length in kilometres.
    pub length_km: f64,
    /// One-way latency in microseconds.
    pub latency_us: f64,
    /// First of its fibre pairs.
    pub first_fibre: FibreIndex,
    /// Number of its fibre pairs, at least 1.
    pub fibre_count: usize,
    /// Shared risks it belongs to, ascending.
    pub srlgs: Vec<usize>,
}

/// A fibre pair.
#[derive(Clone, Debug)]
pub struct NetworkFibre {
    /// Its id in the link.
    pub id: String,
    /// The link.
    pub link: LinkIndex,
    /// Spectrum that must not be used: a bit for each of [`Network::channels`].
    pub unavailable: ChannelSet,
}

/// A neighbour over one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adjacent {
    /// The node there.
    pub node: NodeIndex,
    /// The link.
    pub link: LinkIndex,
    /// Which way the link is taken.
    pub direction: Direction,
}

/// A set of channels (fixed grid) or slices (flexible grid), as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSet {
    words: Vec<u64>,
    channels: usize,
}

impl ChannelSet {
    /// The empty set out of `channels`.
    #[must_use]
    pub fn empty(channels: usize) -> Self {
        Self { words: vec![0; channels.div_ceil(64)], channels }
    }

    /// Adds `channel`, which must be below the number of channels.
    pub fn insert(&mut self, channel: usize) {
        assert!(channel < self.channels, "channel {channel} of {}", self.channels);
        self.words[channel / 64] |= 1 << (channel % 64);
    }

    /// Whether `channel` is in it.
    #[must_use]
    pub fn contains(&self, channel: usize) -> bool {
        self.words.get(channel / 64).is_some_and(|word| word >> (channel % 64) & 1 == 1)
    }

    /// How many are in it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The bits, lowest channel first, 64 to a word.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }
}

impl Network {
    /// Builds the network of `topology`, on its own grid if it has one, else on `default_grid`.
    ///
    /// # Errors
    /// Every error that [`validate_topology`] finds.
    pub fn build(topology: &Topology, default_grid: &Grid) -> Result<Self, Vec<Finding>> {
        let grid = topology.grid.as_ref().unwrap_or(default_grid);
        let mut findings = validate_topology(topology);
        if topology.grid.is_none() {
            findings.extend(validate_grid(grid, "/grid"));
        }
        findings.retain(Finding::is_error);
        if findings.is_empty() { Ok(Self::of_valid(topology, grid)) } else { Err(findings) }
    }

    fn of_valid(topology: &Topology, grid: &Grid) -> Self {
        let by_id = |ids: &mut dyn Iterator<Item = &String>| -> BTreeMap<String, usize> {
            ids.cloned().zip(0..).collect()
        };
        let node_by_id = by_id(&mut topology.nodes.iter().map(|node| &node.id));
        let link_by_id = by_id(&mut topology.links.iter().map(|link| &link.id));
        let srlg_by_id = by_id(&mut topology.srlgs.iter().map(|srlg| &srlg.id));
        let mut link_risks = vec![Vec::new(); topology.links.len()];
        let mut node_risks = vec![Vec::new(); topology.nodes.len()];
        for (risk, srlg) in topology.srlgs.iter().enumerate() {
            for member in &srlg.members {
                if let Some(&link) = link_by_id.get(member) {
                    link_risks[link].push(risk);
                } else if let Some(&node) = node_by_id.get(member) {
                    node_risks[node].push(risk);
                }
            }
        }
        let mut fibres = Vec::new();
        let mut links = Vec::with_capacity(topology.links.len());
        let mut adjacency = vec![Vec::new(); topology.nodes.len()];
        for (index, link) in topology.links.iter().enumerate() {
            let (a, b) = (node_by_id[&link.a], node_by_id[&link.b]);
            adjacency[a].push(Adjacent { node: b, link: index, direction: Direction::Ab });
            adjacency[b].push(Adjacent { node: a, link: index, direction: Direction::Ba });
            let first_fibre = fibres.len();
            let ids: Vec<&str> = if link.fibres.is_empty() {
                vec![DEFAULT_FIBRE]
            } else {
                link.fibres.iter().map(|fibre| fibre.id.as_str()).collect()
            };
            for id in &ids {
                fibres.push(NetworkFibre {
                    id: (*id).to_owned(),
                    link: index,
                    unavailable: unavailable(grid, link, id),
                });
            }
            let mut srlgs = std::mem::take(&mut link_risks[index]);
            srlgs.extend(link.srlgs.iter().map(|id| srlg_by_id[id]));
            srlgs.sort_unstable();
            srlgs.dedup();
            links.push(NetworkLink {
                id: link.id.clone(),
                a,
                b,
                length_km: link.length_km,
                latency_us: link.latency_us.unwrap_or(link.length_km * LATENCY_US_PER_KM),
                first_fibre,
                fibre_count: ids.len(),
                srlgs,
            });
        }
        let nodes = topology
            .nodes
            .iter()
            .enumerate()
            .map(|(index, node)| Site {
                id: node.id.clone(),
                position: node.lat.zip(node.lon),
                kind: node.kind,
                transit: node.express && node.kind != NodeKind::Terminal,
                banks: banks(node, &adjacency[index], &link_by_id),
                contention: node.contention,
                regen_ports: node.regen_ports,
                srlgs: std::mem::take(&mut node_risks[index]),
            })
            .collect();
        Self {
            grid: grid.clone(),
            nodes,
            links,
            fibres,
            adjacency,
            srlgs: topology.srlgs.iter().map(|srlg| srlg.id.clone()).collect(),
            node_by_id,
            link_by_id,
        }
    }

    /// The node with this id.
    #[must_use]
    pub fn node(&self, id: &str) -> Option<NodeIndex> {
        self.node_by_id.get(id).copied()
    }

    /// The link with this id.
    #[must_use]
    pub fn link(&self, id: &str) -> Option<LinkIndex> {
        self.link_by_id.get(id).copied()
    }

    /// The fibre pair with this id on `link`.
    #[must_use]
    pub fn fibre(&self, link: LinkIndex, id: &str) -> Option<FibreIndex> {
        self.fibres_of(link).find(|&fibre| self.fibres[fibre].id == id)
    }

    /// The fibre pairs of `link`.
    pub fn fibres_of(&self, link: LinkIndex) -> impl Iterator<Item = FibreIndex> + use<> {
        let link = &self.links[link];
        link.first_fibre..link.first_fibre + link.fibre_count
    }

    /// How many channels (fixed grid) or slices (flexible grid) there are.
    #[must_use]
    pub fn channels(&self) -> usize {
        channel_count(&self.grid)
    }

    /// The end of `link` that is not `node`.
    #[must_use]
    pub fn other_end(&self, link: LinkIndex, node: NodeIndex) -> NodeIndex {
        let link = &self.links[link];
        if link.a == node { link.b } else { link.a }
    }
}

/// How many channels (fixed grid) or slices (flexible grid) a grid has.
#[must_use]
pub fn channel_count(grid: &Grid) -> usize {
    grid.channels().unwrap_or_else(|| grid.slices()) as usize
}

/// The channels or slices of a fibre pair that must not be used.
pub(crate) fn unavailable(grid: &Grid, link: &crate::topology::Link, fibre: &str) -> ChannelSet {
    let count = channel_count(grid);
    let mut set = ChannelSet::empty(count);
    let ranges = || link.unavailable.iter().filter(|r| r.fibre.as_deref().is_none_or(|own| own == fibre));
    if ranges().next().is_none() {
        return set;
    }
    for channel in 0..count {
        let index = i32::try_from(channel).expect("a grid has a few thousand slices");
        let (lo, hi) = match grid.channel(index.unsigned_abs()).filter(|_| grid.fixed_spacing_ghz.is_some()) {
            Some(Slot { n, m }) => (n - m.cast_signed(), n + m.cast_signed()),
            None => (grid.n_min + index, grid.n_min + index + 1),
        };
        if ranges().any(|range| lo < range.n_hi && hi > range.n_lo) {
            set.insert(channel);
        }
    }
    set
}

fn banks(
    node: &crate::topology::Node,
    adjacent: &[Adjacent],
    link_by_id: &BTreeMap<String, LinkIndex>,
) -> Vec<Bank> {
    let all: Vec<LinkIndex> = adjacent.iter().map(|next| next.link).collect();
    if node.kind == NodeKind::Ila {
        return Vec::new();
    }
    if node.add_drop.is_empty() {
        return vec![Bank {
            id: DEFAULT_BANK.to_owned(),
            kind: AddDropKind::Cdc,
            degrees: all,
            ports: None,
            max_same_slot: None,
        }];
    }
    node.add_drop
        .iter()
        .map(|bank| Bank {
            id: bank.bank.clone(),
            kind: bank.kind,
            degrees: if bank.degrees.is_empty() {
                all.clone()
            } else {
                bank.degrees.iter().map(|id| link_by_id[id]).collect()
            },
            ports: bank.ports,
            max_same_slot: bank.max_same_slot,
        })
        .collect()
}
