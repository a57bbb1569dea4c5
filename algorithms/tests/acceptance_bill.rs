//! The bill of materials of the original's network, with what the original lost counted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use algorithms::catalogue::bill_of_materials::{BillOfMaterialsOf, BillParams};
use algorithms::catalogue::design::{Design, DesignParams};
use algorithms::{Documents, local};
use optics::bill_of_materials::Item;
use optics::import::{self, Format, ImportOptions};

fn data(path: &str) -> Vec<u8> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = std::env::var_os("NETPLANNER_TEST_DATA").map_or(beside, PathBuf::from).join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
#[ignore = "needs the reference networks: make acceptance"]
fn acceptance_the_bill_of_kerman_has_everything() {
    let options = ImportOptions::default();
    let [topology, traffic] =
        ["netplanner/excel/PT_kerman.xlsx", "netplanner/excel/traffic_kerman.xlsx"].map(data);
    let topology =
        import::topology(Format::NetplannerXlsx, &topology, &options).expect("a topology").document;
    let traffic = import::traffic(Format::NetplannerXlsx, &traffic, &options).expect("traffic").document;
    let documents = Documents::new()
        .with("topology", serde_json::to_vec(&topology).expect("JSON"))
        .with("traffic", serde_json::to_vec(&traffic).expect("JSON"));
    let design = local::report(&Design, &DesignParams::default(), 1, &documents).expect("no violations");
    let documents = documents.with("plan", serde_json::to_vec(&design).expect("JSON"));
    let prices = BTreeMap::from([(Item::Mp1h, 10_000.0), (Item::Fim, 1_500.0)]);
    let params = BillParams { prices, currency: "EUR".to_owned() };
    let bill = local::report(&BillOfMaterialsOf, &params, 1, &documents).expect("no violations");
    let of = |item: Item| bill.total[&item];
    // what the original counts right
    assert_eq!((of(Item::Mp2x), of(Item::Mp1h), of(Item::Tp1h)), (204, 214, 54));
    assert_eq!((of(Item::Os5), of(Item::Ocm), of(Item::Hkp)), (23, 26, 22));
    assert_eq!((of(Item::Sm2), of(Item::Ws4)), (114, 54));
    // what it loses: line cards of shelves written over, switches, multiplexers
    assert_eq!((of(Item::Fim), of(Item::Amplifier), of(Item::Ws9)), (66, 132, 34));
    let ws9: BTreeMap<&str, u32> = (bill.nodes.iter())
        .map(|node| (node.node.as_str(), node.counts[&Item::Ws9]))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(ws9, BTreeMap::from([("RE", 4), ("K1", 7), ("K2", 7), ("K4", 7), ("K3", 9)]));
    assert!(of(Item::Md48) >= 2 * 22, "every site adds and drops: {}", of(Item::Md48));
    assert_eq!(of(Item::Sc), 2 * of(Item::Ifc));
    assert_eq!(of(Item::Pwr), of(Item::Ifc));
    assert_eq!((of(Item::Transponder), of(Item::Regenerator)), (0, 0), "service cards light everything");
    assert!(bill.proposals.is_empty() && bill.without_way.is_empty());
    let cost = bill.cost.expect("there are prices");
    assert!((cost.total - (214.0 * 10_000.0 + 66.0 * 1_500.0)).abs() < 1e-6);
    assert!(cost.without_price.contains(&Item::Ws9) && !cost.without_price.contains(&Item::Dcm));
}
