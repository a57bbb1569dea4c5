//! Both shapes are read, and what is no grooming is refused.

use serde_json::json;

use super::*;

#[test]
fn both_shapes_are_the_same_document() {
    let core = json!({"main": {"lightpaths": {}, "cluster_id": "main"}});
    let devices =
        json!({"1": {"panel": "TPAX", "ch1": "None", "ch2": null, "ch3": {"lightpath_id": "l"}, "note": 7}});
    let mapping = json!({"traffic_matrices": {}});
    let nested: ManualGrooming = serde_json::from_value(json!({
        "grooming_result": {"traffic": core, "service_devices": devices},
        "serviceMapping": mapping, "statistical_result": {"lightpath_no": 0},
    }))
    .unwrap();
    let flat: ManualGrooming = serde_json::from_value(
        json!({"traffic": core, "service_devices": devices, "service_mapping": mapping, "form": {}}),
    )
    .unwrap();
    assert_eq!(nested, flat);
    let channels: Vec<_> = nested.service_devices["1"].channels().collect();
    let expected = Channel { lightpath_id: "l".to_owned(), ..Channel::default() };
    assert_eq!(channels, [("ch3", expected)]);
    let written = serde_json::to_value(&nested).unwrap();
    assert_eq!(serde_json::from_value::<ManualGrooming>(written).unwrap(), nested);
}

#[test]
fn what_is_no_grooming_is_refused() {
    for text in ["{}", "[]", "7", r#"{"traffic": []}"#, r#"{"traffic": {"main": {"lightpaths": 3}}}"#] {
        assert!(serde_json::from_str::<ManualGrooming>(text).is_err(), "{text}");
    }
    let line = json!({"traffic": {}, "service_devices": {"1": {"panel": "MP2X", "line1": "some"}}});
    assert!(serde_json::from_value::<ManualGrooming>(line).is_err());
}

#[test]
fn every_type_has_its_name() {
    for kind in ServiceType::ALL {
        assert_eq!(service_type(service_type_name(kind)), Some(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), service_type_name(kind));
    }
    assert_eq!(service_type("STM6"), None);
}
