//! Bills of materials: a table of items by site, and the workbook of the original NetPlanner.

use rust_xlsxwriter::{Color, Format, FormatAlign, Worksheet};

use super::rows::Value;
use super::{ExportError, csv, xlsx};
use crate::bill_of_materials::{BillOfMaterials, Item, NodeBill};

/// The title is merged over A1 to AY1.
const TITLE_COLUMNS: u16 = 50;

/// One row for each item: its name, the network's total, each site's.
pub(super) fn table(bill: &BillOfMaterials) -> String {
    let sites = bill.nodes.iter().map(|node| node.node.as_str());
    let columns: Vec<&str> = ["Item", "Total Count"].into_iter().chain(sites).collect();
    let rows = Item::ALL.into_iter().map(|item| {
        let total = std::iter::once(number(bill.total.get(&item)));
        let sites = bill.nodes.iter().map(|node| number(node.counts.get(&item)));
        std::iter::once(text(item.name())).chain(total).chain(sites).collect()
    });
    csv::text(&columns, rows)
}

/// Sheet LOM as the original lays it out, and sheets with every card in its place, line amplifiers and proposals.
pub(super) fn workbook(bill: &BillOfMaterials) -> Result<Vec<u8>, ExportError> {
    let mut book = xlsx::Book::new()?;
    lom(book.blank("LOM")?, bill)?;
    let cards = bill.nodes.iter().flat_map(|node| {
        node.cards.iter().map(move |card| {
            vec![
                text(&card.id),
                text(&node.node),
                text(card.item.name()),
                Value::Number(f64::from(card.rack)),
                Value::Number(f64::from(card.shelf)),
                Value::Number(f64::from(card.slot)),
                text(&card.serves),
            ]
        })
    });
    book.sheet("cards", &["address", "node", "item", "rack", "shelf", "slot", "serves"], cards)?;
    let sites = bill.nodes.iter().map(|node| {
        vec![
            text(&node.node),
            Value::Number(f64::from(node.degree)),
            text(architecture(node)),
            Value::Number(f64::from(node.racks)),
            Value::Number(f64::from(node.shelves)),
            node.cost.map_or_else(|| text(""), Value::Number),
        ]
    });
    book.sheet("sites", &["node", "degree", "architecture", "racks", "shelves", "cost"], sites)?;
    let links = bill.links.iter().map(|link| {
        vec![text(&link.link), text(&link.fibre), Value::Number(f64::from(link.line_amplifiers))]
    });
    book.sheet("line amplifiers", &["link", "fibre", "amplifiers"], links)?;
    let proposals = bill.proposals.iter().map(|proposal| {
        let saves: Vec<String> =
            proposal.saves.iter().map(|(item, count)| format!("{count} {}", item.name())).collect();
        vec![text(&proposal.node), text(&proposal.detail), text(&saves.join(", "))]
    });
    book.sheet("proposals", &["node", "proposal", "saves"], proposals)?;
    book.bytes()
}

fn lom(sheet: &mut Worksheet, bill: &BillOfMaterials) -> Result<(), ExportError> {
    let title = Format::new()
        .set_bold()
        .set_font_size(20)
        .set_background_color(Color::Green)
        .set_align(FormatAlign::Center);
    let header = Format::new()
        .set_bold()
        .set_font_size(14)
        .set_background_color(Color::Yellow)
        .set_align(FormatAlign::Center);
    sheet.merge_range(0, 0, 0, TITLE_COLUMNS, &bill.topology, &title)?;
    sheet.set_row_height(0, 25)?;
    let sites = bill.nodes.iter().map(|node| node.node.as_str());
    for (column, name) in (0..).zip(["Item", "Total Count"].into_iter().chain(sites)) {
        sheet.write_string_with_format(1, column, name, &header)?;
    }
    for (row, item) in (2..).zip(Item::ALL) {
        sheet.write_string(row, 0, item.name())?;
        let counts = std::iter::once(&bill.total).chain(bill.nodes.iter().map(|node| &node.counts));
        for (column, counts) in (1..).zip(counts) {
            sheet.write_number(row, column, counts.get(&item).copied().unwrap_or(0))?;
        }
    }
    if let Some(cost) = &bill.cost {
        let row = u32::try_from(Item::ALL.len()).unwrap_or(u32::MAX) + 2;
        sheet.write_string(row, 0, format!("Cost ({})", cost.currency))?;
        let costs = std::iter::once(Some(cost.total)).chain(bill.nodes.iter().map(|node| node.cost));
        for (column, cost) in (1..).zip(costs) {
            sheet.write_number(row, column, cost.unwrap_or(0.0))?;
        }
    }
    sheet.set_column_width(0, 20)?;
    sheet.set_column_width(1, 20)?;
    Ok(())
}

fn architecture(node: &NodeBill) -> &'static str {
    use crate::bill_of_materials::Architecture;
    match node.architecture {
        Architecture::AmplifierSite => "amplifier site",
        Architecture::Terminal => "terminal",
        Architecture::Patched => "patched",
        Architecture::TwoSwitches => "two switches",
        Architecture::Roadm => "ROADM",
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(count: Option<&u32>) -> Value {
    Value::Number(f64::from(count.copied().unwrap_or(0)))
}
