//! The process: reads its environment, and answers events until it is ended.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_config::BehaviorVersion;
use cellar_cache::clock::SystemClock;
use cellar_config::ProcessEnv;
use cellar_store::StoreConfig;
use cellar_store::config::connect_with;
use cellar_uploads::client::{Objects, Queue, http};
use cellar_uploads::{Bucket, WorkerConfig};
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::event::Batch;
use crate::settings::Settings;
use crate::worker::Worker;

/// What Lambda sets, and its runtime cannot do without.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Runs the function until it is ended. Files are read on a thread of their own.
pub fn run() -> ExitCode {
    if std::env::var_os(RUNTIME_API).is_none() {
        eprintln!(
            "importer: {RUNTIME_API} is not set; this program runs in AWS Lambda, elsewhere `cellar serve` imports files"
        );
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(serve()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("importer: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), String> {
    let config = WorkerConfig::from_env(&ProcessEnv).map_err(|error| error.to_string())?;
    let settings = Settings::new(config);
    log(&settings.log)?;
    let worker = Arc::new(worker(settings).await?);
    let service = service_fn(move |event: LambdaEvent<Batch>| {
        let worker = Arc::clone(&worker);
        async move {
            let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(event.context.deadline);
            let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
            Ok::<_, lambda_runtime::Error>(worker.handle(&event.payload, Instant::now() + left).await)
        }
    });
    lambda_runtime::run(service).await.map_err(|error| error.to_string())
}

/// A worker over what the environment names. No request is sent.
async fn worker(settings: Settings) -> Result<Worker, String> {
    let sdk = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let config = StoreConfig {
        endpoint_url: settings.endpoint_url.clone(),
        ..StoreConfig::new(&settings.table).patient()
    };
    let store = Arc::new(connect_with(&config, &sdk).map_err(|error| error.to_string())?);
    let credentials = sdk.credentials_provider().ok_or("there are no AWS credentials")?;
    let (client, region) = (http()?, settings.region.clone());
    let bucket = Bucket::new(&settings.bucket, &region, settings.s3_endpoint.as_deref(), credentials.clone())
        .map_err(|problem| format!("CELLAR_IMPORT_BUCKET: {problem}"))?;
    let objects = Objects::new(bucket, client.clone());
    let sqs = settings.sqs_endpoint.as_deref();
    let queue = Queue::new(&settings.queue_url, &region, sqs, credentials, client);
    Ok(Worker::new(settings, store, objects, queue, Arc::new(SystemClock)))
}

/// Lines of JSON.
fn log(levels: &str) -> Result<(), String> {
    let levels: Targets = levels
        .parse()
        .map_err(|_| format!("RUST_LOG is {levels:?}; allowed: error, warn, info, debug or trace, or <target>=<level> with commas"))?;
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    tracing_subscriber::registry().with(lines).with(levels).init();
    Ok(())
}
