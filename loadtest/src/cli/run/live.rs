//! The display during a run: on a terminal a progress bar with the figures of the last second, otherwise a line now and then.

use std::fmt::Write as _;
use std::time::Duration;

use cellar_cli_kit::{progress, terminal};
use indicatif::ProgressStyle;

use crate::cli::interrupt::interrupted;
use crate::record::Slice;
use crate::run::Running;

const TICK: Duration = Duration::from_millis(100);
/// Ticks between two updates.
const UPDATE: u32 = 10;
/// Updates between two plain lines.
const LINE: u32 = 5;

/// Shows the progress of a run until it is over. A signal to stop ends the run; it is still reported.
pub(super) async fn watch(running: &Running, length: Duration) {
    let bar = progress::bar(length.as_millis() as u64);
    let style = ProgressStyle::with_template("{bar:30} {msg}").expect("a template that is not changed");
    bar.set_style(style);
    let (mut ticks, mut asked_to_stop) = (0_u32, false);
    let mut interrupt = std::pin::pin!(interrupted());
    while !running.is_over() {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = &mut interrupt, if !asked_to_stop => {
                asked_to_stop = true;
                running.stop();
            }
        }
        ticks += 1;
        if !ticks.is_multiple_of(UPDATE) {
            continue;
        }
        let line = line(running, length);
        if bar.is_hidden() {
            if ticks.is_multiple_of(UPDATE * LINE) {
                terminal::note(&line);
            }
        } else {
            bar.set_position(running.elapsed().min(length).as_millis() as u64);
            bar.set_message(line);
        }
    }
    bar.finish_and_clear();
}

/// The progress, and the figures of the last complete slice.
fn line(running: &Running, length: Duration) -> String {
    let (mut done, mut failed, mut warm) = (0, 0, false);
    let mut last = Slice::default();
    running.inspect(|recorder| {
        done += recorder.regions.iter().map(crate::record::RequestStats::done).sum::<u64>();
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
    let _ = write!(line, ", {done} done, {failed} failed, {} in flight", running.in_flight());
    if let (Some(p50), Some(p99)) = (last.quantile(0.5), last.quantile(0.99)) {
        let [p50, p99] = [p50, p99].map(|quantile| quantile.as_secs_f64() * 1e3);
        let _ = write!(line, ", p50 {p50:.2} ms, p99 {p99:.2} ms");
    }
    line
}
