//! What is reported beside what is true, for a server whose behaviour is computed: 20 ms for each request, a stall of a second, 2 % of
//! failures.

use std::time::Duration;

use cellar_loadtest::record::{Done, Failure, Recorder};
use cellar_loadtest::schedule::{Arrivals, Schedule, Stage};

const SECOND: Duration = Duration::from_secs(1);
const SERVICE: Duration = Duration::from_millis(20);
/// From here on nothing is answered for a second.
const STALL: Duration = Duration::from_secs(30);

/// What a user who comes at this instant waits: for the end of the stall, and then for the service. Answers differ by up to 10 %.
fn latency(planned: Duration, random: &mut fastrand::Rng) -> Duration {
    let end = STALL + SECOND;
    let wait = if planned >= STALL { end.saturating_sub(planned) } else { Duration::ZERO };
    wait + SERVICE.mul_f64(0.1f64.mul_add(random.f64(), 1.0))
}

/// A minute of 300 requests per second, recorded by two recorders in turns; and all latencies, in order.
fn recorded() -> (Recorder, Vec<Duration>, u64) {
    let recorder = || Recorder::new(1, 60 * SECOND, SECOND);
    let (mut recorders, mut truth, mut failed) = ([recorder(), recorder()], Vec::new(), 0);
    let mut random = fastrand::Rng::with_seed(11);
    let schedule = Schedule::new(Duration::ZERO, vec![Stage::constant(300.0, 60 * SECOND)]).unwrap();
    for (number, planned) in schedule.instants(Arrivals::Poisson, 5).enumerate() {
        let latency = latency(planned, &mut random);
        let failure = (random.f64() < 0.02).then_some(Failure::ServerError);
        let (send_delay, first_byte, refined) = (Duration::ZERO, Some(latency), None);
        failed += u64::from(failure.is_some());
        truth.push(latency);
        let recorder = &mut recorders[number % 2];
        recorder.planned(0, planned);
        recorder.done(&Done { region: 0, planned, send_delay, latency, first_byte, failure, refined });
    }
    truth.sort();
    let [mut all, other] = recorders;
    all.merge(&other);
    (all, truth, failed)
}

fn assert_close(found: Duration, truth: Duration, what: &str) {
    let off = found.as_secs_f64() / truth.as_secs_f64() - 1.0;
    assert!(off.abs() < 0.01, "{what}: {found:?} instead of {truth:?}");
}

#[test]
fn percentiles_are_within_a_hundredth_of_the_truth() {
    let (recorder, truth, failed) = recorded();
    let total = recorder.total();
    assert_eq!((total.planned, total.done()), (truth.len() as u64, truth.len() as u64));
    assert_eq!((total.failed(), total.succeeded.count()), (failed, truth.len() as u64 - failed));
    for share in [0.5, 0.9, 0.99, 0.995, 0.999] {
        let rank = (share * truth.len() as f64).ceil() as usize - 1;
        assert_close(total.latency.quantile(share), truth[rank], &format!("p{}", share * 100.0));
    }
    assert_close(total.latency.max(), truth[truth.len() - 1], "max");
    let mean = truth.iter().sum::<Duration>() / truth.len() as u32;
    assert_close(total.latency.mean(), mean, "mean");
    // One second of sixty: the stall is what p99 is made of.
    assert!(total.latency.quantile(0.99) > 10 * SERVICE);
}

#[test]
fn the_stall_is_in_its_slice() {
    let (recorder, ..) = recorded();
    assert_eq!(recorder.slices.len(), 60);
    for (second, slice) in recorder.slices.iter().enumerate() {
        let p99 = slice.quantile(0.99).unwrap();
        let stalled = second as u64 == STALL.as_secs();
        assert_eq!(p99 > SECOND / 2, stalled, "second {second}: {p99:?}");
    }
}
