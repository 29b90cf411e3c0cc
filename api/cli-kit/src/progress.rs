//! Bars on standard error: on a terminal only, and not if `--quiet` is asked for.

use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::terminal;

fn target() -> ProgressDrawTarget {
    if terminal::is_quiet() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
}

/// A bar of so many steps.
pub fn bar(steps: u64) -> ProgressBar {
    ProgressBar::with_draw_target(Some(steps), target())
}

/// A bar whose length is not known.
pub fn spinner() -> ProgressBar {
    ProgressBar::with_draw_target(None, target())
}
