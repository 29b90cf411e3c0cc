//! A service over a store in memory and a directory that goes with it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::ManualClock;
use cellar_http::imports::{Imports as _, Job, JobState, Order, Refused, Rejects};
use cellar_imports::{Service, Settings, StartError, Workers};
use cellar_search::pages::StorePages;
use cellar_search::{Limits, Search};
use cellar_store::{CollectionInfo, Store as _};
use cellar_test_kit::collection;
use cellar_test_kit::memory::MemoryStore;
use futures::{FutureExt as _, StreamExt as _, stream};
use tempfile::TempDir;

/// Longest that anything here may take; a machine that is busy is no failure.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Bed {
    directory: TempDir,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) settings: Settings,
    running: Option<(Service, Workers)>,
}

impl Bed {
    /// With the collection `places`.
    pub(crate) async fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            chunk_records: 3,
            pause: Duration::ZERO,
            ..Settings::new(directory.path().join("imports"))
        };
        change(&mut settings);
        let store = Arc::new(MemoryStore::default());
        store.put_collection(&CollectionInfo { name: collection("places"), title: None }).await.unwrap();
        let mut bed = Self { directory, store, clock: Arc::default(), settings, running: None };
        bed.start();
        bed
    }

    pub(crate) fn try_start(&self) -> Result<(Service, Workers), StartError> {
        let search = Search::new(Arc::new(StorePages::new(self.store.clone())), Limits::default());
        Service::start(self.settings.clone(), self.store.clone(), search, self.clock.clone())
    }

    /// Starts a process, once the one before it is gone altogether.
    pub(crate) fn start(&mut self) {
        let end = Instant::now() + PATIENCE;
        self.running = loop {
            match self.try_start() {
                Ok(running) => break Some(running),
                Err(StartError::Taken(_)) if Instant::now() < end => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
    }

    /// Ends the process, as if it had been killed: nobody is told.
    pub(crate) fn kill(&mut self) {
        self.running = None;
    }

    pub(crate) fn service(&self) -> &Service {
        &self.running.as_ref().unwrap().0
    }

    /// Sends a body.
    pub(crate) async fn send(&self, body: &str) -> Result<Job, Refused> {
        self.order(body, None, &[]).await
    }

    pub(crate) async fn order(
        &self,
        body: &str,
        key: Option<&str>,
        options: &[(&'static str, &str)],
    ) -> Result<Job, Refused> {
        let parts: Vec<_> =
            body.as_bytes().chunks(7).map(|part| Ok(bytes::Bytes::copy_from_slice(part))).collect();
        self.service().submit(order(key, options), stream::iter(parts).boxed()).await
    }

    pub(crate) fn job(&self, id: &str) -> Option<Job> {
        self.service().get(&collection("places"), id).now_or_never().unwrap().unwrap()
    }

    /// The jobs, the newest first.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        self.service().list(&collection("places")).now_or_never().unwrap().unwrap()
    }

    /// Waits until a job is as it should be.
    pub(crate) async fn until(&self, id: &str, what: &str, is: impl Fn(&Job) -> bool) -> Job {
        let end = Instant::now() + PATIENCE;
        loop {
            let job = self.job(id).unwrap();
            if is(&job) {
                return job;
            }
            assert!(Instant::now() < end, "waited too long for {what}: {job:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn ended(&self, id: &str) -> Job {
        self.until(id, "the end", |job| job.state.is_end()).await
    }

    pub(crate) async fn done(&self, id: &str) -> Job {
        let job = self.ended(id).await;
        assert_eq!(job.state, JobState::Done, "{job:?}");
        job
    }

    /// The lines of what a job did not store.
    pub(crate) async fn rejects(&self, id: &str) -> Vec<serde_json::Value> {
        let Ok(Some(Rejects::List(list))) = self.service().rejects(&collection("places"), id).await else {
            panic!("the list is not here");
        };
        let parts: Vec<_> = list.lines.map(Result::unwrap).collect().await;
        let bytes = parts.concat();
        assert_eq!(bytes.len() as u64, list.length);
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Names of the files in the directory, its lock aside.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut waiting = vec![self.settings.directory.clone()];
        while let Some(directory) = waiting.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    files.push(path.file_name().unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        files.retain(|name| name != "lock");
        files.sort();
        files
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join("imports").join(below)
    }
}

pub(crate) fn order(key: Option<&str>, options: &[(&'static str, &str)]) -> Order {
    let options = options.iter().map(|&(name, value)| (name, value.to_owned())).collect();
    Order {
        collection: collection("places"),
        options,
        length: None,
        key: key.map(str::to_owned),
        announced: None,
    }
}

/// So many records, of which every fourth is rejected and every fifth repeats an id.
pub(crate) fn csv(rows: usize) -> String {
    let mut csv = String::from("id,lat,lon\n");
    for n in 0..rows {
        let id = if n % 5 == 4 { n - 1 } else { n };
        let lat = if n % 4 == 3 { "north" } else { "1" };
        writeln!(csv, "{id},{lat},2").unwrap();
    }
    csv
}
