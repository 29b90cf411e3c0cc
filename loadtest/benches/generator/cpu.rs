//! CPU time of processes that have ended.

use std::io;
use std::process::{Command, Output, Stdio};

/// Clock ticks per second of `/proc`: `USER_HZ`, which is 100 on every architecture that Rust runs on.
const TICKS: f64 = 100.0;

/// Runs a command to its end: its output, and its user and system time in seconds. `None` if there is no such command.
pub(crate) fn run(command: &mut Command) -> Option<(Output, f64)> {
    let before = of_children();
    match command.stdin(Stdio::null()).stderr(Stdio::null()).output() {
        Ok(output) => Some((output, (of_children() - before) / TICKS)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// Ticks of children that have been waited for: fields 16 and 17 of `/proc/self/stat` (proc(5)).
fn of_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The second field, a name in parentheses, may hold spaces.
    let (_, rest) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks = rest.split_whitespace().skip(13).take(2).map(|field| field.parse::<f64>().expect("a number"));
    ticks.sum()
}
