//! The scripts of the infrastructure, run, and the order of the workspace.

mod circles;
mod direction;
mod package;
