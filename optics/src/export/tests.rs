//! Every form of a small plan, read back.

use calamine::{Data, Reader, Xlsx};

use super::{
    ExportError, ResultFormat, export, export_grooming, export_quality, grooming_report_in, plan_report_in,
    quality_report_in,
};
use crate::fixture::valid;
use crate::plan::{Blocked, BlockedReason, Direction, Hop};
use crate::quality::{BestMode, LightpathQuality, ModeQuality, QualityReport, RouteQuality};
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

fn quality() -> QualityReport {
    let hops = ["AB", "=BC"].map(|link| Hop {
        link: link.to_owned(),
        fibre: "1".to_owned(),
        direction: Direction::Ab,
    });
    let mode = ModeQuality {
        transceiver: "flex".to_owned(),
        mode: "QPSK, short".to_owned(),
        rate_gbps: 100.0,
        gsnr_db_01nm: Some(21.5),
        channel_thz: Some(193.1),
        penalty_db: Some(0.25),
        margin_db: Some(3.25),
        feasible: true,
        regenerators: Some(0),
        regenerator_nodes: Vec::new(),
    };
    let blocked = ModeQuality {
        gsnr_db_01nm: None,
        channel_thz: None,
        margin_db: None,
        feasible: false,
        ..mode.clone()
    };
    let route = RouteQuality {
        from: "A".to_owned(),
        to: "C".to_owned(),
        rank: 1,
        hops: hops.to_vec(),
        length_km: 200.000_000_1,
        spans: 3,
        latency_ms: 0.98,
        gsnr_db_01nm: 20.5,
        osnr_db_01nm: 22.0,
        worst_channel_thz: 196.1,
        chromatic_dispersion_ps_per_nm: 3340.0,
        pmd_ps: 0.5,
        pdl_db: 0.1,
        worst_span: None,
        best_mode: Some(BestMode {
            transceiver: mode.transceiver.clone(),
            mode: mode.mode.clone(),
            rate_gbps: 100.0,
            regenerators: 0,
        }),
        modes: vec![mode, blocked],
    };
    let lightpath = LightpathQuality {
        id: "L1".to_owned(),
        from: "A".to_owned(),
        to: "C".to_owned(),
        hops: hops.to_vec(),
        frequency_thz: 193.1,
        transceiver: None,
        mode: None,
        gsnr_db_01nm: 20.0,
        osnr_db_01nm: 21.0,
        margin_db: None,
        feasible: None,
    };
    QualityReport { routes: vec![route], lightpaths: vec![lightpath], ..QualityReport::default() }
}

#[test]
fn a_quality_report_is_a_table_and_a_workbook() {
    let report = quality();
    let csv = String::from_utf8(export_quality(ResultFormat::Csv, &report).expect("a table")).expect("text");
    let lines: Vec<&str> = csv.trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), 2, "a row for each route");
    assert!(lines[1].starts_with("A,C,1,AB > =BC,200,3,0.98,20.5,"), "{}", lines[1]);
    assert!(lines[1].ends_with(",flex,\"QPSK, short\",100,3.25,0"), "{}", lines[1]);
    let bytes = export_quality(ResultFormat::Xlsx, &report).expect("a workbook");
    assert_eq!(bytes, export_quality(ResultFormat::Xlsx, &report).expect("the same bytes"));
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes)).expect("a workbook");
    assert_eq!(book.sheet_names(), ["summary", "reach", "routes", "modes", "lightpaths", "unreachable"]);
    let modes = book.worksheet_range("modes").expect("sheet");
    assert_eq!((modes.height(), modes.get((1, 9))), (3, Some(&Data::Float(3.25))));
    let lightpaths = book.worksheet_range("lightpaths").expect("sheet");
    assert_eq!(lightpaths.get((1, 0)), Some(&Data::String("L1".to_owned())));
    for format in [ResultFormat::Svg, ResultFormat::Html, ResultFormat::GeoJson] {
        assert!(matches!(export_quality(format, &report), Err(ExportError::OnlyTables(_))));
    }
}

#[test]
fn a_quality_report_is_told_from_a_plan() {
    let quality = serde_json::to_value(quality()).expect("JSON");
    assert!(plan_report_in(&quality).is_none() && quality_report_in(&quality).is_some());
    let plan = serde_json::to_value(sample().0).expect("JSON");
    assert!(quality_report_in(&plan).is_none());
}

/// A demand of which one service travels whole and two in sections.
fn grooming() -> crate::grooming::GroomingReport {
    serde_json::from_value(serde_json::json!({
        "topology": "t", "traffic": "m", "threshold_gbps": 0.0, "fill": "sequential",
        "summary": {"demands": 1, "services": 3, "lightpaths": 1, "lightpaths_100ge": 1, "rate_gbps": 100.0, "mean_rate_gbps": 100.0,
            "groomouts": 0, "leftover_services": 0, "leftover_groomouts": 0, "mp2x": 0, "tp1h": 2, "mp1h": 0, "unproven": []},
        "requests": [{"id": "d-lp1", "demand": "d", "a": "A", "b": "C", "rate_gbps": 100.0, "capacity_gbps": 100.0, "priority": 1}],
        "lightpaths": [{"id": "d-lp1", "demand": "d", "kind": "TP1H", "services": ["s"], "groomouts": [], "rate_gbps": 100.0, "cards": []}],
        "groomouts": [], "leftovers": [], "nodes": [],
        "table": [{"demand": "d", "a": "A", "b": "C", "end_to_end": [{"type": "100GE", "count": 1}], "split": [
            {"type": "FE", "count": 2, "sections": [
                {"matrix": "c", "demand": "=A-B", "a": "A", "b": "B"}, {"matrix": "main", "demand": "B-C", "a": "B", "b": "C"}]}]}],
    }))
    .unwrap()
}

#[test]
fn a_grooming_is_a_table_and_a_workbook() {
    let report = grooming();
    let csv = String::from_utf8(export_grooming(ResultFormat::Csv, &report).unwrap()).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines,
        [
            "demand,a,b,service_type,count,travels,section,matrix,section_demand,from,to",
            "d,A,C,100GE,1,whole,1,,d,A,C",
            "d,A,C,FE,2,split,1,c,'=A-B,A,B",
            "d,A,C,FE,2,split,2,main,B-C,B,C",
        ]
    );
    let book = export_grooming(ResultFormat::Xlsx, &report).unwrap();
    assert!(book.starts_with(b"PK"));
    assert_eq!(book, export_grooming(ResultFormat::Xlsx, &report).unwrap(), "the same bytes each time");
    assert!(matches!(export_grooming(ResultFormat::Html, &report), Err(ExportError::OnlyTables(_))));
    let whole = serde_json::to_value(&report).unwrap();
    assert_eq!(grooming_report_in(&whole), Some(report.clone()));
    assert_eq!(grooming_report_in(&serde_json::json!({"grooming": whole, "plan_report": 1})), Some(report));
    assert_eq!(grooming_report_in(&serde_json::json!({"summary": {}})), None);
}
