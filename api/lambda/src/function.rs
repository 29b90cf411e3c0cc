//! What the function does about an event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse as _, Response};
use cellar_http::emf;
use cellar_http::middleware::deadline::AnswerBy;
use cellar_http::middleware::request_id;
use cellar_http::problem::{self, Problem};
use cellar_http::state::AppState;
use cellar_search::edge_map::refresh;
use cellar_search::hot::FLUSH_EVERY;
use cellar_search::tiers::{CacheSink, Tiers, flush_now};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use super::event::Event;
use super::http::{self, HttpReply};
use super::stream::{self, BatchReport, Record};
use super::{Budget, Refusal};

/// How long what goes on beside answers may hold up the next event.
pub(super) const REST_LIMIT: Duration = Duration::from_secs(2);

/// What the answers of an event are.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To a request.
    Http(HttpReply),
    /// To a batch of the stream.
    Batch(BatchReport),
    /// To the sender of an instruction.
    Json(Value),
}

/// The function: one environment, one event at a time.
pub struct Function {
    pub(super) state: AppState,
    router: Router,
    pub(super) tiers: Tiers,
    pub(super) sink: Arc<CacheSink>,
    pub(super) margin: Duration,
    metrics: bool,
    pub(super) maps: refresh::Settings,
    flushed: Mutex<Instant>,
}

impl Function {
    /// A function over what is given: answers are on their way `margin` before the deadline, and `metrics` tells
    /// whether they are written to standard output.
    pub fn new(state: AppState, tiers: Tiers, margin: Duration, metrics: bool) -> Self {
        Self {
            router: cellar_http::router::router(state.clone()),
            sink: tiers.sink(),
            state,
            tiers,
            margin,
            metrics,
            maps: refresh::Settings::default(),
            flushed: Mutex::new(Instant::now()),
        }
    }

    /// The same with other settings for density maps.
    #[must_use]
    pub fn with_maps(self, maps: refresh::Settings) -> Self {
        Self { maps, ..self }
    }

    /// What the handlers share.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Does what an event asks for.
    pub async fn handle(&self, event: LambdaEvent<LambdaRequest>) -> Result<Reply, Refusal> {
        let LambdaEvent { payload, context } = event;
        let budget = Budget::new(context.deadline, self.margin);
        let span = tracing::info_span!("invocation", aws_request_id = %context.request_id);
        self.carry_out(Event::of(payload), &context, budget).instrument(span).await
    }

    async fn carry_out(
        &self,
        event: Result<Event, Refusal>,
        context: &Context,
        budget: Budget,
    ) -> Result<Reply, Refusal> {
        match event {
            Ok(Event::Http(event)) => Ok(Reply::Http(self.request(*event, context, budget).await)),
            Ok(Event::BadHttp) => Ok(Reply::Http(self.refuse(http::unreadable(), context).await)),
            Ok(Event::Warmer) => json(&self.warmer(budget).await),
            Ok(Event::Delete) => json(&self.delete(budget).await?),
            Ok(Event::EdgeMap) => json(&self.edge_maps(budget).await?),
            Ok(Event::Warm(order)) => json(&self.warm(*order, budget).await?),
            Ok(Event::Stream(records)) => Ok(Reply::Batch(self.batch(&records, budget).await)),
            Err(refusal) => {
                self.state.instance.use_now();
                tracing::warn!(reason = refusal.0, "an event was refused");
                Err(refusal)
            }
        }
    }

    async fn request(&self, event: ApiGatewayV2httpRequest, context: &Context, budget: Budget) -> HttpReply {
        let mut request = match http::request(event, context) {
            Ok(request) => request,
            Err(problem) => return self.refuse(problem, context).await,
        };
        let cold = self.state.instance.is_unused();
        request.extensions_mut().insert(AnswerBy(budget.by));
        let (method, id) = (request.method().clone(), request_id::of(request.headers()));
        let answered = async {
            let Ok(response) = self.router.clone().oneshot(request).await;
            http::reply(response).await
        };
        let problem = match tokio::time::timeout_at(budget.by.into(), answered).await {
            Ok(Ok(reply)) => return reply,
            Ok(Err(problem)) => problem,
            Err(_) => Problem::out_of_time().internal("the invocation ended before the answer was ready"),
        };
        tell(&problem);
        plain(self.completed(&problem, &method, id.to_str().unwrap_or_default(), cold)).await
    }

    /// Answers a request that never gets to the router.
    async fn refuse(&self, problem: Problem, context: &Context) -> HttpReply {
        tell(&problem);
        let cold = self.state.instance.use_now();
        plain(self.completed(&problem, &Method::GET, &context.request_id, cold)).await
    }

    fn completed(&self, problem: &Problem, method: &Method, id: &str, cold: bool) -> Response {
        let mut response = problem::complete(problem.clone().into_response(), method, id);
        let headers: HeaderMap = self.state.instance.headers(cold).into_iter().collect();
        response.headers_mut().extend(headers);
        if let Ok(id) = id.parse() {
            response.headers_mut().insert(request_id::HEADER, id);
        }
        response
    }

    async fn batch(&self, records: &[Record], budget: Budget) -> BatchReport {
        self.state.instance.use_now();
        let done = async {
            let report = stream::hand_over(records, &*self.sink).await;
            self.sink.drain().await;
            report
        };
        let report = tokio::time::timeout_at(budget.by.into(), done).await;
        let report = report.unwrap_or_else(|_| {
            tracing::error!(records = records.len(), "a batch was not handed over in time");
            BatchReport::all(records)
        });
        tracing::info!(records = records.len(), failed = report.batch_item_failures.len(), "batch");
        report
    }

    /// Ends what goes on beside answers, once the answer is out: afterwards the process stands still until there is
    /// another event. What is not done by then goes on with it.
    pub async fn rest(&self, deadline_unix_ms: u64) {
        let budget = Budget::new(deadline_unix_ms, self.margin);
        let rest = async {
            self.sink.drain().await;
            self.flush_hot_cells().await;
        };
        if tokio::time::timeout(budget.at_most(REST_LIMIT), rest).await.is_err() {
            tracing::info!("not all was stored before the process stands still");
        }
        if self.metrics {
            emf::write(&self.state);
        }
    }

    async fn flush_hot_cells(&self) {
        let mut flushed = self.flushed.lock().await;
        if flushed.elapsed() >= FLUSH_EVERY {
            *flushed = Instant::now();
            flush_now(&self.tiers).await;
        }
    }
}

fn tell(problem: &Problem) {
    let (kind, cause) = (problem.kind().slug(), problem.internal_text());
    let status = problem.kind().status().as_u16();
    tracing::warn!(status, problem = kind, cause, "answered without the router");
}

fn json(value: &impl Serialize) -> Result<Reply, Refusal> {
    serde_json::to_value(value).map(Reply::Json).map_err(|error| Refusal::new(error.to_string()))
}

/// The reply of a problem, which is small and text.
async fn plain(response: Response) -> HttpReply {
    let status_code = response.status().as_u16();
    http::reply(response).await.unwrap_or_else(|_| HttpReply::empty(status_code))
}
