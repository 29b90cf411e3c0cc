//! What an event is: told by its form, never by a path, so that nobody outside can pretend to be the scheduler.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Refusal;
use super::instruction::{Instruction, WarmOrder};
use super::stream::Record;

/// What the function does.
#[derive(Debug)]
pub enum Event {
    /// Answers a request.
    Http(Box<ApiGatewayV2httpRequest>),
    /// Refuses a request that it cannot read: a header that is none, say.
    BadHttp,
    /// Opens its connections.
    Warmer,
    /// Goes on with deletions of collections.
    Delete,
    /// Makes density maps.
    EdgeMap,
    /// Fills the caches of an area.
    Warm(Box<WarmOrder>),
    /// Forgets what has changed.
    Stream(Vec<Record>),
}

/// What every event that is no request is asked for.
const EXPECTED: &str = "expected an event of an HTTP API or a function URL (payload format 2.0), a batch of a \
    DynamoDB stream, or {\"instruction\": \"warmer\"}, {\"instruction\": \"delete\"}, {\"instruction\": \"edge-map\"} or {\"instruction\": \"warm\", ...}, by \
    itself or as the `detail` of an EventBridge event";

/// The members that tell events apart. Payloads are read when it is known what they are.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    instruction: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<Vec<&'a RawValue>>,
    #[serde(rename = "requestContext")]
    context: Option<Value>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "eventSource")]
    source: Option<String>,
}

impl Event {
    /// Tells what an event is.
    pub fn of(request: LambdaRequest) -> Result<Self, Refusal> {
        match request {
            LambdaRequest::ApiGatewayV2(event) => Ok(Self::Http(Box::new(event))),
            LambdaRequest::PassThrough(text) => Self::passed_through(&text),
            _ => Err(Refusal::new(EXPECTED)),
        }
    }

    fn passed_through(text: &str) -> Result<Self, Refusal> {
        let Ok(outline) = serde_json::from_str::<Outline<'_>>(text) else {
            return Err(Refusal::new(EXPECTED));
        };
        if outline.context.is_some_and(|context| context.get("http").is_some()) {
            return Ok(Self::BadHttp);
        }
        if let Some(records) = outline.records {
            return stream(&records);
        }
        if outline.instruction.is_some() {
            return instruction(text);
        }
        match outline.detail.map(|detail| detail_text(detail.get())) {
            Some(Some(detail)) => instruction(&detail),
            _ => Err(Refusal::new(EXPECTED)),
        }
    }
}

/// The `detail` of an envelope: an object, or, as `EventBridge` Scheduler has it, the text of one.
fn detail_text(raw: &str) -> Option<String> {
    let text = serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned());
    let named: Outline<'_> = serde_json::from_str(&text).ok()?;
    named.instruction.is_some().then(|| text.clone())
}

fn instruction(text: &str) -> Result<Event, Refusal> {
    match Instruction::parse(text)? {
        Instruction::Warmer => Ok(Event::Warmer),
        Instruction::Delete => Ok(Event::Delete),
        Instruction::EdgeMap => Ok(Event::EdgeMap),
        Instruction::Warm(order) => Ok(Event::Warm(order)),
    }
}

/// Every record has to be one of a DynamoDB stream: a batch of another kind is a wiring mistake.
fn stream(records: &[&RawValue]) -> Result<Event, Refusal> {
    let foreign = records.iter().find_map(|record| {
        let source = serde_json::from_str::<Source>(record.get()).ok()?.source;
        (source.as_deref() != Some("aws:dynamodb")).then_some(source)
    });
    if let Some(source) = foreign {
        let source = source.unwrap_or_else(|| "no source".to_owned());
        return Err(Refusal::new(format!("a batch of records from {source}: {EXPECTED}")));
    }
    Ok(Event::Stream(records.iter().map(|record| Record::parse(record.get())).collect()))
}

#[cfg(test)]
mod tests;
