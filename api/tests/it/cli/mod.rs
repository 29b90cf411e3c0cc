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
mod keys;
mod outputs;
pub(crate) mod process;
mod read;
mod stop;
mod table;
mod usage;
mod warm;
mod writing;
