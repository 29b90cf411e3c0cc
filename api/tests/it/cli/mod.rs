//! The real `cellar`, as a process: what it prints, how it ends, and what other processes find of its work.

mod backup;
mod cached;
mod categories;
mod contract;
mod deleting;
mod demo;
mod edge;
mod faults;
mod help;
mod hostile;
mod import;
mod importing;
mod imports;
mod install;
mod keys;
mod outputs;
pub(crate) mod process;
mod read;
mod settings;
mod shell;
mod stats;
mod stop;
mod table;
mod terminal;
mod usage;
mod warm;
mod writing;
