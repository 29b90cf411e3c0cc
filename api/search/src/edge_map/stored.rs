//! A map as text: the note in the table, and the document that clients get.

use std::collections::BTreeMap;

use cellar_model::Collection;
use cellar_model::key::registry;
use cellar_store::{Store, StoreError};
use geo_index::edge::{DensityMap, MapRules};
use serde::{Deserialize, Serialize};

/// The form of the note; a note of another is passed over, but for the first, whose rows are rows of this one, too.
const VERSION: u32 = 2;

/// The map of a collection, and what is known of how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMap {
    /// The map.
    pub map: DensityMap,
    /// When it was made, in milliseconds since 1970.
    pub made_unix_ms: u64,
    /// Places that were counted.
    pub places: u64,
    /// What it was made for ([`MapRules::certified`]); it is refreshed by the same rule.
    pub certified: f64,
}

#[derive(Serialize, Deserialize)]
struct Note {
    version: u32,
    made_unix_ms: u64,
    places: u64,
    #[serde(default = "usual_share")]
    certified: f64,
    rows: BTreeMap<String, String>,
}

fn usual_share() -> f64 {
    MapRules::default().certified
}

impl StoredMap {
    /// Keeps the map in the table, in place of an older one.
    pub async fn write(&self, store: &dyn Store, collection: &Collection) -> Result<(), StoreError> {
        store.put_note(&registry::edge_map_key(collection), Some(&self.to_note())).await
    }

    /// Takes the map of a collection away.
    pub async fn remove(store: &dyn Store, collection: &Collection) -> Result<(), StoreError> {
        store.put_note(&registry::edge_map_key(collection), None).await
    }

    /// The map that was kept last. One that this version cannot read counts as none.
    pub async fn read(store: &dyn Store, collection: &Collection) -> Result<Option<Self>, StoreError> {
        let note = store.note(&registry::edge_map_key(collection)).await?;
        let map = note.as_deref().and_then(Self::from_note);
        if note.is_some() && map.is_none() {
            tracing::warn!(%collection, "the density map in the table cannot be read; `cellar edge-map` makes one");
        }
        Ok(map)
    }

    fn to_note(&self) -> String {
        let Self { map, made_unix_ms, places, certified } = self;
        let rows = map.entries().map(|(key, row)| (key, row.to_owned())).collect();
        let (made_unix_ms, places, certified) = (*made_unix_ms, *places, *certified);
        let note = Note { version: VERSION, made_unix_ms, places, certified, rows };
        serde_json::to_string(&note).expect("texts and numbers are JSON")
    }

    fn from_note(text: &str) -> Option<Self> {
        let Note { version, made_unix_ms, places, certified, rows } = serde_json::from_str(text).ok()?;
        let map = DensityMap::from_entries(rows);
        (1..=VERSION).contains(&version).then_some(Self { map, made_unix_ms, places, certified })
    }
}

#[cfg(test)]
mod tests {
    use geo_index::edge::Part;
    use geo_index::{GeohashCell, GridCell};

    use super::*;

    fn stored() -> StoredMap {
        let mut map = DensityMap::default();
        map.set("u09".parse().unwrap(), 5);
        map.set("9q8".parse().unwrap(), 3);
        map.set("9q5c".parse().unwrap(), 6);
        map.set_parts("9q5f".parse().unwrap(), [Part::Finer(7); 32]);
        StoredMap { map, made_unix_ms: 1_700_000_000_123, places: 7, certified: 0.7 }
    }

    #[test]
    fn notes_are_read_back() {
        let note = stored().to_note();
        assert_eq!(StoredMap::from_note(&note), Some(stored()));
        for other in ["", "{}", "7", r#"{"version":2}"#, &note.replace(r#""version":2"#, r#""version":3"#)] {
            assert_eq!(StoredMap::from_note(other), None, "{other}");
        }
    }

    #[test]
    fn notes_of_the_first_form_are_read() {
        let rows = r#"{"u0":"34567034567034567034567034567034"}"#;
        let note = format!(r#"{{"version":1,"made_unix_ms":5,"places":9,"rows":{rows}}}"#);
        let read = StoredMap::from_note(&note).unwrap();
        assert_eq!((read.made_unix_ms, read.places, read.map.cells().count()), (5, 9, 27));
        assert!((read.certified - 0.95).abs() < 1e-9);
    }

    #[test]
    fn the_largest_map_fits_an_item_and_a_document() {
        let mut map = DensityMap::default();
        let coarsest = GeohashCell::coarsest();
        for key in coarsest.iter().flat_map(|cell| cell.children()) {
            key.children().into_iter().for_each(|cell| map.set(cell, 7));
        }
        // As many of the longest rows as `DensityCounts` makes.
        let cells = coarsest[0].children().into_iter().flat_map(GeohashCell::children);
        for cell in cells.flat_map(GeohashCell::children).take(740) {
            map.set_parts(cell, [Part::Finer(7); 32]);
        }
        let note = StoredMap { map: map.clone(), ..stored() }.to_note();
        assert!((200_000..300_000).contains(&note.len()), "{}", note.len());
        assert_eq!(cellar_model::density::parse(&note), map);
    }
}
