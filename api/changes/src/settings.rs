//! How often a consumer looks at what.

use std::time::Duration;

/// Intervals of a consumer.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Pause between polls. DynamoDB allows five reads per second of each shard, for all readers together.
    pub poll: Duration,
    /// The same while records are waiting.
    pub poll_behind: Duration,
    /// Time between two lists of shards.
    pub list: Duration,
    /// The same while a child of a closed shard is looked for.
    pub list_incomplete: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(250),
            poll_behind: Duration::from_millis(200),
            list: Duration::from_secs(10),
            list_incomplete: Duration::from_secs(1),
        }
    }
}

impl Settings {
    /// For the embedded engine, which limits nobody. Its stream has one shard for good, and to describe a table it
    /// counts all places; a stream that goes away is looked for at once anyway.
    pub fn embedded() -> Self {
        Self {
            poll: Duration::from_millis(200),
            poll_behind: Duration::from_millis(5),
            list: Duration::from_mins(5),
            ..Self::default()
        }
    }
}
