//! Imports of real files from the folder that `NETPLANNER_TEST_DATA` names.

use std::path::PathBuf;

use optics::import::{Format, ImportOptions, Imported, Refused, topology, traffic};
use optics::topology::{AddDropKind, Contention};
use optics::traffic::{Protection, Restoration, ServiceType};
use optics::validate::validate_traffic_on;

/// The bytes of a file of the reference data.
fn data(path: &str) -> Vec<u8> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("NETPLANNER_TEST_DATA").map_or(beside, PathBuf::from);
    std::fs::read(folder.join(path)).expect("NETPLANNER_TEST_DATA is the folder with the reference data")
}

fn options() -> ImportOptions {
    ImportOptions::default()
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_kerman_topology_has_22_directionless_nodes_and_33_links() {
    let bytes = data("netplanner/excel/PT_kerman.xlsx");
    let Imported { document, notes } =
        topology(Format::NetplannerXlsx, &bytes, &options()).expect("good file");
    assert_eq!((document.nodes.len(), document.links.len()), (22, 33));
    assert_eq!(notes, []);
    for node in &document.nodes {
        assert_eq!(node.contention, Contention::PerNode);
        assert_eq!(
            node.add_drop.iter().map(|bank| bank.kind).collect::<Vec<_>>(),
            [AddDropKind::Directionless]
        );
        assert!(node.lat.is_some() && node.lon.is_some());
    }
    let total: f64 = document.links.iter().map(|link| link.length_km).sum();
    assert!((total - 1799.0).abs() < 1e-9, "{total} km");
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_kerman_traffic_has_104_demands_and_916_services() {
    let bytes = data("netplanner/excel/traffic_kerman.xlsx");
    let Imported { document, notes } =
        traffic(Format::NetplannerXlsx, &bytes, &options()).expect("good file");
    assert_eq!(document.demands.len(), 104);
    assert_eq!(notes, []);
    let count = |kind: ServiceType| -> usize {
        document
            .demands
            .iter()
            .flat_map(|d| &d.services)
            .filter(|g| g.kind == kind)
            .map(|g| g.ids.len())
            .sum()
    };
    let counts = ServiceType::ALL.map(count);
    assert_eq!(counts, [0, 0, 0, 0, 4, 36, 113, 602, 134, 27]);
    assert_eq!(counts.iter().sum::<usize>(), 916);
    let mix = |protected: bool, restoration: Restoration| {
        let wanted = |d: &&optics::traffic::Demand| {
            (d.protection != Protection::None) == protected && d.restoration == restoration
        };
        document.demands.iter().filter(wanted).count()
    };
    assert_eq!(
        [
            mix(false, Restoration::None),
            mix(true, Restoration::None),
            mix(true, Restoration::Basic),
            mix(true, Restoration::Advanced)
        ],
        [17, 56, 22, 9]
    );
    let pt = data("netplanner/excel/PT_kerman.xlsx");
    let pt = topology(Format::NetplannerXlsx, &pt, &options()).expect("good file").document;
    assert_eq!(validate_traffic_on(&document, &pt), []);
}

/// Sheet, row, column and number in the template's list of errors.
fn places(refused: &Refused) -> Vec<(&str, u32, &str, Option<u8>)> {
    refused
        .findings
        .iter()
        .map(|f| {
            (
                f.sheet.as_deref().expect("sheet"),
                f.row.expect("row"),
                f.column.as_deref().expect("column"),
                f.template_code,
            )
        })
        .collect()
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_faulty_kerman_topology_is_refused_with_its_three_findings() {
    let bytes = data("netplanner/excel/PT_kerman_error.xlsx");
    let refused = topology(Format::NetplannerXlsx, &bytes, &options()).expect_err("three faults");
    let found = places(&refused);
    let values: Vec<&str> = refused.findings.iter().map(|f| f.detail.as_str()).collect();
    assert_eq!(found.len(), 3, "{values:?}");
    assert_eq!((found[0].0, found[0].2, found[0].3), ("Nodes", "ROADM_Type", Some(2)));
    assert!(values[0].contains("`AAA`"));
    assert_eq!(found[1], ("Links", 2, "Source", Some(3)));
    assert!(values[1].contains("`AA`"));
    assert_eq!(found[2], ("Links", 7, "Length", Some(4)));
    assert!(values[2].contains("`xy`"));
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_faulty_kerman_traffic_is_refused_with_its_three_findings() {
    let bytes = data("netplanner/excel/traffic_kerman_error.xlsx");
    let refused = traffic(Format::NetplannerXlsx, &bytes, &options()).expect_err("three faults");
    let sheet = refused.findings[0].sheet.clone().expect("sheet");
    assert_eq!(
        places(&refused),
        [
            (sheet.as_str(), 10, "Quantity_STM16", Some(8)),
            (sheet.as_str(), 23, "Restoration_Type", Some(7)),
            (sheet.as_str(), 31, "Protection_Type", Some(6)),
        ]
    );
    assert!(refused.findings[0].detail.contains("`A`"), "{}", refused.findings[0]);
    assert!(refused.findings[1].detail.contains("`ABC`"), "{}", refused.findings[1]);
    assert!(refused.findings[2].detail.contains("is empty"), "{}", refused.findings[2]);
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_json_fixtures_read_like_the_workbooks() {
    let pt = data("netplanner/json/rwa-pt.json");
    let tm = data("netplanner/json/rwa-tm.json");
    let xlsx = data("netplanner/excel/PT_kerman.xlsx");
    let pt = topology(Format::NetplannerJson, &pt, &options()).expect("good file").document;
    let sheet = topology(Format::NetplannerXlsx, &xlsx, &options()).expect("good file").document;
    assert_eq!(pt.nodes, sheet.nodes);
    let ends = |t: &optics::topology::Topology| -> Vec<(String, String, u64)> {
        t.links.iter().map(|l| (l.a.clone(), l.b.clone(), l.length_km.to_bits())).collect()
    };
    assert_eq!(ends(&pt), ends(&sheet));
    let tm = traffic(Format::NetplannerJson, &tm, &options()).expect("good file").document;
    assert_eq!(tm.demands.len(), 104);
    assert_eq!(
        tm.demands.iter().map(|d| d.id.clone()).collect::<Vec<_>>(),
        (1..=104).map(|i| i.to_string()).collect::<Vec<_>>()
    );
    let input = data("netplanner/json/grooming-input.json");
    assert_eq!(
        traffic(Format::NetplannerJson, &input, &options()).expect("good file").document.demands.len(),
        7
    );
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_every_sndlib_network_is_read() {
    let expected = [
        ("abilene", 12, 15),
        ("atlanta", 15, 22),
        ("cost266", 37, 57),
        ("dfn-bwin", 10, 45),
        ("dfn-gwin", 11, 47),
        ("di-yuan", 11, 42),
        ("france", 25, 45),
        ("geant", 22, 36),
        ("germany50", 50, 88),
        ("giul39", 39, 86),
        ("india35", 35, 80),
        ("janos-us", 26, 42),
        ("janos-us-ca", 39, 61),
        ("newyork", 16, 49),
        ("nobel-eu", 28, 41),
        ("nobel-germany", 17, 26),
        ("nobel-us", 14, 21),
        ("norway", 27, 51),
        ("pdh", 11, 34),
        ("polska", 12, 18),
        ("sun", 27, 51),
        ("ta1", 24, 55),
        ("ta2", 65, 108),
        ("zib54", 54, 81),
    ];
    for (name, nodes, links) in expected {
        let bytes = data(&format!("sndlib/xml/{name}.xml"));
        let read = topology(Format::SndlibXml, &bytes, &options())
            .unwrap_or_else(|e| panic!("{name}: {e:?}"))
            .document;
        assert_eq!((read.nodes.len(), read.links.len()), (nodes, links), "{name}");
        let matrix = traffic(Format::SndlibXml, &bytes, &options())
            .unwrap_or_else(|e| panic!("{name}: {e:?}"))
            .document;
        assert!(
            !validate_traffic_on(&matrix, &read).iter().any(optics::finding::Finding::is_error),
            "{name}"
        );
    }
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_sndlib_demands_are_folded_into_the_lightpaths_of_the_reference() {
    // Lightpath capacity in demand units, lightpaths.
    for (name, capacity, lightpaths) in [
        ("nobel-germany", 1.1, 647.0),
        ("nobel-eu", 3.16, 779.0),
        ("germany50", 3.94, 931.0),
        ("cost266", 566.0, 985.0),
    ] {
        let bytes = data(&format!("sndlib/xml/{name}.xml"));
        let matrix = traffic(Format::SndlibXml, &bytes, &options()).expect("good file").document;
        let requests: f64 = matrix
            .demands
            .iter()
            .map(|d| (d.rate_ab_gbps.unwrap_or(0.0).max(d.rate_ba_gbps.unwrap_or(0.0)) / capacity).ceil())
            .sum();
        assert!((requests - lightpaths).abs() < 0.5, "{name}: {requests} lightpaths, expected {lightpaths}");
    }
}
