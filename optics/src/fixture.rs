//! A small network with one of everything, and a valid plan for it: what tests mutate.
//!
//! ```text
//!        T           T: nothing passes. A: one directionless bank, contention per node. B, E, F: default banks.
//!      /   \         C: a colourless bank for each degree. D: CDC with 4 ports, each slot once.
//!     A --- F        Link BC has two fibre pairs. Eight channels of 50 GHz.
//!     |     |
//!     B --- E
//!     |     |
//!     C --- D
//! ```

use crate::grid::Grid;
use crate::plan::{
    Bound, BoundMethod, Direction, Hop, Lightpath, LightpathPath, LightpathState, PathRole, Plan, Port,
    QualityOfTransmission, Segment,
};
use crate::request::LightpathRequest;
use crate::topology::{AddDropBank, AddDropKind, Contention, Fibre, Link, Node, NodeKind, Topology};
use crate::traffic::{Disjointness, Protection, ProtectionSource, Restoration};

/// A network, what is asked of it, and the plan that answers.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) topology: Topology,
    pub(crate) requests: Vec<LightpathRequest>,
    pub(crate) plan: Plan,
}

impl Case {
    pub(crate) fn lightpath(&mut self, id: &str) -> &mut Lightpath {
        self.plan.lightpaths.iter_mut().find(|lightpath| lightpath.id == id).expect("it is there")
    }

    pub(crate) fn request(&mut self, id: &str) -> &mut LightpathRequest {
        self.requests.iter_mut().find(|request| request.id == id).expect("it is there")
    }

    pub(crate) fn segment(&mut self, id: &str, path: usize) -> &mut Segment {
        &mut self.lightpath(id).paths[path].segments[0]
    }

    pub(crate) fn node(&mut self, id: &str) -> &mut Node {
        self.topology.nodes.iter_mut().find(|node| node.id == id).expect("it is there")
    }

    pub(crate) fn link(&mut self, id: &str) -> &mut Link {
        self.topology.links.iter_mut().find(|link| link.id == id).expect("it is there")
    }
}

fn bank(bank: &str, kind: AddDropKind, degrees: &[&str], ports: Option<u32>) -> AddDropBank {
    let degrees = degrees.iter().map(|&link| link.to_owned()).collect();
    AddDropBank { bank: bank.to_owned(), kind, degrees, ports, max_same_slot: None }
}

pub(crate) fn topology() -> Topology {
    let mut nodes = ["A", "B", "C", "D", "E", "F", "T"].map(Node::roadm).to_vec();
    nodes[0].add_drop = vec![bank("1", AddDropKind::Directionless, &[], None)];
    nodes[0].contention = Contention::PerNode;
    nodes[2].add_drop = vec![
        bank("west", AddDropKind::Colourless, &["BC"], Some(2)),
        bank("east", AddDropKind::Colourless, &["CD"], Some(2)),
    ];
    nodes[3].add_drop = vec![bank("cdc", AddDropKind::Cdc, &[], Some(4))];
    nodes[3].add_drop[0].max_same_slot = Some(1);
    nodes[6].kind = NodeKind::Terminal;
    let mut links: Vec<Link> = [
        ("A", "B"),
        ("B", "C"),
        ("C", "D"),
        ("D", "E"),
        ("E", "F"),
        ("F", "A"),
        ("B", "E"),
        ("A", "T"),
        ("T", "F"),
    ]
    .into_iter()
    .map(|(a, b)| Link::new(format!("{a}{b}"), a, b, 100.0))
    .collect();
    links[1].fibres =
        ["f1", "f2"].map(|id| Fibre { id: id.to_owned(), spans_ab: Vec::new(), spans_ba: None }).to_vec();
    Topology { name: "fixture".to_owned(), nodes, links, grid: Some(grid()), ..Topology::default() }
}

pub(crate) fn one_plus_one() -> Protection {
    Protection::OnePlusOne {
        disjoint: Disjointness::Node,
        source: ProtectionSource::Splitter,
        differential_delay_us: None,
    }
}

pub(crate) fn request(id: &str, a: &str, b: &str, protection: Protection) -> LightpathRequest {
    LightpathRequest {
        id: id.to_owned(),
        demand: format!("demand {id}"),
        a: a.to_owned(),
        b: b.to_owned(),
        rate_gbps: 80.0,
        capacity_gbps: 100.0,
        priority: 1,
        protection,
        restoration: Restoration::None,
        clients: Vec::new(),
    }
}

/// `node/bank/port`.
pub(crate) fn port(text: &str) -> Port {
    let parts: Vec<&str> = text.split('/').collect();
    Port { node: parts[0].to_owned(), bank: parts[1].to_owned(), port: parts[2].parse().expect("a number") }
}

/// A hop: the link's id, with the fibre behind `.` if it is not `1`; against its direction if it begins with `-`.
pub(crate) fn hop(text: &str) -> Hop {
    let (direction, rest) =
        text.strip_prefix('-').map_or((Direction::Ab, text), |rest| (Direction::Ba, rest));
    let (link, fibre) = rest.split_once('.').unwrap_or((rest, "1"));
    Hop { link: link.to_owned(), fibre: fibre.to_owned(), direction }
}

/// Eight channels of 50 GHz around 193.1 THz.
fn grid() -> Grid {
    Grid { n_min: -32, n_max: 32, ..Grid::fixed(50.0, 8) }
}

/// The centre of a channel of the fixture's grid.
pub(crate) fn channel(index: u32) -> i32 {
    grid().channel(index).expect("inside").n
}

pub(crate) fn segment(hops: &str, at: u32, tx: &str, rx: &str) -> Segment {
    Segment {
        hops: hops.split_whitespace().map(hop).collect(),
        n: channel(at),
        m: 4,
        mode: None,
        tx: port(tx),
        rx: port(rx),
        gsnr_db_01nm: None,
        margin_db: None,
    }
}

pub(crate) fn path(role: PathRole, segments: Vec<Segment>) -> LightpathPath {
    LightpathPath { role, scenario: None, segments }
}

/// The lightpath that serves `request` over `paths`.
pub(crate) fn serve(request: &LightpathRequest, paths: Vec<LightpathPath>) -> Lightpath {
    Lightpath {
        id: request.id.clone(),
        carries: vec![request.demand.clone()],
        ends: [request.a.clone(), request.b.clone()],
        state: LightpathState::Planned,
        period: 0,
        capacity_gbps: request.capacity_gbps,
        protection: request.protection.clone(),
        paths,
    }
}

/// A lightpath that was there before, which nobody asks for now.
pub(crate) fn existing(id: &str, a: &str, b: &str, one: Segment) -> Lightpath {
    let request = request(id, a, b, Protection::None);
    Lightpath { state: LightpathState::Existing, ..serve(&request, vec![path(PathRole::Working, vec![one])]) }
}

pub(crate) fn valid() -> Case {
    let requests = vec![
        request("r1", "A", "C", one_plus_one()),
        request("r2", "B", "D", Protection::None),
        request("r3", "B", "E", Protection::None),
        request("r4", "T", "B", Protection::None),
        request("r5", "A", "E", Protection::None),
        request("r6", "B", "C", Protection::None),
    ];
    let working = |segments| vec![path(PathRole::Working, segments)];
    let lightpaths = vec![
        serve(
            &requests[0],
            vec![
                path(PathRole::Working, vec![segment("AB BC.f1", 0, "A/1/0", "C/west/0")]),
                path(PathRole::Protection, vec![segment("-FA -EF -DE -CD", 0, "A/1/0", "C/east/0")]),
            ],
        ),
        serve(&requests[1], working(vec![segment("BC.f1 CD", 1, "B/default/0", "D/cdc/0")])),
        serve(&requests[2], working(vec![segment("BE", 0, "B/default/1", "E/default/0")])),
        serve(&requests[3], working(vec![segment("-AT AB", 2, "T/default/0", "B/default/2")])),
        serve(
            &requests[4],
            working(vec![
                segment("-FA", 1, "A/1/1", "F/default/0"),
                segment("-EF", 2, "F/default/1", "E/default/1"),
            ]),
        ),
        serve(&requests[5], working(vec![segment("BC.f2", 3, "B/default/3", "C/west/1")])),
    ];
    let prices =
        serde_json::json!({"AB": 1, "BC": 1, "CD": 1, "DE": 1, "EF": 1, "FA": 1, "BE": 1, "AT": 1, "TF": 1});
    let bound =
        |value, method, certificate| Bound { metric: "wavelengths".to_owned(), value, method, certificate };
    let bounds = vec![
        bound(1.0, BoundMethod::Cut, serde_json::json!({"side": ["C"], "links": ["BC", "CD"], "demand": 3})),
        bound(2.0, BoundMethod::CongestionLp, serde_json::json!({"link_prices": prices})),
        bound(2.0, BoundMethod::Clique, serde_json::json!({"requests": ["r1", "r5"]})),
        bound(2.0, BoundMethod::AddDrop, serde_json::json!({"node": "A"})),
    ];
    let topology = topology();
    let plan = Plan {
        topology: topology.name.clone(),
        equipment: None,
        grid: grid(),
        qot: QualityOfTransmission::None,
        lightpaths,
        blocked: Vec::new(),
        violations: Vec::new(),
        bounds,
    };
    Case { topology, requests, plan }
}
