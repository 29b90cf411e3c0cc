//! What the function does about an event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse as _, Response};
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
use super::{Budget, Refusal, Target, WarmOrder};
use crate::hot::{self, FLUSH_EVERY};
use crate::jobs::warm::{Report, Warm, warm};
use crate::middleware::deadline::AnswerBy;
use crate::middleware::request_id;
use crate::pages::StorePages;
use crate::problem::{self, Problem};
use crate::state::{AppState, bounded};
use crate::tiers::{CacheSink, Tiers, flush_now};

/// How long what goes on beside answers may hold up the next event.
const REST_LIMIT: Duration = Duration::from_secs(2);

/// What the answers of an event are.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To a request.
    Http(HttpReply),
    /// To a batch of the stream.
    Batch(BatchReport),
    /// To whoever gave an instruction.
    Json(Value),
}

/// How the connections of the function are.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Opened {
    /// `ok` or `failing`.
    pub(super) dynamodb: &'static str,
    /// `ok`, `failing` or `off`.
    pub(super) redis: &'static str,
}

/// What the warmer is told.
#[derive(Serialize)]
struct Warmth<'a> {
    /// Whether this was the first event of the environment.
    cold: bool,
    instance: &'a str,
    region: &'a str,
    version: &'static str,
    #[serde(flatten)]
    opened: Opened,
}

/// What a warm-up did.
#[derive(Serialize)]
struct WarmUp<'a> {
    /// Whether everything was visited, and nothing failed or differed.
    complete: bool,
    instance: &'a str,
    #[serde(flatten)]
    report: Report,
}

/// The function: one environment, one event at a time.
pub struct Function {
    state: AppState,
    router: Router,
    tiers: Tiers,
    sink: Arc<CacheSink>,
    margin: Duration,
    metrics: bool,
    flushed: Mutex<Instant>,
}

impl Function {
    pub(super) fn new(state: AppState, tiers: Tiers, margin: Duration, metrics: bool) -> Self {
        Self {
            router: crate::router::router(state.clone()),
            sink: tiers.sink(),
            state,
            tiers,
            margin,
            metrics,
            flushed: Mutex::new(Instant::now()),
        }
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
        self.tell(&problem);
        plain(self.completed(&problem, &method, id.to_str().unwrap_or_default())).await
    }

    /// Answers a request that never gets to the router.
    async fn refuse(&self, problem: Problem, context: &Context) -> HttpReply {
        self.tell(&problem);
        plain(self.completed(&problem, &Method::GET, &context.request_id)).await
    }

    fn tell(&self, problem: &Problem) {
        let (kind, cause) = (problem.kind().slug(), problem.internal_text());
        let status = problem.kind().status().as_u16();
        tracing::warn!(status, problem = kind, cause, "answered without the router");
    }

    fn completed(&self, problem: &Problem, method: &Method, id: &str) -> Response {
        let cold = self.state.instance.use_now();
        let mut response = problem::complete(problem.clone().into_response(), method, id);
        let headers: HeaderMap = self.state.instance.headers(cold).into_iter().collect();
        response.headers_mut().extend(headers);
        if let Ok(id) = id.parse() {
            response.headers_mut().insert(request_id::HEADER, id);
        }
        response
    }

    async fn warmer(&self, budget: Budget) -> Warmth<'_> {
        let cold = self.state.instance.use_now();
        let opened = self.open(1, budget.at_most(REST_LIMIT)).await;
        Warmth {
            cold,
            instance: &self.state.instance.id,
            region: &self.state.config.region,
            version: env!("CARGO_PKG_VERSION"),
            opened,
        }
    }

    /// Opens connections, or finds them open: `connections` to DynamoDB, and Redis, all at a time. What the first
    /// requests need to know is asked for on the way: which collections there are, and what Redis must not be trusted
    /// with.
    pub(super) async fn open(&self, connections: u8, limit: Duration) -> Opened {
        let deadline = Instant::now() + limit;
        let pings = (1..connections).map(|_| bounded(deadline, self.state.store.ping()));
        let collections = bounded(deadline, self.state.store.collections());
        let redis = async {
            match self.tiers.board {
                None => "off",
                Some(_) => match tokio::time::timeout_at(deadline.into(), self.sink.learn_now()).await {
                    Ok(Ok(())) => "ok",
                    _ => "failing",
                },
            }
        };
        let (collections, _, redis) = tokio::join!(collections, futures::future::join_all(pings), redis);
        let dynamodb = match collections {
            Ok(collections) => {
                collections.into_iter().for_each(|found| self.state.collections.remember(found.name));
                "ok"
            }
            Err(error) => {
                tracing::warn!(%error, "DynamoDB does not answer");
                "failing"
            }
        };
        Opened { dynamodb, redis }
    }

    async fn warm(&self, order: WarmOrder, budget: Budget) -> Result<WarmUp<'_>, Refusal> {
        self.state.instance.use_now();
        let area = match order.target {
            Target::Area(area) => area,
            Target::Hottest { count, hours } => self.hottest(&order.collection, count, hours, budget).await?,
        };
        let known = self.state.collections.exists(&*self.state.store, &order.collection, budget.by).await;
        if !known.map_err(|error| Refusal::new(format!("the table cannot be read: {error}")))? {
            return Err(Refusal::new(format!("there is no collection `{}`", order.collection)));
        }
        let job = Warm {
            collection: order.collection,
            area,
            margin: order.margin,
            concurrency: order.concurrency,
            max_pages: order.max_pages,
            verify: order.verify,
            until: Some(budget.by.checked_sub(self.margin).unwrap_or(budget.by)),
        };
        let fresh = StorePages::new(Arc::clone(&self.state.store));
        let report = warm(&job, &self.tiers.pages, &fresh, |_, _| {}).await;
        tracing::info!(
            pages = report.pages,
            left_out = report.left_out,
            failures = report.failures,
            "warmed"
        );
        Ok(WarmUp { complete: report.is_good(), instance: &self.state.instance.id, report })
    }

    async fn hottest(
        &self,
        collection: &geo_index::Collection,
        count: usize,
        hours: u64,
        budget: Budget,
    ) -> Result<geo_index::Area, Refusal> {
        use cellar_cache::clock::{Clock as _, SystemClock};
        let board = self.tiers.board.as_deref();
        let board =
            board.ok_or_else(|| Refusal::new("`top` needs CELLAR_REDIS_URL: hot cells are counted there"))?;
        let cells = hot::top(board, collection, SystemClock.unix_ms(), hours, count);
        let cells = match tokio::time::timeout_at(budget.by.into(), cells).await {
            Ok(Ok(cells)) => cells,
            Ok(Err(error)) => return Err(Refusal::new(format!("the hot cells cannot be read: {error}"))),
            Err(_) => return Err(Refusal::new("the hot cells cannot be read in time")),
        };
        Ok(cells.into_iter().map(|(cell, _)| geo_index::Cell::H3(cell)).collect())
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
            super::emf::write(&self.state);
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

fn json(value: &impl Serialize) -> Result<Reply, Refusal> {
    serde_json::to_value(value).map(Reply::Json).map_err(|error| Refusal::new(error.to_string()))
}

/// The reply of a problem, which is small and text.
async fn plain(response: Response) -> HttpReply {
    let status_code = response.status().as_u16();
    http::reply(response).await.unwrap_or_else(|_| HttpReply::empty(status_code))
}
