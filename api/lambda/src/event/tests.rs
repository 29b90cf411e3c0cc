use cellar_changes::record::Meaning;
use lambda_http::Context;
use proptest::prelude::*;

use super::*;
use crate::Target;

/// An event of the fixtures, as the runtime hands it over.
macro_rules! event {
    ($name:literal) => {
        of(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/lambda/", $name, ".json")))
    };
}

fn of(json: &str) -> Result<Event, Refusal> {
    Event::of(serde_json::from_str(json).unwrap())
}

fn refused(json: &str) -> String {
    match of(json) {
        Err(Refusal(text)) => text,
        Ok(event) => panic!("{json}: {event:?}"),
    }
}

#[test]
fn instructions_come_by_themselves_or_in_an_envelope() {
    assert!(matches!(event!("warmer"), Ok(Event::Warmer)));
    assert!(matches!(event!("scheduler-envelope"), Ok(Event::Warmer)));
    assert!(matches!(of(r#"{"instruction":"delete"}"#), Ok(Event::Delete)));
    let Ok(Event::Warm(order)) = event!("eventbridge") else { panic!("a warm-up") };
    assert_eq!((order.collection.as_str(), order.margin.get(), order.concurrency), ("wineries", 5_000.0, 8));
    assert!(matches!(&order.target, Target::Area(area) if area.len() == 1));
    let Ok(Event::Warm(order)) = event!("scheduler") else { panic!("a warm-up") };
    assert_eq!((order.margin.get(), order.max_pages, order.verify), (10_000.0, 100_000, 0.0));
}

#[test]
fn an_envelope_without_an_instruction_says_nothing() {
    for event in [event!("eventbridge-rule-without-input"), event!("scheduler-envelope-without-input")] {
        let Err(Refusal(text)) = event else { panic!("{event:?}") };
        assert!(text.starts_with("expected an event of an HTTP API"), "{text}");
    }
}

#[test]
fn a_path_never_makes_an_instruction() {
    let Ok(Event::Http(event)) = event!("function-url-events-path") else { panic!("a request") };
    assert_eq!(event.raw_path.as_deref(), Some("/events"));
    let smuggled = r#"{"requestContext":{"http":{"method":7}},"instruction":"warmer"}"#;
    assert!(matches!(of(smuggled), Ok(Event::BadHttp)));
}

#[test]
fn a_batch_is_read_record_by_record() {
    let Ok(Event::Stream(records)) = event!("dynamodb-stream") else { panic!("a batch") };
    let leaves = |record: &Record| match &record.meaning {
        Meaning::Place(change) => {
            let leaf = |at: &Option<cellar_model::Placement>| at.as_ref().map(|at| at.leaf.to_string());
            (leaf(&change.old), leaf(&change.new))
        }
        other => panic!("{other:?}"),
    };
    let (paris, tokyo) = (Some("8f1fb46625550c3".to_owned()), leaves(&records[2]).0);
    assert!(tokyo.as_ref().is_some_and(|leaf| leaf.starts_with("8f2f5a")));
    assert_eq!(leaves(&records[0]), (None, paris.clone()));
    assert_eq!(leaves(&records[1]), (paris, tokyo.clone()));
    assert_eq!(leaves(&records[2]), (tokyo, None));
    assert_eq!(records[3].meaning, Meaning::Other);
    assert_eq!(records[0].number.as_deref(), Some("4421584500000000017450001"));
    let Ok(Event::Stream(records)) = event!("dynamodb-stream-damaged") else { panic!("a batch") };
    assert!(
        matches!(records[0].meaning, Meaning::Damaged(..))
            && matches!(records[1].meaning, Meaning::Unknown(_))
    );
}

#[test]
fn everything_else_is_refused_with_what_was_expected() {
    for json in
        ["{}", "[]", "7", r#""warmer""#, r#"{"Records":7}"#, r#"{"detail":"warmer"}"#, r#"{"detail":[]}"#]
    {
        assert!(refused(json).starts_with("expected an event"), "{json}");
    }
    let Err(Refusal(text)) = event!("sqs") else { panic!("a batch of a queue") };
    assert!(text.starts_with("a batch of records from aws:sqs: expected"), "{text}");
}

#[test]
fn an_instruction_that_is_wrong_names_the_member() {
    let warm = |members: &str| format!(r#"{{"instruction":"warm","collection":"wineries",{members}}}"#);
    for (json, named) in [
        (r#"{"instruction":"warmest"}"#.to_owned(), "warmest"),
        (r#"{"instruction":7}"#.to_owned(), "instruction"),
        (r#"{"instruction":"warmer","collection":"wineries"}"#.to_owned(), "collection"),
        (r#"{"instruction":"warm","cells":["gh:s000"]}"#.to_owned(), "collection"),
        (r#"{"instruction":"warm","collection":"W","cells":["gh:s000"]}"#.to_owned(), "`collection`"),
        (warm(r#""margin_m":1"#), "`cells`, `bbox`, `area` and `top`"),
        (warm(r#""cells":["gh:s000"],"top":3"#), "exactly one"),
        (warm(r#""cells":["Paris"]"#), "`cells`: \"Paris\""),
        (warm(r#""cells":[]"#), "`cells`"),
        (warm(r#""bbox":[1,2,3,1]"#), "`bbox`"),
        (warm(r#""area":{"type":"Point","coordinates":[1,2]}"#), "`area`"),
        (warm(r#""top":0"#), "`top` is out of range; allowed: 1 to 10000"),
        (warm(r#""top":5,"hours":25"#), "`hours` is out of range; allowed: 1 to 24"),
        (warm(r#""cells":["gh:s000"],"margin_m":-1"#), "`margin_m` is out of range; allowed: 0 to 200000"),
        (warm(r#""cells":["gh:s000"],"margin_m":200001"#), "`margin_m`"),
        (warm(r#""cells":["gh:s000"],"concurrency":0"#), "`concurrency`"),
        (warm(r#""cells":["gh:s000"],"max_pages":0"#), "`max_pages`"),
        (warm(r#""cells":["gh:s000"],"verify":1.5"#), "`verify` is out of range; allowed: 0 to 1"),
        (warm(r#""cells":["gh:s000"],"speed":9"#), "speed"),
    ] {
        let text = refused(&json);
        assert!(text.contains(named), "{json}: {text}");
    }
    assert!(of(&warm(r#""top":5,"hours":3"#)).is_ok());
}

const EVENTS: [&str; 5] = [
    include_str!("../../tests/fixtures/lambda/http-api-v2.json"),
    include_str!("../../tests/fixtures/lambda/function-url-base64.json"),
    include_str!("../../tests/fixtures/lambda/dynamodb-stream.json"),
    include_str!("../../tests/fixtures/lambda/dynamodb-stream-damaged.json"),
    include_str!("../../tests/fixtures/lambda/scheduler-envelope.json"),
];

proptest! {
    /// Events with a few characters that are others, most of them still JSON.
    #[test]
    fn no_event_ends_the_process(
        sample in 0..EVENTS.len(),
        damages in proptest::collection::vec((0..10_000_usize, "[ -~]"), 0..6),
    ) {
        let mut chars: Vec<char> = EVENTS[sample].chars().collect();
        for (at, put) in damages {
            let at = at * chars.len() / 10_000;
            chars[at] = put.chars().next().unwrap_or(' ');
        }
        let text: String = chars.into_iter().collect();
        let Ok(event) = serde_json::from_str(&text) else { return Ok(()) };
        match Event::of(event) {
            Ok(Event::Http(event)) => {
                if let Ok(request) = crate::http::request(*event, &Context::default()) {
                    prop_assert!(request.uri().path().starts_with('/'));
                }
            }
            Err(Refusal(reason)) => prop_assert!(!reason.is_empty()),
            Ok(_) => {}
        }
    }
}
