//! How many environments there are, and when.

use std::sync::Arc;
use std::time::Duration;

use cellar_loadtest::lambda::{CpuShare, Fleet, InvokeError, Limits};
use tokio::task::JoinSet;

use super::support::{ManualClock, fleet, get_event, hello, patient, unruly, until};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn idle_environments_are_ended_after_their_time_and_not_before() {
    let clock = ManualClock::default();
    let limits = Limits { idle: 5 * MINUTE, ..patient() };
    let fleet = Fleet::with_clock(hello(), limits, clock.now()).await.unwrap();
    assert!(fleet.invoke(get_event()).await.unwrap().is_cold());
    clock.advance(Duration::from_secs(299));
    assert!(!fleet.invoke(get_event()).await.unwrap().is_cold(), "an event starts the time anew");
    clock.advance(5 * MINUTE);
    assert!(fleet.invoke(get_event()).await.unwrap().is_cold());
    until("the first one is gone", || fleet.live_count() == 1).await;
    clock.advance(5 * MINUTE);
    fleet.reap();
    until("the second one is gone", || fleet.live_count() == 0).await;
    assert!(fleet.environments().iter().all(|environment| environment.memory.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_while_all_are_busy_starts_another_or_is_throttled() {
    let fleet = Arc::new(Fleet::start(unruly("hang"), Limits { concurrency: 2, ..patient() }).await.unwrap());
    let mut turns = JoinSet::new();
    for _ in 0..2 {
        let fleet = fleet.clone();
        turns.spawn(async move { fleet.invoke("{}".into()).await });
    }
    until("both have an environment", || fleet.environments().len() == 2).await;
    assert_eq!(fleet.usage().busy_peak, 2);
    assert_eq!(fleet.invoke("{}".into()).await.unwrap_err(), InvokeError::Throttled);
    assert_eq!(fleet.environments().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_all_answer() {
    let fleet = Arc::new(fleet(hello()).await);
    let mut turns = JoinSet::new();
    for _ in 0..100 {
        let fleet = fleet.clone();
        turns.spawn(async move { fleet.invoke(get_event()).await });
    }
    let answers = turns.join_all().await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let cold = answers.iter().flatten().filter(|answer| answer.is_cold()).count();
    assert_eq!(cold, fleet.environments().len());
    assert_eq!(fleet.idle_count(), fleet.live_count());
    let usage = fleet.usage();
    assert!((1..=100).contains(&usage.busy_peak), "{usage:?}");
    assert!(
        usage.busy_total >= answers.iter().flatten().map(|answer| answer.took).sum::<Duration>(),
        "{usage:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioned_environments_are_there_first_and_stay() {
    let clock = ManualClock::default();
    let limits = Limits { provisioned: 2, idle: MINUTE, ..patient() };
    let fleet = Fleet::with_clock(hello(), limits, clock.now()).await.unwrap();
    assert_eq!((fleet.live_count(), fleet.idle_count()), (2, 2));
    assert!(!fleet.invoke(get_event()).await.unwrap().is_cold());
    clock.advance(10 * MINUTE);
    assert_eq!(fleet.reap(), 0);
    assert!(!fleet.invoke(get_event()).await.unwrap().is_cold());
    assert!(fleet.environments().iter().all(|environment| environment.provisioned));
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioning_a_function_that_fails_says_so() {
    let limits = Limits { provisioned: 1, ..patient() };
    let error = Fleet::start(unruly("exit-in-init"), limits).await.unwrap_err();
    assert!(error.to_string().contains("exit status: 3"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_environment_is_frozen_and_a_dropped_fleet_is_gone() {
    let fleet = fleet(hello()).await;
    fleet.invoke(get_event()).await.unwrap();
    let process = fleet.environments()[0].process;
    until("it is stopped", || state_of(process) == Some('T')).await;
    drop(fleet);
    until("it is gone", || state_of(process).is_none()).await;
}

/// As the kernel writes it: R runs, S sleeps, T is stopped. `None` for a process that is gone.
fn state_of(process: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_function_gets_its_share_where_the_system_allows_it() {
    let mut function = hello();
    function.memory_mib = 512;
    let fleet = Fleet::start(function, Limits { hold_cpu: true, ..patient() }).await.unwrap();
    fleet.invoke(get_event()).await.unwrap();
    match fleet.cpu() {
        CpuShare::Held { vcpus } => {
            assert!((vcpus - 512.0 / 1_769.0).abs() < 1e-9);
            let process = fleet.environments()[0].process;
            let groups = std::fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap();
            assert!(groups.contains("/cellar-"), "{groups}");
        }
        CpuShare::NotEmulated { reason } => assert!(!reason.is_empty()),
        CpuShare::Whole => panic!("it was asked for"),
    }
    assert_eq!(fleet.shutdown().await.len(), 1);
}
