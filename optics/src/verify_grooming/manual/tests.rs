//! A good grooming, spoilt in one way for each rule; and what is read of the documents.

use serde_json::{Value, json};

use super::*;
use crate::clusters::Cluster;
use crate::traffic::{Demand, ServiceGroup};

/// `A` is a subnode of the cluster of gateway `B`; demand 1 is from `A` to `D`, demand 2 from `B` to `D`.
fn traffic() -> TrafficMatrix {
    let group =
        |kind, ids: &[&str]| ServiceGroup { kind, ids: ids.iter().map(|&id| id.to_owned()).collect() };
    let demand = |id: &str, a: &str, services: Vec<ServiceGroup>| Demand {
        rate_ab_gbps: None,
        services,
        ..Demand::of_rate(id, a, "D", 0.0)
    };
    let first = vec![
        group(ServiceType::TenGigabitEthernet, &["s1"]),
        group(ServiceType::Stm16, &["s2", "s3"]),
        group(ServiceType::HundredGigabitEthernet, &["s4"]),
    ];
    let second = vec![group(ServiceType::Stm64, &["s5"]), group(ServiceType::FastEthernet, &["s6"])];
    TrafficMatrix { name: String::new(), demands: vec![demand("1", "A", first), demand("2", "B", second)] }
}

fn clusters() -> ClusterSet {
    ClusterSet { clusters: vec![Cluster::new("c", &["B"], &["A"])] }
}

/// s1, s2 and s3 are split at `B`; s2 and s3 are a line each way.
fn good() -> Value {
    let reference = |demand: &str, service: &str| json!({"demand_id": demand, "service_id": service});
    let mut mapping = json!({"traffic_matrices": {
        "tm": {"demands": {"1": {"services": {}}}},
        "c": {"demands": {"ab": {"services": {}}}},
        "main": {"demands": {"2": {"services": {}}}},
    }});
    for n in 1..=3 {
        let (whole, near, far) = (format!("s{n}"), format!("n{n}"), format!("f{n}"));
        let matrices = &mut mapping["traffic_matrices"];
        matrices["tm"]["demands"]["1"]["services"][&whole] = json!({"traffic_matrices":
            {"c": [reference("ab", &near)], "main": [reference("2", &far)]}});
        matrices["c"]["demands"]["ab"]["services"][&near] = json!({"traffic_matrices":
            {"tm": [reference("1", &whole)], "main": [reference("2", &far)]}});
        matrices["main"]["demands"]["2"]["services"][&far] = json!({"traffic_matrices":
            {"tm": [reference("1", &whole)], "c": [reference("ab", &near)]}});
    }
    let services =
        |kind: &str, ids: &[&str]| json!({"type": kind, "quantity": ids.len(), "service_id_list": ids});
    let entry = |demand: &str, kind: &str, count: u64| json!({"demand_id": demand, "traffic": {"type": kind, "count": count}});
    let devices = json!({
        "d1": {"panel": "MP2X", "sub_tm_id": "main", "line1": {"groomout_id": "g2", "demand_id": "2"}, "line2": null},
        "d2": {"panel": "MP2X", "sub_tm_id": "main", "line1": {"groomout_id": "g2", "demand_id": "2"}, "line2": "None"},
        "d3": {"panel": "MP1H", "sub_tm_id": "main", "lightpath_id": "l2"},
        "d4": {"panel": "TP1H", "sub_tm_id": "main", "lightpath_id": "l1"},
        "d5": {"panel": "TP2X", "ch1": {"lightpath_id": "l3", "demand_id": "ab", "traffic_matrix_id": "c"}, "ch2": "None"},
    });
    let client = |id: &str, kind: &str| json!({"id": id, "type": "normal", "normal_service_type": kind});
    let member = |id: &str, kind: &str| json!({"id": id, "type": kind});
    let lightpath = |ends: [&str; 2], demand: &str, kind: &str, capacity: f64, clients: Value| {
        json!({"source": ends[0], "destination": ends[1], "demand_id": demand, "routing_type": kind,
            "capacity": capacity, "service_id_list": clients})
    };
    let low = |ends: [&str; 2], id: &str, capacity: f64, members: Value| {
        let groomout = json!({"type": "MP2X", "capacity": capacity, "service_id_list": members});
        json!({"source": ends[0], "destination": ends[1], "groomouts": {id: groomout}})
    };
    let lit = lightpath(["A", "B"], "ab", "10NonCoherent", 10.0, json!([client("n1", "10GE")]));
    let line = low(["A", "B"], "g1", 5.0, json!([member("n2", "STM16"), member("n3", "STM16")]));
    let cluster = json!({
        "cluster_id": "c",
        "lightpaths": {"l3": lit},
        "low_rate_grooming_result": {"demands": {"ab": line}},
        "remaining_groomouts": {"demands": {"ab": ["g1"]}},
    });
    let clients = json!([client("f1", "10GE"), {"id": "g2", "type": "groomout"}]);
    let members = json!([member("f2", "STM16"), member("f3", "STM16"), member("s6", "FE")]);
    let main = json!({
        "cluster_id": "main",
        "lightpaths": {
            "l1": lightpath(["A", "D"], "1", "100GE", 100.0, json!([client("s4", "100GE")])),
            "l2": lightpath(["B", "D"], "2", "100GE", 15.1, clients),
        },
        "low_rate_grooming_result": {"demands": {"2": low(["B", "D"], "g2", 5.1, members)}},
        "remaining_services": {"demands": {"2": {"stm64": {"count": 1, "service_id_list": ["s5"], "type": "STM64"}}}},
        "remaining_groomouts": {"demands": {"2": []}},
    });
    let near = json!([services("10GE", &["n1"]), services("STM16", &["n2", "n3"])]);
    let far = json!([
        services("STM64", &["s5"]),
        services("FE", &["s6"]),
        services("10GE", &["f1"]),
        services("STM16", &["f2", "f3"]),
    ]);
    let demand = |ends: [&str; 2], services: Value| json!({"source": ends[0], "destination": ends[1], "services": services});
    let matrices = json!({
        "c": {"cluster_id": "c", "tm": {"demands": {"ab": demand(["A", "B"], near)}}},
        "main": {"cluster_id": "main", "tm": {"demands": {
            "1": demand(["A", "D"], json!([services("100GE", &["s4"])])),
            "2": demand(["B", "D"], far),
        }}},
    });
    let split = json!([
        entry("ab", "10GE", 1),
        entry("2", "10GE", 1),
        entry("ab", "STM16", 2),
        entry("2", "STM16", 2)
    ]);
    let whole = json!([entry("2", "STM64", 1), entry("2", "FE", 1)]);
    let table = json!({
        "1": {"source": "A", "destination": "D", "end_to_ends": [entry("1", "100GE", 1)], "splitted_sections": split},
        "2": {"source": "B", "destination": "D", "end_to_ends": whole, "splitted_sections": []},
    });
    json!({
        "grooming_result": {"service_devices": devices, "traffic": {"c": cluster, "main": main}},
        "clustered_tms": {"sub_tms": matrices},
        "serviceMapping": mapping,
        "grooming_table": {"demands": table},
    })
}

fn found(grooming: Value) -> Vec<Violation> {
    let grooming: ManualGrooming = serde_json::from_value(grooming).expect("a grooming");
    verify_manual_grooming(&traffic(), &clusters(), &grooming)
}

/// Spoils the good grooming at a pointer and expects just this rule to be broken.
fn breaks(rule: Rule, pointer: &str, value: Value) {
    breaks_all(&[rule], &[(pointer, value)]);
}

fn breaks_all(rules: &[Rule], spoilt: &[(&str, Value)]) {
    let mut grooming = good();
    for (pointer, value) in spoilt {
        *grooming.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value.clone();
    }
    let found = found(grooming);
    let mut codes: Vec<&str> = found.iter().map(|violation| violation.rule.as_str()).collect();
    codes.dedup();
    let expected: Vec<&str> = rules.iter().map(|rule| rule.code()).collect();
    assert_eq!(codes, expected, "{found:#?}");
}

const RESULT: &str = "/grooming_result/traffic";

fn at(rest: &str) -> String {
    format!("{RESULT}{rest}")
}

#[test]
fn the_good_one_breaks_no_rule() {
    assert_eq!(found(good()), []);
}

#[test]
fn rules_1_to_5_of_groomouts() {
    let low = |rest: &str| at(&format!("/main/low_rate_grooming_result/demands/2{rest}"));
    breaks(Rule::GroomoutEnds, &low("/source"), json!("A"));
    breaks(Rule::GroomoutEnds, &low("/destination"), json!("B"));
    // the type of a member as the sub-matrix has it, and as the groomout says it
    breaks(Rule::GroomoutType, &low("/groomouts/g2/service_id_list/2/type"), json!("STM64"));
    breaks(Rule::GroomoutType, &low("/groomouts/g2/service_id_list/0/type"), json!("STM6"));
    breaks_all(&[Rule::GroomoutType, Rule::CardReference], &[(&low("/groomouts/g2/type"), json!("PS6X"))]);
    breaks(Rule::GroomoutType, &low("/groomouts/g2/type"), json!("MP9X"));
    let ab = |rest: &str| at(&format!("/c/low_rate_grooming_result/demands/ab/groomouts{rest}"));
    let again = json!({"id": "g9", "type": "MP2X", "capacity": 2.5, "service_id_list": [{"id": "n2", "type": "STM16"}]});
    let mut grooming = good();
    grooming.pointer_mut(&ab("")).unwrap()["g9"] = again;
    assert_eq!(found(grooming)[0].rule, Rule::GroomoutServiceTwice.code());
    breaks(Rule::GroomoutSum, &ab("/g1/capacity"), json!(5.1));
    let all = [Rule::GroomoutCapacity, Rule::GroomoutSum];
    breaks_all(&all, &[(&ab("/g1/capacity"), json!(11.0))]);
}

#[test]
fn a_line_has_room_for_ten_gigabit_and_sixteen_clients() {
    let ids: Vec<String> = (0..17).map(|n| format!("x{n}")).collect();
    let demand = Demand {
        rate_ab_gbps: None,
        services: vec![ServiceGroup { kind: ServiceType::FastEthernet, ids: ids.clone() }],
        ..Demand::of_rate("1", "A", "B", 0.0)
    };
    let traffic = TrafficMatrix { name: String::new(), demands: vec![demand] };
    let verify = |panel: &str, clients: usize| {
        let members: Vec<Value> = ids[..clients].iter().map(|id| json!({"id": id, "type": "FE"})).collect();
        let grooming = json!({"traffic": {"main": {
            "low_rate_grooming_result": {"demands": {"1": {"source": "A", "destination": "B", "groomouts": {
                "g": {"type": panel, "capacity": 0.1 * clients as f64, "service_id_list": members}}}}},
            "remaining_services": {"demands": {"1": {"FE": {"service_id_list": ids[clients..]}}}},
        }}});
        let grooming: ManualGrooming = serde_json::from_value(grooming).unwrap();
        let found = verify_manual_grooming(&traffic, &ClusterSet::default(), &grooming);
        found.into_iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };
    assert_eq!(verify("MP2X", 16), [""; 0]);
    assert_eq!(verify("MP2X", 17), ["GROOMOUT_CAPACITY"]);
    assert_eq!(verify("PS6X", 14), [""; 0]);
    assert_eq!(verify("PS6X", 15), ["GROOMOUT_CAPACITY"]);
}

#[test]
fn rules_6_to_9_of_lightpaths() {
    let lit = |rest: &str| at(&format!("/main/lightpaths{rest}"));
    // the type as the sub-matrix has it, and as the lightpath says it
    let services = "/clustered_tms/sub_tms/main/tm/demands/2/services/2/type";
    let mut grooming = good();
    *grooming.pointer_mut(services).unwrap() = json!("GE");
    assert!(found(grooming).iter().any(|violation| violation.rule == Rule::LightpathType.code()));
    breaks(Rule::LightpathType, &lit("/l2/service_id_list/0/normal_service_type"), json!("STM64x"));
    breaks_all(&[Rule::LightpathType, Rule::LightpathEnds], &[(&lit("/l2/demand_id"), json!("3"))]);
    let mut grooming = good();
    let twice = json!({"id": "f1", "type": "normal", "normal_service_type": "10GE"});
    grooming.pointer_mut(&lit("/l2/service_id_list")).unwrap().as_array_mut().unwrap().push(twice);
    let codes: Vec<String> = found(grooming).into_iter().map(|violation| violation.rule).collect();
    assert_eq!(codes, ["LIGHTPATH_CLIENT_TWICE", "LIGHTPATH_CAPACITY"]);
    breaks(Rule::LightpathCapacity, &lit("/l2/capacity"), json!(15.0));
    breaks(Rule::LightpathCapacity, &lit("/l2/routing_type"), json!("10NonCoherent"));
    breaks(Rule::LightpathCapacity, &lit("/l1/routing_type"), json!("12GE"));
    breaks(Rule::LightpathEnds, &lit("/l2/source"), json!("A"));
    let left = at("/main/remaining_services/demands/2/stm64/service_id_list");
    breaks(Rule::LeftoverCarried, &left, json!(["s5", "f1"]));
    breaks(Rule::LeftoverCarried, &left, json!(["s5", "f2"]));
    breaks(Rule::LeftoverCarried, &at("/main/remaining_groomouts/demands/2"), json!(["g2"]));
    breaks(Rule::ServiceLost, &left, json!([]));
}

#[test]
fn rule_10_of_cards() {
    let card = |rest: &str| format!("/grooming_result/service_devices{rest}");
    for pointer in [
        "/d1/sub_tm_id",
        "/d1/line1/demand_id",
        "/d1/line1/groomout_id",
        "/d1/panel",
        "/d3/sub_tm_id",
        "/d3/lightpath_id",
        "/d4/sub_tm_id",
        "/d4/lightpath_id",
        "/d5/ch1/lightpath_id",
        "/d5/ch1/demand_id",
        "/d5/ch1/traffic_matrix_id",
        "/d5/ch1",
    ] {
        breaks(Rule::CardReference, &card(pointer), json!("x"));
    }
    breaks(Rule::CardReference, &card("/d5/ch1/demand_id"), json!("2"));
    let line = json!({"groomout_id": "g2", "demand_id": "2"});
    breaks(Rule::CardReference, &card("/d2/line2"), line);
    let mut grooming = good();
    grooming.pointer_mut(&card("/d5")).unwrap()["ch3"] =
        json!({"lightpath_id": "l3", "demand_id": "ab", "traffic_matrix_id": "c"});
    assert_eq!(found(grooming).len(), 1, "a TP2X has two channels");
}

#[test]
fn rule_11_of_clusters() {
    let matrix = "/clustered_tms/sub_tms/c";
    let mut grooming = good();
    *grooming.pointer_mut(&format!("{matrix}/tm/demands/ab/destination")).unwrap() = json!("D");
    assert!(found(grooming).iter().any(|violation| violation.rule == Rule::ClusterEnds.code()));
    breaks(Rule::ClusterEnds, &format!("{matrix}/cluster_id"), json!("other"));
    let strangers =
        verify_manual_grooming(&traffic(), &ClusterSet::default(), &serde_json::from_value(good()).unwrap());
    assert_eq!(
        strangers.iter().map(|violation| violation.rule.as_str()).collect::<Vec<_>>(),
        ["CLUSTER_ENDS"]
    );
}

#[test]
fn rule_12_of_the_mapping() {
    let matrices = "/serviceMapping/traffic_matrices";
    let original = format!("{matrices}/tm/demands/1/services/s1/traffic_matrices");
    for service in ["x", "n2"] {
        breaks(Rule::ServiceMapping, &format!("{original}/c/0/service_id"), json!(service));
    }
    // what the table counts follows from the mapping
    let both = [Rule::ServiceMapping, Rule::Table];
    breaks_all(&both, &[(&format!("{original}/c/0/demand_id"), json!("x"))]);
    breaks_all(&both, &[(&format!("{original}/main"), json!([]))]);
    let piece = format!("{matrices}/c/demands/ab/services/n1/traffic_matrices");
    breaks(Rule::ServiceMapping, &format!("{piece}/tm/0/service_id"), json!("s4"));
    breaks(Rule::ServiceMapping, &format!("{piece}/main"), json!([]));
    // a matrix that does not exist, and a service that is mapped nowhere
    let mut grooming = good();
    let own = grooming.pointer_mut(&piece).unwrap();
    own["x"] = own["main"].take();
    own.as_object_mut().unwrap().remove("main");
    assert!(found(grooming).iter().all(|violation| violation.rule == Rule::ServiceMapping.code()));
    let mut grooming = good();
    grooming.pointer_mut(matrices).unwrap()["tm"]["demands"]["1"]["services"]
        .as_object_mut()
        .unwrap()
        .remove("s1");
    let codes: Vec<String> = found(grooming).into_iter().map(|violation| violation.rule).collect();
    assert!(
        codes.contains(&"SERVICE_MAPPING".to_owned()) && codes.contains(&"TABLE".to_owned()),
        "{codes:?}"
    );
}

#[test]
fn rule_13_of_the_table() {
    let row = |rest: &str| format!("/grooming_table/demands/1{rest}");
    breaks(Rule::Table, &row("/source"), json!("x"));
    breaks(Rule::Table, &row("/destination"), json!("x"));
    breaks(Rule::Table, &row("/end_to_ends/0/traffic/count"), json!(3));
    breaks(Rule::Table, &row("/end_to_ends/0/demand_id"), json!("2"));
    breaks(Rule::Table, &row("/splitted_sections/0/traffic/count"), json!(2));
    breaks(Rule::Table, &row("/splitted_sections/0/traffic/type"), json!("GE"));
    breaks(Rule::Table, &row("/splitted_sections"), json!([]));
    breaks(Rule::Table, "/grooming_table/demands", json!({}));
    breaks(Rule::Table, "/grooming_table", json!(null));
    let mut grooming = good();
    grooming["grooming_table"]["demands"]["9"] = json!({});
    assert_eq!(found(grooming)[0].rule, "TABLE");
    let mut grooming = good();
    grooming.pointer_mut(&row("/splitted_sections/0")).unwrap()["source"] = json!("D");
    assert_eq!(found(grooming)[0].rule, "TABLE");
}

#[test]
fn every_violation_is_told_in_the_order_of_the_rules() {
    breaks_all(
        &[Rule::GroomoutEnds, Rule::LeftoverCarried, Rule::CardReference, Rule::Table],
        &[
            ("/grooming_table/demands/2/source", json!("x")),
            ("/grooming_result/service_devices/d3/lightpath_id", json!("x")),
            ("/grooming_result/service_devices/d4/lightpath_id", json!("x")),
            (&at("/main/remaining_groomouts/demands/2"), json!(["g2"])),
            (&at("/main/low_rate_grooming_result/demands/2/source"), json!("A")),
        ],
    );
    assert_eq!(Rule::Table.number(), Some(13));
    assert_eq!(Rule::ServiceLost.number(), None);
}
