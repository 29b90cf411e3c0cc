//! The API through its caches, in memory and in a real `redis-server`.

pub(crate) mod bed;
mod chaos;
mod counted;
mod documented_user;
mod exact;
mod history;
mod instants;
mod ledger;
mod movers;
pub(crate) mod process;
mod town;
mod watched;
