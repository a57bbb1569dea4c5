//! Every form of a small plan, read back.

use calamine::{Data, Reader, Xlsx};

use super::{ResultFormat, export, plan_report_in};
use crate::fixture::valid;
use crate::plan::{Blocked, BlockedReason};
use crate::report::PlanReport;
use crate::topology::Topology;

fn sample() -> (PlanReport, Topology) {
    let mut case = valid();
    case.node("B").name = "<B> & \"Söhne\"".to_owned();
    case.plan.blocked.push(Blocked {
        request: "=r9".to_owned(),
        ends: ["A".to_owned(), "B".to_owned()],
        rate_gbps: 80.0,
        priority: 1,
        reason: BlockedReason::NoSpectrum {
            cut: vec!["AB".to_owned()],
            load: 8,
            capacity: 8,
            not_continuous: false,
        },
    });
    case.lightpath("r2").carries = vec!["=1+1, \"quoted\"".to_owned()];
    (PlanReport::describe(&case.topology, &case.requests, case.plan.clone()), case.topology)
}

fn text(format: ResultFormat) -> String {
    let (report, topology) = sample();
    String::from_utf8(export(format, &report, &topology).expect("exported")).expect("text")
}

#[test]
fn the_map_is_well_formed_and_shows_every_node_and_link() {
    let svg = text(ResultFormat::Svg);
    let document = roxmltree::Document::parse(&svg).expect("well-formed");
    let count = |name: &str| {
        document.descendants().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", name))).count()
    };
    assert_eq!(count("circle"), 7);
    assert!(svg.contains("&lt;B&gt; &amp; &quot;Söhne&quot;"));
    assert!(svg.contains("<title>BC: 3 of 16 in use, 100 km</title>"), "{svg}");
    for number in document.descendants().filter_map(|node| node.attribute("cx")) {
        let x: f64 = number.parse().expect("a number");
        assert!((0.0..=1_000.0).contains(&x));
    }
}

#[test]
fn the_map_of_one_node_is_well_formed() {
    let topology = Topology { nodes: vec![crate::topology::Node::roadm("alone")], ..Topology::default() };
    let plan = crate::plan::Plan { lightpaths: Vec::new(), bounds: Vec::new(), ..valid().plan };
    let report = PlanReport::describe(&topology, &[], plan);
    for format in ResultFormat::ALL {
        let bytes = export(format, &report, &topology).expect("exported");
        assert!(!bytes.is_empty());
        assert!(!String::from_utf8_lossy(&bytes).contains("NaN"), "{format:?}");
    }
}

#[test]
fn the_page_has_everything_and_nothing_from_elsewhere() {
    let html = text(ResultFormat::Html);
    for words in
        ["Plan of fixture", "Lower bounds", "NO_SPECTRUM", "8 of 8 slots are in use over AB", "r6", "<svg"]
    {
        assert!(html.contains(words), "{words}");
    }
    for foreign in ["<script", "src=", "href=", "@import", "url("] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(!html.contains("<B>"), "names are escaped");
}

#[test]
fn the_table_has_a_row_for_each_path_and_no_formulas() {
    let csv = text(ResultFormat::Csv);
    let lines: Vec<&str> = csv.trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), 1 + 7);
    assert!(lines[0].starts_with("lightpath,from,to,role"));
    assert!(
        lines[1].starts_with("r1,A,C,working,planned,100,demand r1,1,\"(-28, 4)\",192.925,2,200,A > B > C,")
    );
    assert!(csv.contains("\"'=1+1, \"\"quoted\"\"\""), "{csv}");
}

#[test]
fn the_features_are_geojson() {
    let (report, mut topology) = sample();
    for (index, node) in (0..).zip(&mut topology.nodes) {
        (node.lat, node.lon) = (Some(50.0 + f64::from(index)), Some(10.0));
    }
    let bytes = export(ResultFormat::GeoJson, &report, &topology).expect("exported");
    let document: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    let features = document["features"].as_array().expect("features");
    assert_eq!(features.len(), 7 + 10 + 7);
    assert_eq!(features[0]["geometry"]["coordinates"], serde_json::json!([10.0, 50.0]));
    let lightpath = features.iter().find(|f| f["properties"]["feature"] == "lightpath").expect("one");
    assert_eq!(lightpath["geometry"]["coordinates"].as_array().map(Vec::len), Some(3));
}

#[test]
fn the_workbook_has_its_sheets_and_is_the_same_bytes_each_time() {
    let (report, topology) = sample();
    let bytes = export(ResultFormat::Xlsx, &report, &topology).expect("exported");
    assert_eq!(bytes, export(ResultFormat::Xlsx, &report, &topology).expect("exported"));
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes)).expect("a workbook");
    assert_eq!(book.sheet_names(), ["summary", "lightpaths", "links", "nodes", "blocked"]);
    assert_eq!(book.worksheet_range("lightpaths").expect("sheet").height(), 8);
    let links = book.worksheet_range("links").expect("sheet");
    assert_eq!(links.get((1, 5)), Some(&Data::Float(2.0)));
    let blocked = book.worksheet_range("blocked").expect("sheet");
    assert_eq!(blocked.get((1, 0)), Some(&Data::String("=r9".to_owned())));
}

#[test]
fn the_planning_report_is_found_where_it_is_embedded() {
    let (report, _) = sample();
    let plain = serde_json::to_value(&report).expect("JSON");
    assert_eq!(plan_report_in(&plain).as_ref(), Some(&report));
    let mut beside = plain.clone();
    beside["search"] = serde_json::json!({"rounds": 3});
    assert_eq!(plan_report_in(&beside).as_ref(), Some(&report));
    let inside = serde_json::json!({"grooming": {"lightpaths": 3}, "rwa": plain});
    assert_eq!(plan_report_in(&inside).as_ref(), Some(&report));
    assert_eq!(plan_report_in(&serde_json::json!({"spin": 1})), None);
}

#[test]
fn forms_are_found_by_media_type_and_extension() {
    for format in ResultFormat::ALL {
        assert_eq!(ResultFormat::from_media_type(format.media_type()), Some(format));
        assert_eq!(ResultFormat::from_extension(format.extension()), Some(format));
    }
    assert_eq!(ResultFormat::from_media_type("text/HTML; charset=utf-8"), Some(ResultFormat::Html));
    assert_eq!(ResultFormat::from_media_type("application/pdf"), None);
}
