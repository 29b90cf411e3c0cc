//! The runs, one after the other: each stack is first measured with empty caches, then with warm ones.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cellar_cli_kit::{CliError, terminal};
use cellar_model::Collection;
use geo_index::Position;
use indicatif::ProgressBar;

use super::rates::Rates;
use super::{Caching, Combination, Only, Row, Scheme, Stack};
use crate::http::{self, Protocol, Target};
use crate::plan::{Plan, Planned};
use crate::report::build;
use crate::run::{Finished, Mode, Region, Route, RunSettings, Running, start};

/// How often the progress of a run is checked.
const TICK: Duration = Duration::from_millis(50);

/// What all combinations have in common.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The program `cellar`.
    pub cellar: PathBuf,
    /// The embedded engine's data.
    pub data: PathBuf,
    /// The collection to search.
    pub collection: Collection,
    /// Duration of each measurement.
    pub duration: Duration,
    /// How long answers and pages stay fresh, in whole seconds.
    pub lifetime: Duration,
    /// Places in a cell answer, at most.
    pub listed: u16,
    /// Requests sent more than this after their due instant count as late.
    pub late_after: Duration,
    /// Share of cell answers whose results are compared with the exact endpoint's, 0 to 1.
    pub verify: f64,
    /// Seed for choosing these.
    pub seed: u64,
    /// Set to stop early, with a report of what was measured.
    pub stop: Arc<AtomicBool>,
}

/// Makes the same plan each time, at least twice as long as a combination is measured.
pub type Plans<'p> = dyn Fn() -> Result<Plan, CliError> + 'p;

impl Experiment {
    /// Measures a stack cold, then warm: with the first half of the plan, then with the second. Adds the rows of chosen
    /// combinations.
    ///
    /// # Errors
    ///
    /// The stack does not start, or the sender fails.
    pub async fn measure(
        &self,
        (scheme, caching): (Scheme, Caching),
        only: &Only,
        (plans, rates): (&Plans<'_>, &Rates),
        bar: &ProgressBar,
        rows: &mut Vec<Row>,
    ) -> Result<(), CliError> {
        let wanted = Combination::of_stack(scheme, caching).map(|one| only.wants(one));
        if wanted == [false, false] {
            return Ok(());
        }
        let stack = Stack::start(&self.cellar, &self.data, caching, (self.lifetime, self.listed));
        let stack = stack.map_err(|error| CliError::failure(error.to_string()))?;
        for combination in Combination::of_stack(scheme, caching) {
            if self.is_stopped() || (combination.warm && !only.wants(combination)) {
                break;
            }
            bar.set_message(combination.to_string());
            if bar.is_hidden() {
                let percent = 100 * bar.position() / bar.length().unwrap_or_default().max(1);
                terminal::note(&format!("{percent:>3} % {combination}"));
            }
            let settings = self.settings(scheme, self.target(&stack).await?);
            let plan = stretch(plans()?, self.duration, combination.warm);
            let running = start(settings, plan, Box::new(|_: Position| Route::default()));
            let running =
                running.map_err(|error| CliError::failure(format!("cannot start a thread: {error}")))?;
            let finished = self.watch(running, bar).await?;
            if only.wants(combination) {
                let (outcome, part, verified) = build::sum(&finished);
                let formula = rates.formula(scheme, self.lifetime);
                rows.push(Row::new(combination, &outcome, &part, verified, formula));
            }
        }
        Ok(())
    }

    /// Whether it is to stop early.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    async fn target(&self, stack: &Stack) -> Result<Target, CliError> {
        let failed = |error: http::TargetError| CliError::failure(error.to_string());
        Target::resolve(stack.url().parse().map_err(failed)?).await.map_err(failed)
    }

    fn settings(&self, scheme: Scheme, target: Target) -> RunSettings {
        RunSettings {
            regions: vec![Region::new("stack", target)],
            warmup: Duration::ZERO,
            measured: self.duration,
            seed: self.seed,
            mode: if scheme == Scheme::Adaptive { Mode::Cell } else { Mode::Raw },
            memory: false,
            collection: self.collection.clone(),
            http: http::Settings {
                protocol: Protocol::Http1,
                connections: 1_000,
                tls: None,
                accept_encoding: "br, gzip",
            },
            time_limit: Duration::from_secs(10),
            late_after: self.late_after,
            max_in_flight: 20_000,
            workers: 1,
            group_within: Duration::ZERO,
            cell_level: scheme.cell_level(),
            verify: self.verify,
            pages: false,
        }
    }

    /// Waits for the end of a run.
    async fn watch(&self, running: Running, bar: &ProgressBar) -> Result<Finished, CliError> {
        let before = bar.position();
        while !running.is_over() {
            tokio::time::sleep(TICK).await;
            if self.is_stopped() {
                running.stop();
            }
            bar.set_position(before + running.elapsed().min(self.duration).as_millis() as u64);
        }
        bar.set_position(before + self.duration.as_millis() as u64);
        running.finish().map_err(|error| CliError::failure(error.to_string()))
    }
}

/// The first or the second half of a plan, with instants from its own beginning. First pages only: a cell answer includes the
/// others.
fn stretch(plan: Plan, duration: Duration, second: bool) -> Plan {
    let from = if second { duration } else { Duration::ZERO };
    let within = move |planned: &Planned| planned.at < from + duration;
    let half = plan.take_while(within).filter(move |planned| planned.at >= from && planned.search.page == 0);
    Box::new(half.map(move |planned| Planned { at: planned.at.saturating_sub(from), ..planned }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Search;

    #[test]
    fn the_second_half_goes_on_where_the_first_ended() {
        let plan = || -> Plan {
            let searches = (0..10_u64).map(|user| Planned {
                at: Duration::from_secs(user),
                search: Search {
                    user,
                    position: Position::new(0.0, 0.0).unwrap(),
                    radius: None,
                    limit: 1,
                    category: None,
                    page: u32::from(user == 4),
                },
            });
            Box::new(searches)
        };
        let told = |second| -> Vec<(u64, u64)> {
            let half = stretch(plan(), Duration::from_secs(3), second);
            half.map(|planned| (planned.at.as_secs(), planned.search.user)).collect()
        };
        assert_eq!(told(false), [(0, 0), (1, 1), (2, 2)]);
        assert_eq!(told(true), [(0, 3), (2, 5)]);
    }
}
