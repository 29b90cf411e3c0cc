use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use super::*;
use crate::event::Event;

/// An event of the fixtures, as the runtime hands it over.
macro_rules! event {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/lambda/", $name, ".json"))
    };
}

fn context() -> Context {
    let mut context = Context::default();
    "8476a536-e9f4-11e8-9739-2dfe598c3fcd".clone_into(&mut context.request_id);
    context.xray_trace_id = Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".to_owned());
    context
}

fn read(json: &str) -> Result<Request, Problem> {
    match Event::of(serde_json::from_str(json).unwrap()) {
        Ok(Event::Http(event)) => request(*event, &context()),
        other => panic!("a request: {other:?}"),
    }
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers()[name].to_str().unwrap()
}

async fn text(request: Request) -> String {
    String::from_utf8(to_bytes(request.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[test]
fn an_http_api_event_is_the_request_that_was_sent() {
    let request = read(event!("http-api-v2")).unwrap();
    assert_eq!(request.method(), "GET");
    assert_eq!(
        request.uri(),
        "/v1/collections/wineries/nearby?lat=0.02&lon=0&radius=1500&category=wine%20bar"
    );
    assert_eq!(header(&request, "cookie"), "session=abc123; theme=dark");
    assert_eq!(header(&request, "accept"), "application/geo+json,application/json");
    assert_eq!(header(&request, "x-forwarded-for"), "203.0.113.7, 198.51.100.178");
    assert_eq!(header(&request, "x-request-id"), "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    assert_eq!(header(&request, "x-amzn-trace-id"), trace, "the invocation's, which may be sampled");
}

#[test]
fn a_stage_is_no_part_of_the_path_and_a_decoded_path_is_encoded_again() {
    let request = read(event!("http-api-v2-stage")).unwrap();
    assert_eq!((request.method().as_str(), request.uri().query()), ("DELETE", None));
    assert_eq!(request.uri().path(), "/v1/collections/wineries/items/Ch%C3%A2teau%20d'Yquem%20100%25");
}

#[tokio::test]
async fn a_function_url_event_keeps_its_escapes() {
    let request = read(event!("function-url")).unwrap();
    assert_eq!((request.method().as_str(), request.uri().query()), ("PUT", None));
    assert_eq!(request.uri().path(), "/v1/collections/wineries/items/a%2Fb%20%C3%A9");
    assert_eq!(header(&request, "x-request-id"), "from-the-app-7");
    assert!(text(request).await.starts_with(r#"{"type":"Feature""#));
    let dots = read(event!("function-url-dots")).unwrap();
    assert_eq!(dots.uri().path(), "/v1/collections/wineries/cells/..//nearby");
}

#[tokio::test]
async fn bodies_in_base64_are_decoded() {
    let body = text(read(event!("function-url-base64")).unwrap()).await;
    assert!(body.contains("Weingut Müller"), "{body}");
    let broken = event!("function-url-base64").replace(r#""body": "eyJ"#, r#""body": "!!!"#);
    assert_eq!(read(&broken).unwrap_err().kind(), Kind::BodyInvalid);
}

#[test]
fn queries_are_the_bytes_that_were_sent() {
    let request = read(event!("function-url-queries")).unwrap();
    assert_eq!(request.uri().query(), Some("lat=0.5&lat=0.6&lon=0&category=wine+bar%26caf%C3%A9&&x"));
    assert_eq!(header(&request, "accept"), "application/geo+json,text/html");
    assert_eq!(header(&request, "cookie"), "a=1; Path=/; b=2");
}

#[test]
fn what_no_url_may_hold_is_a_problem_and_no_panic() {
    let with = |from: &str, to: &str| read(&event!("function-url-queries").replace(from, to));
    for bad in ["a=<", "a=\\u0000", "a b"] {
        let problem = with("lat=0.5&lat=0.6", bad).unwrap_err();
        assert_eq!(problem.kind(), Kind::QueryMalformed, "{bad}");
    }
    for host in ["a b", "[", "..", "user@host:port"] {
        assert!(with("abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws", host).is_ok(), "{host}");
    }
    for (path, seen) in [("", "/"), ("//", "//"), ("/%", "/%"), ("/%zz\\t", "/%zz%09"), ("/?#", "/%3F%23")] {
        let read =
            with(r#""rawPath": "/v1/collections/wineries/nearby""#, &format!(r#""rawPath": "{path}""#));
        match read {
            Ok(request) => assert_eq!(request.uri().path(), seen, "{path}"),
            Err(problem) => assert_eq!((path, problem.kind()), ("", Kind::QueryMalformed)),
        }
    }
    let unreadable = event!("http-api-v2").replace("gzip, br", "gzip\\nx-injected: yes");
    let event = Event::of(serde_json::from_str(&unreadable).unwrap());
    assert!(matches!(event, Ok(Event::BadHttp)), "{event:?}");
}

#[tokio::test]
async fn text_is_sent_as_it_is_and_what_is_coded_in_base64() {
    let json = ([("content-type", "application/geo+json")], r#"{"é":1}"#).into_response();
    let sent = reply(json).await.unwrap();
    assert_eq!((sent.status_code, sent.body.as_str(), sent.is_base64_encoded), (200, r#"{"é":1}"#, false));
    assert_eq!(sent.headers["content-type"], "application/geo+json");
    let coded = ([("content-encoding", "br")], vec![0x0b, 0x02, 0x80]).into_response();
    let sent = reply(coded).await.unwrap();
    assert_eq!((sent.body.as_str(), sent.is_base64_encoded), ("CwKA", true));
    let binary = reply(vec![0xff, 0xfe].into_response()).await.unwrap();
    assert_eq!((binary.body.as_str(), binary.is_base64_encoded), ("//4=", true));
    let none = reply(StatusCode::NOT_MODIFIED.into_response()).await.unwrap();
    assert_eq!((none.status_code, none.body.as_str(), none.is_base64_encoded), (304, "", false));
    let json = serde_json::to_value(&none).unwrap();
    assert_eq!((&json["statusCode"], &json["isBase64Encoded"]), (&304.into(), &false.into()));
    assert!(json.get("cookies").is_none());
}

#[tokio::test]
async fn headers_of_one_name_are_joined_and_cookies_are_not() {
    let mut response = "".into_response();
    for (name, value) in
        [("vary", "accept"), ("vary", "origin"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
    {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    let sent = reply(response).await.unwrap();
    assert_eq!(sent.headers["vary"], "accept, origin");
    assert_eq!(
        (sent.cookies, sent.headers.get("set-cookie")),
        (vec!["a=1".to_owned(), "b=2".to_owned()], None)
    );
}

#[tokio::test]
async fn an_answer_that_lambda_would_cut_off_is_a_problem() {
    let fits = "x".repeat(MAX_ANSWER_BYTES);
    assert!(reply(fits.clone().into_response()).await.is_ok());
    let problem = reply((fits + "x").into_response()).await.unwrap_err();
    assert_eq!((problem.kind(), problem.kind().status().as_u16()), (Kind::AnswerTooLarge, 422));
    let quotes = "\"".repeat(MAX_ANSWER_BYTES / 2 + 1);
    assert!(reply(quotes.into_response()).await.is_err(), "each takes two bytes in JSON");
    for text in ["plain", "a\"b\\c\n\u{1}é", ""] {
        assert_eq!(json_length(text), serde_json::to_string(text).unwrap().len() - 2, "{text:?}");
    }
}
