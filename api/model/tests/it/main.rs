//! Canonical URLs: what the origin makes of them is what the edge function makes of them.

mod fuzz;
mod h3_text;
mod hostile;
mod support;
mod vectors;
