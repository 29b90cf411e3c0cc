//! What is shown while a run goes on: a bar with the last second's figures on a terminal, else a plain line now and then.

use std::fmt::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::record::Slice;
use crate::run::Running;

const TICK: Duration = Duration::from_millis(100);
/// Ticks between two looks at what was recorded.
const LOOK: u32 = 10;
/// Looks between two plain lines.
const LINE: u32 = 5;

/// Shows how a run goes until it is over. Ctrl-C stops the run; its report comes nevertheless.
pub(super) async fn watch(running: &Running, length: Duration) {
    let bar = ProgressBar::new(length.as_millis() as u64);
    let style = ProgressStyle::with_template("{bar:30} {msg}").expect("a template that is not changed");
    bar.set_style(style);
    let (mut ticks, mut asked_to_stop) = (0_u32, false);
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    while !running.is_over() {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            signal = &mut interrupt, if !asked_to_stop => {
                asked_to_stop = true;
                // Without a handler there is no signal to hear of either.
                if signal.is_ok() {
                    running.stop();
                }
            }
        }
        ticks += 1;
        if !ticks.is_multiple_of(LOOK) {
            continue;
        }
        let line = line(running, length);
        if bar.is_hidden() {
            if ticks.is_multiple_of(LOOK * LINE) {
                eprintln!("{line}");
            }
        } else {
            bar.set_position(running.elapsed().min(length).as_millis() as u64);
            bar.set_message(line);
        }
    }
    bar.finish_and_clear();
}

/// Where the run is, and the last slice that is mostly over.
fn line(running: &Running, length: Duration) -> String {
    let (mut done, mut failed, mut warm) = (0, 0, false);
    let mut last = Slice::default();
    running.look(|recorder| {
        done += recorder.regions.iter().map(crate::record::Tally::done).sum::<u64>();
        failed += recorder.regions.iter().map(|region| region.failed() + region.unsent).sum::<u64>();
        if let Some(slice) = recorder.slices.iter().rev().filter(|slice| slice.done > 0).nth(1) {
            last.merge(slice);
        }
        warm |= recorder.regions.iter().any(|region| region.planned > 0);
    });
    let (at, of) = (running.elapsed().min(length).as_secs(), length.as_secs());
    let mut line = format!("{at}/{of} s");
    if !warm {
        line.push_str(", warming up");
        return line;
    }
    // Writing to a string cannot fail.
    let _ = write!(line, ", {done} done, {failed} failed, {} under way", running.in_flight());
    if let (Some(p50), Some(p99)) = (last.quantile(0.5), last.quantile(0.99)) {
        let [p50, p99] = [p50, p99].map(|quantile| quantile.as_secs_f64() * 1e3);
        let _ = write!(line, ", p50 {p50:.2} ms, p99 {p99:.2} ms");
    }
    line
}
