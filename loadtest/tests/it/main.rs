//! Tests over real connections: runs against servers of known behaviour.

mod built;
mod cells;
mod cli;
mod cold_start;
mod collection;
mod failures;
mod html;
mod lambda;
mod matrix;
mod matrix_html;
mod open_loop;
mod stub;
mod support;
mod truth;
mod wire;
