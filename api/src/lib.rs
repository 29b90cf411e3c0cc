//! The subcommands of `cellar`: their arguments, what they print, and how they end.

pub mod cache_args;
pub mod categories;
pub mod collections;
pub mod contract;
pub mod delete;
pub mod demo;
pub mod edge;
pub mod edge_map;
pub mod edge_plan;
pub mod edge_purge_args;
mod explain;
pub mod export;
pub mod get;
pub mod import;
pub mod key;
pub mod nearby;
pub mod reindex;
mod roots;
pub mod serve;
pub mod store_args;
pub mod table;
pub mod verify;
pub mod warm;
