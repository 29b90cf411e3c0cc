//! What a function sees of the Runtime API, and what comes of it if it breaks the rules.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cellar_loadtest::lambda::{Fleet, InvokeError, Limits, MAX_EVENT_BYTES, MAX_RESPONSE_BYTES};

use super::support::{fleet, get_event, hello, invoke_unruly, lines, patient, text, unruly, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_bare_function_answers_cold_then_warm() {
    let fleet = fleet(hello()).await;
    let cold = fleet.invoke(get_event()).await.unwrap();
    let warm = fleet.invoke(get_event()).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&warm.payload).unwrap();
    assert_eq!((&answer["statusCode"], &answer["body"]), (&200.into(), &"hello".into()));
    assert!(cold.is_cold() && !warm.is_cold());
    assert_eq!((cold.environment, warm.environment), (0, 0));
    assert!(cold.total >= cold.init.unwrap() + cold.took, "{cold:?}");
    let report = &fleet.environments()[0];
    assert_eq!(report.init, cold.init);
    assert_eq!((report.first, report.warm_count, report.warm_total), (Some(cold.took), 1, warm.took));
    assert!(report.memory.unwrap().resident_kib > 100, "{report:?}");
    assert_eq!(report.exit, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_has_lambdas_variables_and_no_others() {
    let function = unruly("variables").with("AWS_REGION", "eu-central-1");
    let answer = fleet(function).await.invoke("{}".into()).await.unwrap();
    let variables = text(&answer.payload);
    let names: Vec<_> = variables.lines().filter_map(|line| line.split('=').next()).collect();
    for name in [
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_SESSION_TOKEN",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(variables.contains("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512\n"));
    assert!(variables.contains("AWS_REGION=eu-central-1\n"), "own variables win");
    assert!(!names.contains(&"CARGO_MANIFEST_DIR") && !names.contains(&"HOME"), "{names:?}");
}

/// Milliseconds since 1970.
fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_comes_with_its_headers_and_a_real_deadline() {
    let before = unix_ms();
    let head = text(&invoke_unruly("headers", "{}").await.unwrap().payload);
    let after = unix_ms();
    let header = |name: &str| {
        let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_else(|| panic!("{name} in {head}")).to_owned()
    };
    let deadline: u64 = header("lambda-runtime-deadline-ms").parse().unwrap();
    assert!((before + 30_000..=after + 30_000).contains(&deadline), "{before} {deadline} {after}");
    let id = header("lambda-runtime-aws-request-id");
    assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
    assert_eq!(
        header("lambda-runtime-invoked-function-arn"),
        "arn:aws:lambda:us-east-1:123456789012:function:unruly"
    );
    assert!(header("lambda-runtime-trace-id").starts_with("Root=1-"), "{head}");
    assert_eq!(header("content-type"), "application/json");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_asks_for_an_event_is_killed_after_the_init_limit() {
    let limit = Duration::from_millis(200);
    let fleet =
        Fleet::start(unruly("never-next"), Limits { init: limit, ..Limits::default() }).await.unwrap();
    let error = fleet.invoke("{}".into()).await.unwrap_err();
    assert!(matches!(error, InvokeError::TimedOut { after, .. } if after == limit), "{error}");
    until("the process is gone", || fleet.live_count() == 0).await;
    assert_eq!(fleet.environments()[0].init, None);
    assert!(fleet.environments()[0].exit.as_ref().unwrap().contains("signal: 9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_in_init_is_told_with_its_status() {
    let error = invoke_unruly("exit-in-init", "{}").await.unwrap_err();
    assert!(error.to_string().ends_with("Error: Runtime exited with exit status: 3"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_error_is_the_invocations_error() {
    for how in ["init-error", "next-after-init-error"] {
        let error = invoke_unruly(how, "{}").await.unwrap_err();
        assert!(matches!(error, InvokeError::Function { .. }), "{how}: {error}");
    }
    let error = invoke_unruly("init-error", "{}").await.unwrap_err();
    assert!(error.to_string().contains("no luck"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_answer_is_forbidden_and_harms_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    let fleet = fleet(unruly("answer-twice").with("UNRULY_NOTES", notes.to_str().unwrap())).await;
    for _ in 0..2 {
        assert_eq!(text(&fleet.invoke("{}".into()).await.unwrap().payload), "\"once\"");
    }
    assert_eq!(lines(&notes, 2).await, ["403", "403"]);
    assert_eq!(fleet.environments().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_the_state_does_not_allow_are_refused() {
    for (how, status) in
        [("wrong-id", "400"), ("next-while-running", "403"), ("init-error-while-running", "403")]
    {
        assert_eq!(text(&invoke_unruly(how, "{}").await.unwrap().payload), status, "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_told_and_the_next_event_starts_anew() {
    let fleet = fleet(unruly("crash")).await;
    for number in 0..2 {
        let error = fleet.invoke("{}".into()).await.unwrap_err();
        assert!(error.to_string().contains("exit status: 7"), "{error}");
        until("the process is gone", || fleet.live_count() == 0).await;
        assert_eq!(fleet.environments().len(), number + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_none() {
    let error = invoke_unruly("crash-while-answering", "{}").await.unwrap_err();
    assert!(error.to_string().contains("exit status: 11"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_whatever_comes_after_it() {
    let answer = invoke_unruly("crash-after-answer", "{}").await.unwrap();
    assert_eq!(text(&answer.payload), "\"last words\"");
    let mut function = unruly("hang-after-answer");
    function.timeout = Duration::from_secs(5);
    let fleet = fleet(function).await;
    assert_eq!(text(&fleet.invoke("{}".into()).await.unwrap().payload), "\"in time\"");
    until("who does not come back is killed", || fleet.live_count() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_kills() {
    let mut function = unruly("hang");
    function.timeout = Duration::from_millis(300);
    let fleet = Fleet::start(function, patient()).await.unwrap();
    let error = fleet.invoke("{}".into()).await.unwrap_err();
    assert!(error.to_string().ends_with("Error: Task timed out after 0.30 seconds"), "{error}");
    until("the process is gone", || fleet.live_count() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_error_is_told_and_it_lives_on() {
    let fleet = fleet(unruly("error")).await;
    for _ in 0..2 {
        let error = fleet.invoke("{}".into()).await.unwrap_err();
        assert!(error.to_string().contains("no such place"), "{error}");
    }
    assert_eq!(fleet.environments().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_answer_passes_and_a_larger_one_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    let fleet = fleet(unruly("large").with("UNRULY_NOTES", notes.to_str().unwrap())).await;
    let fits = fleet.invoke(MAX_RESPONSE_BYTES.to_string().into()).await.unwrap();
    assert_eq!(fits.payload.len(), MAX_RESPONSE_BYTES);
    let error = fleet.invoke((MAX_RESPONSE_BYTES + 1).to_string().into()).await.unwrap_err();
    assert_eq!(error, InvokeError::ResponseTooLarge { limit: MAX_RESPONSE_BYTES });
    assert_eq!(lines(&notes, 2).await, ["202", "413"]);
    assert!(fleet.invoke("5".into()).await.is_ok(), "it lives on");
    let error = fleet.invoke(vec![b' '; MAX_EVENT_BYTES + 1].into()).await.unwrap_err();
    assert!(matches!(error, InvokeError::EventTooLarge { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_that_is_not_there_is_named() {
    let mut function = hello();
    function.binary = "/nowhere/bootstrap".into();
    let error = fleet(function).await.invoke("{}".into()).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot start /nowhere/bootstrap: "), "{error}");
}
