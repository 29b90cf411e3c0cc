//! The scripts of the infrastructure, run.

mod package;
