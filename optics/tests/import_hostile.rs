//! Hostile and broken files: every one gets findings, none a panic, and none more memory than its bound.

use std::io::{Cursor, Write};

use optics::import::{Format, ImportOptions, MAX_FILE_BYTES, Refused, topology, traffic};
use proptest::prelude::*;
use rust_xlsxwriter::{Workbook, Worksheet};
use zip::write::SimpleFileOptions;

fn refused_topology(format: Format, bytes: &[u8]) -> Refused {
    topology(format, bytes, &ImportOptions::default()).expect_err("it must be refused")
}

fn codes(refused: &Refused) -> Vec<&str> {
    refused.findings.iter().map(|finding| finding.code.as_str()).collect()
}

/// Writes rows of cells; text that is a number becomes one.
fn fill(sheet: &mut Worksheet, name: &str, first_row: u32, rows: &[&[&str]]) {
    sheet.set_name(name).expect("a name");
    for (row, cells) in (first_row..).zip(rows) {
        for (column, cell) in (0..).zip(*cells) {
            match cell.parse::<f64>() {
                _ if cell.is_empty() => {}
                Ok(number) => drop(sheet.write_number(row, column, number).expect("fits")),
                Err(_) => drop(sheet.write_string(row, column, *cell).expect("fits")),
            }
        }
    }
}

const NODES: &[&[&str]] = &[
    &["ID", "Node", "lat", "lng", "ROADM_Type"],
    &["1", "A", "50", "10", "CDC"],
    &["2", "B", "51", "11", "Directionless"],
];
const LINKS: &[&[&str]] =
    &[&["ID", "Source", "Destination", "Length", "Fiber Type"], &["1", "A", "B", "80.5", "sm"]];

fn topology_book(nodes: &[&[&str]], links: &[&[&str]]) -> Vec<u8> {
    let mut book = Workbook::new();
    fill(book.add_worksheet(), "Nodes", 0, nodes);
    fill(book.add_worksheet(), "Links", 0, links);
    book.save_to_buffer().expect("written")
}

const DEMAND_HEADERS: &[&str] = &[
    "ID",
    "Source",
    "Destination",
    "Restoration_Type",
    "Protection_Type",
    "Quantity_E1",
    "Quantity_STM1 Electrical",
    "Quantity_STM1 Optical",
    "Quantity_STM4",
    "Quantity_STM16",
    "Quantity_STM64",
    "Quantity_FE",
    "Quantity_GE",
    "Quantity_10GE",
    "Quantity_100GE",
];

fn traffic_book(rows: &[&[&str]]) -> Vec<u8> {
    let mut book = Workbook::new();
    let mut all = vec![DEMAND_HEADERS];
    all.extend(rows);
    fill(book.add_worksheet(), "Sheet1", 1, &all);
    book.save_to_buffer().expect("written")
}

#[test]
fn a_template_is_read_by_its_headers() {
    let bytes = topology_book(NODES, LINKS);
    let read = topology(Format::NetplannerXlsx, &bytes, &ImportOptions::default()).expect("good").document;
    assert_eq!(read.nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!((read.links[0].id.as_str(), read.links[0].length_km), ("A-B", 80.5));
    assert_eq!(read.links[0].fibres[0].spans_ab[0].fibre_type, "sm");
}

#[test]
fn every_fault_of_a_template_is_found_in_its_cell() {
    let nodes: &[&[&str]] = &[
        &["ROADM_Type", "Node", "lat", "ID", "lng"],
        &["AAA", "A", "north", "1", "10"],
        &["CDC", "A", "50", "2", ""],
        &["", "C", "91", "3", "11"],
    ];
    let links: &[&[&str]] = &[
        &["ID", "Source", "Destination", "Length", "Fiber Type"],
        &["1", "A", "X", "xy", ""],
        &["2", "C", "C", "-1", ""],
        &["3", "A", "C", "", ""],
    ];
    let refused = refused_topology(Format::NetplannerXlsx, &topology_book(nodes, links));
    let found: Vec<(&str, &str, Option<u8>)> = refused
        .findings
        .iter()
        .map(|f| (f.cell.as_deref().unwrap_or(""), f.code.as_str(), f.template_code))
        .collect();
    for expected in [
        ("A2", "ROADM_TYPE", Some(2)),
        ("C2", "NOT_A_NUMBER", Some(1)),
        ("B3", "DUPLICATE_ID", None),
        ("A4", "ROADM_TYPE", Some(2)),
        ("C4", "COORDINATE", None),
        ("C2", "UNKNOWN_NODE", Some(3)),
        ("D2", "LENGTH", Some(4)),
        ("D3", "LENGTH", Some(4)),
        ("D4", "LENGTH", Some(4)),
        ("B3", "SELF_LOOP", None),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
    assert!(
        refused.findings.iter().all(|f| f.sheet.is_some() && f.row.is_some() && f.column.is_some()),
        "{found:?}"
    );
}

#[test]
fn missing_sheets_and_columns_are_named() {
    let mut book = Workbook::new();
    fill(book.add_worksheet(), "Nodes", 0, NODES);
    let refused = refused_topology(Format::NetplannerXlsx, &book.save_to_buffer().expect("written"));
    assert_eq!(codes(&refused), ["MISSING_SHEET"]);
    assert_eq!(refused.findings[0].sheet.as_deref(), Some("Links"));
    let refused =
        refused_topology(Format::NetplannerXlsx, &topology_book(NODES, &[&["ID", "Source", "Destination"]]));
    let columns: Vec<_> = refused.findings.iter().map(|f| f.column.as_deref().unwrap_or("")).collect();
    assert_eq!((codes(&refused), columns), (vec!["MISSING_COLUMN"; 2], vec!["Length", "Fiber Type"]));
}

#[test]
fn a_traffic_template_is_numbered_by_rows_and_by_columns() {
    let rows: &[&[&str]] = &[
        &["7", " A ", "B", "None", "NoProtection", "", "", "", "", "2.9", "", "0", "", "", "1"],
        &["", "", "", "", "", "", "", "", "", "", "", "", "", "", ""],
        &["7", "B", "C", "AdvJointSame", "1+1_NodeDisjoint", "1", "", "", "", "", "", "", "", "", ""],
    ];
    let read = traffic(Format::NetplannerXlsx, &traffic_book(rows), &ImportOptions::default())
        .expect("good")
        .document;
    let ids: Vec<_> = read.demands.iter().map(|d| (d.id.as_str(), d.a.as_str())).collect();
    assert_eq!(ids, [("1", "A"), ("2", "B")]);
    let services: Vec<_> =
        read.demands.iter().flat_map(|d| &d.services).map(|g| (g.kind.rate_gbps(), g.ids.clone())).collect();
    let id = |id: &str| id.to_owned();
    assert_eq!(services, [(2.5, vec![id("1"), id("2")]), (100.0, vec![id("3")]), (0.002_048, vec![id("4")])]);
}

#[test]
fn quantities_are_bounded_and_must_be_numbers() {
    let row = |quantity: &'static str| ["1", "A", "B", "None", "NoProtection", quantity];
    for (quantity, code) in
        [("A", "QUANTITY"), ("-1", "QUANTITY"), ("1e300", "TOO_MANY"), ("3000000", "TOO_MANY")]
    {
        let bytes = traffic_book(&[&row(quantity)]);
        let refused = traffic(Format::NetplannerXlsx, &bytes, &ImportOptions::default()).expect_err(quantity);
        assert_eq!((codes(&refused), refused.findings[0].template_code), (vec![code], Some(8)), "{quantity}");
    }
}

/// An archive of parts, compressed.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).expect("started");
        writer.write_all(content).expect("written");
    }
    writer.finish().expect("finished").into_inner()
}

#[test]
fn a_zip_bomb_stops_at_the_limit() {
    let zeros = vec![b' '; 130 << 20];
    let bytes = archive(&[("xl/workbook.xml", &zeros)]);
    assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
    assert_eq!(codes(&refused_topology(Format::NetplannerXlsx, &bytes)), ["TOO_LARGE"]);
    let many: Vec<(String, &[u8])> = (0..2_000).map(|index| (format!("xl/{index}.xml"), &b"x"[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    assert_eq!(codes(&refused_topology(Format::NetplannerXlsx, &archive(&many))), ["TOO_LARGE"]);
}

#[test]
fn two_cells_in_opposite_corners_are_two_cells() {
    let mut book = Workbook::new();
    fill(book.add_worksheet(), "Nodes", 0, NODES);
    let links = book.add_worksheet();
    fill(links, "Links", 0, LINKS);
    links.write_string(1_048_575, 16_383, "far away").expect("the last cell");
    let bytes = book.save_to_buffer().expect("written");
    let read = topology(Format::NetplannerXlsx, &bytes, &ImportOptions::default())
        .expect("the far cell is in no column of ours");
    assert_eq!(read.document.links.len(), 1);
}

#[test]
fn what_is_no_workbook_or_document_is_said_to_be_none() {
    for format in Format::ALL {
        for bytes in [&b""[..], b"PK\x03\x04", b"<", b"{", b"[[[[", b"\xff\xfe\x00", b"null", b"<network/>"] {
            assert!(topology(format, bytes, &ImportOptions::default()).is_err(), "{format:?} {bytes:?}");
            assert!(traffic(format, bytes, &ImportOptions::default()).is_err(), "{format:?} {bytes:?}");
        }
    }
    let large = vec![b' '; MAX_FILE_BYTES + 1];
    assert_eq!(codes(&refused_topology(Format::Json, &large)), ["TOO_LARGE"]);
}

#[test]
fn options_out_of_range_are_refused() {
    for route_factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = ImportOptions { route_factor, ..ImportOptions::default() };
        assert_eq!(codes(&topology(Format::Json, b"{}", &options).expect_err("refused")), ["OPTION"]);
    }
}

#[test]
fn entity_bombs_and_deep_nesting_are_refused() {
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE network [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                <network>&b;</network>";
    assert_eq!(codes(&refused_topology(Format::SndlibXml, bomb.as_bytes())), ["XML"]);
    let plain = format!("<network>{}{}</network>", "<a>".repeat(200_000), "</a>".repeat(200_000));
    assert_eq!(codes(&refused_topology(Format::SndlibXml, plain.as_bytes())), ["XML"]);
    // Depth that hides behind attributes, comments and character data.
    let hidden = format!("<network>{}", "<a b=\"/>\"><!-- </a></a> --><![CDATA[</a></a>]]>".repeat(100_000));
    assert_eq!(codes(&refused_topology(Format::SndlibXml, hidden.as_bytes())), ["XML"]);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(codes(&refused_topology(Format::NetplannerJson, deep.as_bytes())), ["JSON"]);
}

const SNDLIB: &str = r#"<?xml version="1.0" encoding="ISO-8859-1"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <networkStructure>
  <nodes coordinatesType="geographical">
   <node id="K"><coordinates><x>6.96</x><y>50.94</y></coordinates></node>
   <node id="B"><coordinates><x>13.39</x><y>52.52</y></coordinates></node>
   <node id="M"><coordinates><x>11.57</x><y>48.14</y></coordinates></node>
  </nodes>
  <links>
   <link id="L1"><source>K</source><target>B</target></link>
   <link id="L2"><source>B</source><target>M</target></link>
  </links>
 </networkStructure>
 <demands>
  <demand id="D1"><source>K</source><target>B</target><routingUnit>2</routingUnit><demandValue>3.5</demandValue></demand>
  <demand id="D2"><source>B</source><target>K</target><routingUnit>1</routingUnit><demandValue>9.0</demandValue></demand>
  <demand id="D3"><source>B</source><target>M</target><demandValue>4.0</demandValue></demand>
 </demands>
</network>"#;

#[test]
fn sndlib_coordinates_become_kilometres_and_directions_one_demand() {
    let options = ImportOptions { route_factor: 1.5, demand_unit_gbps: 10.0, name: "mini".to_owned() };
    let read = topology(Format::SndlibXml, SNDLIB.as_bytes(), &options).expect("good").document;
    assert_eq!((read.name.as_str(), read.links.len()), ("mini", 2));
    assert!((read.links[0].length_km - 1.5 * 476.8).abs() < 3.0, "{}", read.links[0].length_km);
    assert_eq!(
        read.lengths.map(|lengths| (lengths.method, lengths.route_factor)),
        Some(("great_circle".to_owned(), 1.5))
    );
    let matrix = traffic(Format::SndlibXml, SNDLIB.as_bytes(), &options).expect("good").document;
    let rates: Vec<_> =
        matrix.demands.iter().map(|d| (d.id.as_str(), d.rate_ab_gbps, d.rate_ba_gbps)).collect();
    assert_eq!(rates, [("D1", Some(70.0), Some(90.0)), ("D3", Some(40.0), None)]);
}

#[test]
fn faults_of_an_xml_file_have_its_lines() {
    let broken =
        SNDLIB.replace("<x>13.39</x>", "<x>east</x>").replace("<target>M</target></link>", "</link>");
    let refused = refused_topology(Format::SndlibXml, broken.as_bytes());
    let lines: Vec<_> =
        refused.findings.iter().filter_map(|f| f.row.map(|row| (f.code.as_str(), row))).collect();
    assert_eq!(lines, [("NOT_A_NUMBER", 6), ("MISSING_ELEMENT", 11)]);
}

/// A good file of each format; made once, since a workbook takes a while.
static SEEDS: std::sync::LazyLock<Vec<(Format, Vec<u8>)>> = std::sync::LazyLock::new(|| {
    let demand: &[&[&str]] = &[&["1", "A", "B", "None", "NoProtection", "", "", "", "", "3"]];
    let json = r#"{"nodes":[{"name":"A","lat":1.5,"lng":2},{"name":"B","lat":1,"lng":3}],"links":[{"source":"A","destination":"B","length":7,"fiber_type":"sm"}]}"#;
    let own = r#"{"nodes":[{"id":"A"},{"id":"B"}],"links":[{"id":"L","a":"A","b":"B","length_km":7}]}"#;
    vec![
        (Format::NetplannerXlsx, topology_book(NODES, LINKS)),
        (Format::NetplannerXlsx, traffic_book(demand)),
        (Format::NetplannerJson, json.as_bytes().to_vec()),
        (Format::Json, own.as_bytes().to_vec()),
        (Format::SndlibXml, SNDLIB.as_bytes().to_vec()),
    ]
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Bytes changed, cut out or doubled at random: an answer of either kind, never a panic.
    #[test]
    fn mutated_files_get_an_answer(
        which in 0_usize..5,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..12),
    ) {
        let (format, mut bytes) = SEEDS[which].clone();
        for (place, byte, kind) in edits {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        for refused in [
            topology(format, &bytes, &ImportOptions::default()).err(),
            traffic(format, &bytes, &ImportOptions::default()).err(),
        ].into_iter().flatten() {
            prop_assert!(refused.findings.iter().any(optics::finding::Finding::is_error));
        }
    }

    /// Sheets with any content in any cell of the templates.
    #[test]
    fn templates_with_any_content_get_an_answer(
        cells in prop::collection::vec(prop::collection::vec("[A-C]|-?[0-9]{1,9}|CDC|None|\\PC{0,5}", 10), 0..6),
    ) {
        let rows: Vec<Vec<&str>> = cells.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        let nodes: Vec<&[&str]> = NODES.iter().copied().chain(rows.iter().copied()).collect();
        let links: Vec<&[&str]> = LINKS.iter().copied().chain(rows.iter().copied()).collect();
        let answer = topology(Format::NetplannerXlsx, &topology_book(&nodes, &links), &ImportOptions::default());
        prop_assert_eq!(answer.is_ok(), answer.as_ref().is_ok_and(|read| read.document.nodes.len() >= 2));
        let _ = traffic(Format::NetplannerXlsx, &traffic_book(&rows), &ImportOptions::default());
    }
}
