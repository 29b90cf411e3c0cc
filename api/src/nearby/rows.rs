//! Places as a table.

use cellar_model::place::Properties;
use comfy_table::{CellAlignment, Table, presets};
use geo_index::tree::Hit;
use geo_index::{CATEGORY_SEPARATOR, Meters, Position};
use serde::Deserialize;

/// A line of the table.
pub(crate) struct Row {
    distance: Option<Meters>,
    id: String,
    name: String,
    category: String,
    position: Position,
}

impl Row {
    /// A place by its properties.
    pub(super) fn new(
        distance: Option<Meters>,
        id: String,
        properties: &Properties,
        position: Position,
    ) -> Self {
        let category = listed(properties.category().as_deref());
        Self { distance, id, name: name(properties.as_json()), category, position }
    }
}

impl From<&Hit> for Row {
    fn from(hit: &Hit) -> Self {
        #[derive(Deserialize)]
        struct Tail<'a> {
            #[serde(borrow)]
            properties: &'a serde_json::value::RawValue,
        }
        let feature = format!("{{{}", String::from_utf8_lossy(hit.payload()));
        let name = serde_json::from_str(&feature).ok().map(|Tail { properties }| name(properties.get()));
        Self {
            distance: hit.distance(),
            id: hit.id().to_owned(),
            name: name.unwrap_or_default(),
            category: listed(hit.category()),
            position: hit.position(),
        }
    }
}

impl From<&cellar_client::Hit> for Row {
    fn from(hit: &cellar_client::Hit) -> Self {
        let cellar_client::Hit { place, distance } = hit;
        Self::new(Some(*distance), place.id.to_string(), &place.properties, place.position)
    }
}

/// The categories of a place, as people read them.
fn listed(categories: Option<&str>) -> String {
    categories.unwrap_or_default().replace(CATEGORY_SEPARATOR, ", ")
}

pub(crate) fn table(rows: impl Iterator<Item = Row>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["distance", "id", "name", "category", "lat", "lon"]);
    for row in rows {
        table.add_row([
            row.distance.map(human_distance).unwrap_or_default(),
            row.id,
            row.name,
            row.category,
            format!("{:.5}", row.position.lat()),
            format!("{:.5}", row.position.lon()),
        ]);
    }
    for column in [0, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn human_distance(distance: Meters) -> String {
    let metres = distance.get();
    if metres < 1_000.0 { format!("{metres:.0} m") } else { format!("{:.2} km", metres / 1_000.0) }
}

/// The property `name`, without control characters that a terminal would obey.
fn name(properties: &str) -> String {
    #[derive(Deserialize)]
    struct Named {
        name: Option<serde_json::Value>,
    }
    match serde_json::from_str(properties) {
        Ok(Named { name: Some(serde_json::Value::String(name)) }) => {
            name.chars().filter(|c| !c.is_control()).collect()
        }
        _ => String::new(),
    }
}
