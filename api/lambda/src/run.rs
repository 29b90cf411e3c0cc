//! The process: reads its environment, starts, and answers events until it is ended.

use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use cellar_config::{ConfigError, Env, ProcessEnv};
use cellar_http::config::LambdaConfig;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use lambda_http::lambda_runtime::{LambdaInvocation, Runtime};
use lambda_http::request::LambdaRequest;
use lambda_http::{Error, LambdaEvent, Service, service_fn};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{PooledClient, build_request};
use serde_json::json;
use tower::layer::layer_fn;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::function::Function;
use super::start::start;

/// What Lambda sets, and its runtime cannot do without.
const RUNTIME_VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// Runs the function until it is ended, on one thread: an environment has one event at a time, and less than two
/// processors unless it has more than 1,769 MB (docs/adr/0012).
pub fn run() -> ExitCode {
    if let Some(variable) = RUNTIME_VARIABLES.into_iter().find(|name| ProcessEnv.var(name).is_none()) {
        eprintln!(
            "bootstrap: {variable} is not set; this program runs in AWS Lambda, elsewhere `cellar serve` does"
        );
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bootstrap: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bootstrap: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Error> {
    let function = match init().await {
        Ok(function) => Arc::new(function),
        Err(problem) => {
            if let Err(error) = report(&problem).await {
                eprintln!("bootstrap: Lambda cannot be told why it does not start: {error}");
            }
            return Err(problem.into());
        }
    };
    let handler = Arc::clone(&function);
    let service = service_fn(move |event: LambdaEvent<LambdaRequest>| {
        let function = Arc::clone(&handler);
        async move { function.handle(event).await }
    });
    let rests = layer_fn(move |inner| Rests { inner, function: Arc::clone(&function) });
    Runtime::new(service).layer(rests).run().await
}

async fn init() -> Result<Function, String> {
    let config = LambdaConfig::from_env(&ProcessEnv).map_err(|error| error.to_string())?;
    log(&config.log).map_err(|error| error.to_string())?;
    start(config).await.map_err(|error| error.to_string())
}

/// Lines of JSON, with the spans that they are in: the invocation's id and the request's.
fn log(levels: &str) -> Result<(), ConfigError> {
    let levels: Targets = levels.parse().map_err(|_| ConfigError {
        variable: "RUST_LOG",
        problem: format!("is {levels:?}"),
        allowed: "error, warn, info, debug or trace, or <target>=<level> with commas".to_owned(),
    })?;
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    tracing_subscriber::registry().with(lines).with(levels).init();
    Ok(())
}

/// Tells Lambda that the function cannot start, and why.
async fn report(problem: &str) -> Result<(), Error> {
    let body = json!({ "errorType": "Cellar.StartFailed", "errorMessage": problem, "stackTrace": [] });
    let request = build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", "Cellar.StartFailed")
        .body(Body::from(body.to_string()))?;
    PooledClient::builder().build().call(request).await?;
    Ok(())
}

/// Around the runtime's own service, which returns when the answer is out: what goes on beside answers is ended before
/// the next event is asked for, and nobody waits for it.
struct Rests<S> {
    inner: S,
    function: Arc<Function>,
}

impl<S> Service<LambdaInvocation> for Rests<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = Error;
    type Future = BoxFuture<'static, Result<(), Error>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let function = Arc::clone(&self.function);
        let deadline_unix_ms = invocation.context.deadline;
        let answered = self.inner.call(invocation);
        async move {
            let answered = answered.await;
            function.rest(deadline_unix_ms).await;
            answered
        }
        .boxed()
    }
}
