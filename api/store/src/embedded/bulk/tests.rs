//! What batches leave behind, beside what the engine itself does.

use dynoxide::{Database, ImportOptions};
use proptest::prelude::*;
use rusqlite::types::Value;
use tempfile::TempDir;

use super::*;

const TABLE: &str = "some-table.1";

/// A table in a file, and a second connection to it.
struct Pair {
    engine: Database,
    path: String,
    bulk: Bulk,
    _dir: TempDir,
}

impl Pair {
    fn new(streams: bool) -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("db").to_str().unwrap().to_owned();
        let engine = Database::new(&path).unwrap();
        let index = |name: &str, hash: &str| {
            json!({
                "IndexName": name, "Projection": { "ProjectionType": "ALL" },
                "KeySchema": [
                    { "AttributeName": hash, "KeyType": "HASH" },
                    { "AttributeName": "leaf", "KeyType": "RANGE" }],
            })
        };
        let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
        let attributes = ["pk", "root", "leaf", "category"].map(attribute);
        let mut table = json!({
            "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "AttributeDefinitions": attributes,
            "GlobalSecondaryIndexes": [index("by_cell", "root"), index("by_category", "category")],
            "StreamSpecification": { "StreamEnabled": streams, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        });
        if !streams {
            table.as_object_mut().unwrap().remove("StreamSpecification");
        }
        engine.create_table(serde_json::from_value(table).unwrap()).unwrap();
        let bulk = Bulk::open(&engine, &path).unwrap();
        Self { engine, path, bulk, _dir: dir }
    }

    fn put(&self, items: &[Item]) -> bool {
        let items: Vec<Encoded> = items.iter().cloned().map(Encoded::new).collect();
        self.bulk.put(TABLE, &items).is_ok_and(|done| done)
    }

    fn connection(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    fn metadata(&self) -> TableMetadata {
        self.engine.get_table_metadata(TABLE).unwrap().unwrap()
    }

    /// All rows but what no two databases share: numbers, instants and ids of events.
    fn rows(&self) -> Vec<Vec<String>> {
        let name = self.metadata().table_name;
        let gsi = |index: &str| {
            format!(
                "SELECT gsi_pk, gsi_sk, table_pk, table_sk, item_json FROM \"{name}::gsi::{index}\" ORDER BY 1, 2, 3"
            )
        };
        [
            format!(
                "SELECT pk, sk, item_json, item_size, cached_at, hash_prefix FROM \"{name}\" ORDER BY pk"
            ),
            gsi("by_cell"),
            gsi("by_category"),
            "SELECT table_name, event_name, keys_json, new_image, old_image, shard_id, user_identity,
                length(event_id) FROM _stream_records ORDER BY CAST(sequence_number AS INTEGER)"
                .to_owned(),
        ]
        .iter()
        .map(|sql| self.texts(sql))
        .collect()
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let connection = self.connection();
        let mut statement = connection.prepare(sql).unwrap();
        let count = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let text = |column| match row.get(column).unwrap() {
                // Attributes have no order.
                Value::Text(text) => match serde_json::from_str::<serde_json::Value>(&text) {
                    Ok(json) => json.to_string(),
                    Err(_) => text,
                },
                other => format!("{other:?}"),
            };
            Ok((0..count).map(text).collect::<Vec<_>>().join(" | "))
        };
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    }
}

fn item(attributes: &[(&str, Option<String>)]) -> Item {
    let text =
        |(name, text): &(&str, Option<String>)| Some(((*name).to_owned(), AttributeValue::S(text.clone()?)));
    attributes.iter().filter_map(text).collect()
}

fn items() -> impl Strategy<Value = Vec<Vec<Item>>> {
    let of = |prefix: &'static str, count: u32| {
        prop::option::weighted(0.8, (0..count).prop_map(move |i| format!("{prefix}{i}")))
    };
    let one = (0..9_u32, of("r", 3), of("l", 5), of("c", 2), ".{0,12}", -99.0..99.0_f64);
    let one = one.prop_map(|(id, root, leaf, category, text, number)| {
        let mut item = item(&[
            ("pk", Some(format!("c#{id}"))),
            ("root", root),
            ("leaf", leaf),
            ("category", category),
            ("props", Some(text)),
        ]);
        item.insert("lat".to_owned(), AttributeValue::N(number.to_string()));
        item
    });
    prop::collection::vec(prop::collection::vec(one, 1..12), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rows_are_those_of_the_engine(batches in items(), streams: bool) {
        let (theirs, ours) = (Pair::new(streams), Pair::new(streams));
        let options = ImportOptions { record_streams: true, ..ImportOptions::default() };
        for batch in batches {
            theirs.engine.import_items(TABLE, batch.clone(), options.clone()).unwrap();
            prop_assert!(ours.put(&batch));
            prop_assert_eq!(theirs.rows(), ours.rows());
        }
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_engine() {
    let pair = Pair::new(true);
    let table = pair.metadata();
    let good = item(&[("pk", Some("c#1".to_owned()))]);
    let mut flagged = good.clone();
    flagged.insert("flag".to_owned(), AttributeValue::BOOL(true));
    let mut no_number = good.clone();
    no_number.insert("lat".to_owned(), AttributeValue::N("north".to_owned()));
    let long = |name: &str, bytes: usize| {
        let mut item = good.clone();
        item.insert(name.to_owned(), AttributeValue::S("x".repeat(bytes)));
        item
    };
    let others = [
        item(&[("root", Some("r".to_owned()))]),
        flagged,
        no_number,
        long("pk", 0),
        long("pk", 2_049),
        long("root", 0),
        long("root", 2_049),
        long("leaf", 1_025),
        long("props", MAX_ITEM_SIZE),
    ];
    for other in others {
        let batch = [good.clone(), other.clone()];
        assert!(!pair.put(&batch), "{other:?}");
    }
    let refused = |change: fn(&mut TableMetadata)| {
        let mut table = table.clone();
        change(&mut table);
        Layout::of(&table).is_none()
    };
    assert!(refused(|table| table.stream_view_type = Some("KEYS_ONLY".to_owned())));
    assert!(refused(
        |table| table.attribute_definitions = table.attribute_definitions.replace("\"S\"", "\"N\"")
    ));
    assert!(refused(|table| table.key_schema = table.key_schema.replace("HASH", "RANGE")));
    assert!(refused(|table| {
        table.gsi_definitions = table.gsi_definitions.as_ref().map(|json| json.replace("ALL", "KEYS_ONLY"));
    }));
    assert_eq!(pair.rows().concat(), [""; 0]);
    assert!(pair.put(&[good]));
    assert_eq!(pair.rows().concat().len(), 2);
}

/// Numbers go on from what is there, whoever wrote it, and never back.
#[test]
fn records_are_numbered_on() {
    let pair = Pair::new(true);
    let one = |id: u32| item(&[("pk", Some(format!("c#{id}")))]);
    let options = ImportOptions { record_streams: true, ..ImportOptions::default() };
    let ahead = "UPDATE _stream_records SET sequence_number = '9000000000000000000'";
    pair.engine.import_items(TABLE, vec![one(1)], options.clone()).unwrap();
    pair.connection().execute(ahead, []).unwrap();
    assert!(pair.put(&[one(2), one(3)]));
    pair.engine.import_items(TABLE, vec![one(4)], options).unwrap();
    let numbers = pair.texts(
        "SELECT CAST(sequence_number AS INTEGER) - 9000000000000000000, keys_json FROM _stream_records ORDER BY 1",
    );
    let expected = [1, 2, 3, 4].map(|id| format!("Integer({}) | {{\"pk\":{{\"S\":\"c#{id}\"}}}}", id - 1));
    assert_eq!(numbers, expected);
}

#[test]
fn who_has_closed_the_database_takes_nothing() {
    let pair = Pair::new(true);
    pair.bulk.close();
    assert!(!pair.put(&[item(&[("pk", Some("c#1".to_owned()))])]));
    assert_eq!(pair.rows().concat(), [""; 0]);
}
