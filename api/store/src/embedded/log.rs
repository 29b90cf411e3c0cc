//! The stream records of the embedded engine: found by an index, and kept for a day.
//!
//! The engine numbers a record by the largest number so far and finds records by number, both without an index,
//! and never removes one: writes would become slower with each write. A second connection to its database makes
//! the index that these queries can use, and trims.
//!
//! Invariants: the newest record of a table stays, since the engine counts on from it; what is trimmed is written
//! down in the same transaction, so that a reader who missed it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

/// How long records are kept, as in DynamoDB.
pub(super) const RETENTION: Duration = Duration::from_hours(24);

/// Records that are kept at most, of all tables together: about 100 MB of ordinary places.
pub(super) const MAX_RECORDS: i64 = 100_000;

/// Records that one call looks at: about 5 ms.
const CHUNK: i64 = 1_000;

/// Bytes of one answer, as in DynamoDB.
const MAX_ANSWER_BYTES: i64 = 1 << 20;

const SET_UP: &str = "
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -2000;
    CREATE INDEX IF NOT EXISTS _cellar_stream_order
        ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
    CREATE TABLE IF NOT EXISTS _cellar_trimmed (table_name TEXT PRIMARY KEY, through INTEGER NOT NULL);";

/// The oldest records, without the newest of each table.
const TRIM: &str = "
    DELETE FROM _stream_records WHERE id IN (
        SELECT id FROM (
            SELECT id, created_at, table_name AS name, CAST(sequence_number AS INTEGER) AS number
            FROM _stream_records ORDER BY id LIMIT ?3)
        WHERE (id <= ?1 OR created_at < ?2) AND number < (
            SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = name))
    RETURNING table_name, CAST(sequence_number AS INTEGER)";

const REMEMBER: &str = "
    INSERT INTO _cellar_trimmed VALUES (?1, ?2)
    ON CONFLICT (table_name) DO UPDATE SET through = MAX(through, excluded.through)";

const SIZES: &str = "
    SELECT octet_length(keys_json) + COALESCE(octet_length(new_image), 0) + COALESCE(octet_length(old_image), 0)
    FROM _stream_records WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) > ?2
    ORDER BY CAST(sequence_number AS INTEGER) LIMIT ?3";

/// A connection to the engine's database beside its own.
#[derive(Debug)]
pub(super) struct StreamLog(Connection);

impl StreamLog {
    /// Opens a database that the engine has opened.
    pub(super) fn open(database: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(database)?;
        connection.execute_batch(SET_UP)?;
        // Whoever trims holds off all other writers.
        connection.busy_timeout(Duration::ZERO)?;
        Ok(Self(connection))
    }

    /// Removes some of the records from before an instant, and of those over a count. Returns how many.
    pub(super) fn trim(&mut self, before_unix_s: i64, most: i64) -> rusqlite::Result<usize> {
        let transaction = self.0.transaction()?;
        let newest: Option<i64> =
            transaction.query_row("SELECT MAX(id) FROM _stream_records", [], |row| row.get(0))?;
        let over = newest.unwrap_or(0) - most;
        let (mut count, mut through) = (0, BTreeMap::<String, i64>::new());
        {
            let mut statement = transaction.prepare_cached(TRIM)?;
            let mut removed = statement.query(params![over, before_unix_s, CHUNK])?;
            while let Some(row) = removed.next()? {
                let last = through.entry(row.get(0)?).or_default();
                *last = row.get::<_, i64>(1)?.max(*last);
                count += 1;
            }
        }
        for (table, last) in through {
            transaction.execute(REMEMBER, params![table, last])?;
        }
        transaction.commit()?;
        Ok(count)
    }

    /// The number of a table's last record that is gone; 0 if none is.
    pub(super) fn trimmed_through(&self, table: &str) -> rusqlite::Result<i64> {
        let mut statement =
            self.0.prepare_cached("SELECT through FROM _cellar_trimmed WHERE table_name = ?1")?;
        Ok(statement.query_row([table], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// How many of the records behind a number fit one answer; at least one.
    pub(super) fn fitting(&self, table: &str, after: i64, limit: u16) -> rusqlite::Result<usize> {
        let mut statement = self.0.prepare_cached(SIZES)?;
        let mut sizes = statement.query(params![table, after, limit])?;
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = sizes.next()? {
            bytes += row.get::<_, i64>(0)?;
            if bytes > MAX_ANSWER_BYTES {
                break;
            }
            count += 1;
        }
        Ok(count.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "CREATE TABLE _stream_records (
        id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, event_name TEXT NOT NULL,
        keys_json TEXT NOT NULL, new_image TEXT, old_image TEXT, sequence_number TEXT NOT NULL,
        shard_id TEXT NOT NULL, created_at INTEGER NOT NULL, user_identity TEXT, event_id TEXT)";

    /// What `.cargo/config.toml` says of the engine's own connection, which has no other way to be told.
    #[test]
    fn sqlite_is_built_as_the_engine_needs_it() {
        let connection = Connection::open_in_memory().unwrap();
        let mut options = connection.prepare("PRAGMA compile_options").unwrap();
        let options: Vec<String> =
            options.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        for wanted in
            ["DEFAULT_CACHE_SIZE=-64000", "DEFAULT_WAL_AUTOCHECKPOINT=16000", "DEFAULT_WAL_SYNCHRONOUS=1"]
        {
            assert!(options.iter().any(|option| option == wanted), "{wanted} is not among {options:?}");
        }
    }

    fn log() -> StreamLog {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        connection.execute_batch(SET_UP).unwrap();
        StreamLog(connection)
    }

    fn add(log: &StreamLog, table: &str, number: i64, created_at: i64, image: &str) {
        let insert = "INSERT INTO _stream_records
            (table_name, event_name, keys_json, new_image, sequence_number, shard_id, created_at)
            VALUES (?1, 'INSERT', '{}', ?2, ?3, 'shard', ?4)";
        log.0.execute(insert, params![table, image, number.to_string(), created_at]).unwrap();
    }

    fn numbers(log: &StreamLog, table: &str) -> Vec<i64> {
        let mut statement = log
            .0
            .prepare("SELECT CAST(sequence_number AS INTEGER) FROM _stream_records WHERE table_name = ?1")
            .unwrap();
        statement.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// The engine's own texts (dynoxide 3.2, storage.rs).
    #[test]
    fn the_engines_queries_use_the_index() {
        let log = log();
        let plan = |sql: &str| -> String {
            let mut statement = log.0.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let rows = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
            rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
        };
        let next = plan(
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records
             WHERE table_name = 't'",
        );
        assert!(next.contains("SEARCH _stream_records USING"), "{next}");
        assert!(next.contains("INDEX _cellar_stream_order (table_name=?)"), "{next}");
        let read = plan(
            "SELECT event_name FROM _stream_records
             WHERE table_name = 't' AND shard_id = 's' AND CAST(sequence_number AS INTEGER) > 7
             ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT 9",
        );
        assert!(read.contains("_cellar_stream_order (table_name=? AND <expr>>?)"), "{read}");
        assert!(!read.contains("TEMP B-TREE"), "{read}");
    }

    #[test]
    fn old_records_go_and_the_newest_stays() {
        let mut log = log();
        for number in 1..=5 {
            add(&log, "a", number, number * 10, "");
        }
        add(&log, "b", 6, 1, "");
        assert_eq!(log.trim(30, 100).unwrap(), 2);
        assert_eq!((numbers(&log, "a"), numbers(&log, "b")), (vec![3, 4, 5], vec![6]));
        assert_eq!((log.trimmed_through("a").unwrap(), log.trimmed_through("b").unwrap()), (2, 0));
        assert_eq!(log.trim(1_000, 100).unwrap(), 2);
        assert_eq!((numbers(&log, "a"), numbers(&log, "b")), (vec![5], vec![6]));
        assert_eq!(log.trimmed_through("a").unwrap(), 4);
        assert_eq!(log.trim(1_000, 0).unwrap(), 0);
    }

    #[test]
    fn records_over_the_count_go() {
        let mut log = log();
        for number in 1..=2_500 {
            add(&log, "a", number, 50, "");
        }
        let mut removed = Vec::new();
        while removed.last() != Some(&0) {
            removed.push(log.trim(0, 10).unwrap());
        }
        assert_eq!(removed, [1_000, 1_000, 490, 0]);
        assert_eq!(numbers(&log, "a"), (2_491..=2_500).collect::<Vec<_>>());
        assert_eq!(log.trimmed_through("a").unwrap(), 2_490);
    }

    #[test]
    fn an_answer_has_at_most_a_megabyte() {
        let log = log();
        let image = "x".repeat(300_000);
        for number in 1..=5 {
            add(&log, "a", number, 0, &image);
        }
        add(&log, "b", 6, 0, &"x".repeat(2_000_000));
        assert_eq!(log.fitting("a", 0, 1_000).unwrap(), 3);
        assert_eq!(log.fitting("a", 0, 2).unwrap(), 2);
        assert_eq!(log.fitting("a", 3, 1_000).unwrap(), 2);
        assert_eq!(log.fitting("b", 0, 1_000).unwrap(), 1);
    }
}
