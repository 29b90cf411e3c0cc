//! The `cellar` command.

fn main() {}
