//! The imports that `cellar serve` takes. One server at a time takes those of a directory; others wait until it ends.

use std::sync::Arc;
use std::time::Duration;

use cellar_cache::clock::SystemClock;
use cellar_cli_kit::CliError;
use cellar_http::imports::Importer;
use cellar_imports::{Service, StartError, Workers};
use cellar_search::Search;
use cellar_store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::store_args::OpenStore;

/// How often a server tries to take the imports that another one has.
const TAKE_OVER_EVERY: Duration = Duration::from_secs(2);

/// Who takes imports, and whoever waits to do so.
pub(super) struct TakenImports {
    pub(super) importer: Importer,
    work: Option<JoinHandle<Option<Workers>>>,
    stop: watch::Sender<bool>,
}

impl TakenImports {
    /// Takes imports, if there is a directory for them: at once, or when the server that takes those of the directory ends.
    pub(super) async fn start(
        settings: Option<cellar_imports::Settings>,
        open: &OpenStore,
        search: &Search,
    ) -> Result<Self, CliError> {
        let (importer, (stop, stopped)) = (Importer::default(), watch::channel(false));
        let Some(settings) = settings else { return Ok(Self { importer, work: None, stop }) };
        // Connecting takes a large future, which this one need not carry to its end.
        let store: Arc<dyn Store> = Box::pin(open.for_jobs()).await?;
        let search = search.clone();
        let start = move || {
            Service::start(settings.clone(), Arc::clone(&store), search.clone(), Arc::new(SystemClock))
        };
        let workers = match start() {
            Ok((service, workers)) => {
                importer.set(Arc::new(service));
                Some(workers)
            }
            Err(StartError::Taken(directory)) => {
                let directory = directory.display();
                tracing::warn!(%directory, "another server takes the imports of this directory; this one will when that ends");
                None
            }
            Err(error) => {
                return Err(CliError::failure(error.to_string())
                    .hint("name another directory with CELLAR_IMPORT_DIR, or `off`"));
            }
        };
        let work = tokio::spawn(take_over(workers, importer.clone(), start, stopped));
        Ok(Self { importer, work: Some(work), stop })
    }

    /// Ends what is being carried out; the next process takes it up.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(true);
        if let Some(work) = self.work {
            drop(work.await);
        }
    }
}

/// Tries to take imports until it can, and then waits for the end.
async fn take_over(
    mut workers: Option<Workers>,
    importer: Importer,
    start: impl Fn() -> Result<(Service, Workers), StartError>,
    mut stopped: watch::Receiver<bool>,
) -> Option<Workers> {
    let mut told = None;
    while workers.is_none() && timeout(TAKE_OVER_EVERY, stopped.wait_for(|stop| *stop)).await.is_err() {
        match start() {
            Ok((service, threads)) => {
                importer.set(Arc::new(service));
                workers = Some(threads);
                tracing::info!("took over the imports of the directory");
            }
            Err(StartError::Taken(_)) => {}
            Err(error) => {
                let error = error.to_string();
                if told.as_ref() != Some(&error) {
                    tracing::warn!(error, "cannot take over the imports of the directory");
                }
                told = Some(error);
            }
        }
    }
    // An error is the sender's end, which is ours, too.
    let _ = stopped.wait_for(|stop| *stop).await;
    workers
}
