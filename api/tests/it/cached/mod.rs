//! The API through its caches, in memory and in a real `redis-server`.

pub(crate) mod bed;
mod chaos;
mod counted;
mod exact;
mod history;
mod ledger;
mod process;
mod town;
mod watched;
