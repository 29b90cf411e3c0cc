//! The API's side and the worker, over one table, one bucket and one queue.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use cellar_cache::clock::ManualClock;
use cellar_http::config::UploadConfig;
use cellar_http::imports::{Announced, Imports as _, Job, JobState, Order, Refused, Rejects};
use cellar_importer::time::Time;
use cellar_importer::{Settings, Worker};
use cellar_model::place::Place;
use cellar_store::{CollectionInfo, Store};
use cellar_test_kit::{TestStore, collection, fresh_store};
use cellar_uploads::client::{Objects, Queue, http};
use cellar_uploads::{Bucket, Uploads, WorkerConfig};
use futures::{StreamExt as _, stream};
use reqwest::{Client, Response};
use tempfile::TempDir;

use crate::aws::{Aws, BUCKET, KEY, RECEIVES, REGION};

/// Time enough for all that a test does.
pub(crate) const LONG: Duration = Duration::from_mins(10);

pub(crate) struct Bed {
    pub(crate) aws: Aws,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    _table: TestStore,
    pub(crate) uploads: Uploads,
    pub(crate) worker: Arc<Worker>,
    directory: TempDir,
}

impl Bed {
    pub(crate) async fn new(change: impl FnOnce(&mut Settings, &mut UploadConfig)) -> Self {
        let clock = Arc::new(ManualClock::default());
        let aws = Aws::start(Arc::clone(&clock)).await;
        let table = fresh_store().await;
        let store: Arc<dyn Store> = Arc::new((*table).clone());
        let info = CollectionInfo { name: collection("places"), title: None };
        store.put_collection(&info).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (mut settings, mut config) = (settings(&aws, &directory), config(&aws));
        change(&mut settings, &mut config);
        let time = clock.clone() as Arc<dyn cellar_cache::clock::Clock>;
        let uploads =
            Uploads::new(config, Arc::clone(&store), REGION.into(), credentials(), Arc::clone(&time))
                .unwrap();
        let client = http().unwrap();
        let bucket = Bucket::new(BUCKET, REGION, Some(&aws.url), credentials()).unwrap();
        let queue = Queue::new("q", REGION, Some(&aws.url), credentials(), client.clone());
        let worker = Worker::new(settings, Arc::clone(&store), Objects::new(bucket, client), queue, time);
        Self { aws, clock, store, _table: table, uploads, worker: Arc::new(worker), directory }
    }

    pub(crate) async fn order(
        &self,
        bytes: usize,
        key: Option<&str>,
        options: &[(&'static str, &str)],
    ) -> Result<Job, Refused> {
        let announced = Some(Announced { bytes: bytes as u64, sha256: None });
        self.uploads.submit(order(announced, key, options), stream::empty().boxed()).await
    }

    /// Orders an import and sends its file.
    pub(crate) async fn send(&self, file: &str) -> Job {
        self.send_with(file, &[]).await
    }

    pub(crate) async fn send_with(&self, file: &str, options: &[(&'static str, &str)]) -> Job {
        let job = self.order(file.len(), None, options).await.unwrap();
        let answer = put(&job, file).await;
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        job
    }

    pub(crate) async fn job(&self, id: &str) -> Job {
        self.uploads.get(&collection("places"), id).await.unwrap().unwrap()
    }

    /// Receives a message and carries it out; whether there was one.
    pub(crate) async fn invoke(&self, time: Time) -> bool {
        let Some(batch) = self.aws.receive() else { return false };
        let report = self.worker.handle_within(&batch, time).await;
        if report.batch_item_failures.is_empty() {
            self.aws.acknowledge(&batch);
        }
        true
    }

    /// Invokes as long as there are messages, over all their pauses; how often.
    pub(crate) async fn drain(&self, mut time: impl FnMut() -> Time) -> u32 {
        let mut invocations = 0;
        while let Some(wait) = self.aws.until_next() {
            self.clock.advance(wait);
            invocations += u32::from(self.invoke(time()).await);
            assert!(invocations < 1_000, "there is no end");
        }
        invocations
    }

    /// What an environment of Lambda leaves behind when it dies.
    pub(crate) fn lose_disk(&self) {
        for entry in fs::read_dir(self.directory.path()).unwrap().flatten() {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }

    pub(crate) fn files(&self) -> usize {
        fs::read_dir(self.directory.path()).unwrap().count()
    }

    pub(crate) async fn places(&self) -> Vec<Place> {
        let (mut places, mut from) = (Vec::new(), None);
        loop {
            let part = self.store.scan(&collection("places"), from).await.unwrap();
            places.extend(part.places);
            from = part.next;
            if from.is_none() {
                places.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
                return places;
            }
        }
    }

    /// Keys of the checkpoints in the table.
    pub(crate) async fn checkpoints(&self) -> Vec<String> {
        let part = self.store.maintenance().sweep(&collection("places"), None).await.unwrap();
        assert!(part.next.is_none(), "a test has few items");
        let is_one = |key: &String| key.starts_with("#import#") && !key.contains("#/");
        part.keys.into_iter().filter(is_one).collect()
    }

    /// The lines of what a job did not store, as a client gets them.
    pub(crate) async fn rejects(&self, id: &str) -> Vec<serde_json::Value> {
        match self.uploads.rejects(&collection("places"), id).await.unwrap().unwrap() {
            Rejects::List(list) => {
                assert_eq!(list.length, 0);
                Vec::new()
            }
            Rejects::At(url) => {
                let answer = Client::new().get(url).send().await.unwrap();
                assert_eq!(answer.status(), 200);
                let text = answer.text().await.unwrap();
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
            }
        }
    }

    pub(crate) async fn done(&self, id: &str) -> Job {
        let job = self.job(id).await;
        assert_eq!(job.state, JobState::Done, "{job:?}");
        job
    }
}

/// Sends the file of a job, as its client is told to.
pub(crate) async fn put(job: &Job, file: &str) -> Response {
    let upload = job.upload.as_ref().expect("the file is awaited");
    let mut request = Client::new().put(&upload.url).body(file.to_owned());
    for (name, value) in &upload.headers {
        request = request.header(*name, value);
    }
    request.send().await.unwrap()
}

pub(crate) fn order(
    announced: Option<Announced>,
    key: Option<&str>,
    options: &[(&'static str, &str)],
) -> Order {
    let options = options.iter().map(|&(name, value)| (name, value.to_owned())).collect();
    Order { collection: collection("places"), options, length: None, key: key.map(str::to_owned), announced }
}

/// An invocation that has time for everything.
pub(crate) fn whole() -> Time {
    Time::until(Instant::now() + LONG)
}

/// One that hands on after a chunk.
pub(crate) fn one_chunk() -> Time {
    Time { soft: Instant::now(), ..whole() }
}

pub(crate) fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new(KEY.0, KEY.1, None, None, "test"))
}

fn settings(aws: &Aws, directory: &TempDir) -> Settings {
    let env = std::collections::HashMap::from([
        ("AWS_REGION", REGION),
        ("CELLAR_TABLE", "unused"),
        ("CELLAR_IMPORT_BUCKET", BUCKET),
        ("CELLAR_IMPORT_QUEUE_URL", "q"),
        ("AWS_ENDPOINT_URL", aws.url.as_str()),
    ]);
    let config = WorkerConfig::from_env(&env).unwrap();
    assert_eq!(config.receives, RECEIVES);
    Settings {
        config: WorkerConfig { directory: directory.path().to_owned(), ..config },
        chunk_records: 10,
        tell_every: Duration::ZERO,
        list_every: Duration::ZERO,
    }
}

fn config(aws: &Aws) -> UploadConfig {
    UploadConfig {
        bucket: BUCKET.into(),
        endpoint_url: Some(aws.url.clone()),
        max_bytes: 1 << 20,
        waiting: 8,
        upload_within: Duration::from_mins(15),
        keep: Duration::from_hours(24),
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
