//! A store whose reads are counted, and can be held up or made to fail.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use cellar_api::place::Place;
use cellar_api::store::{
    CollectionInfo, Previous, RangeRead, RangeRows, ScanPart, ScanPosition, Store, StoreError,
};
use geo_index::{Collection, PlaceId};
use tokio::sync::watch;

/// A store, watched.
pub(crate) struct Watched {
    inner: Arc<dyn Store>,
    /// Queries that DynamoDB answered for reads of the index.
    queries: AtomicU32,
    open: watch::Sender<bool>,
    fault: Mutex<Option<StoreError>>,
}

impl Watched {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            queries: AtomicU32::new(0),
            open: watch::Sender::new(true),
            fault: Mutex::new(None),
        })
    }

    pub(crate) fn queries(&self) -> u32 {
        self.queries.load(Ordering::SeqCst)
    }

    /// Holds up reads of the index, or lets them go.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// Makes every read and write fail.
    pub(crate) fn set_fault(&self, fault: Option<StoreError>) {
        *self.fault.lock().unwrap() = fault;
    }

    fn works(&self) -> Result<&dyn Store, StoreError> {
        self.fault.lock().unwrap().clone().map_or(Ok(&*self.inner), Err)
    }
}

#[async_trait]
impl Store for Watched {
    async fn read_range(&self, read: &RangeRead, deadline: Instant) -> Result<RangeRows, StoreError> {
        self.open.subscribe().wait_for(|open| *open).await.expect("the sender is ours");
        let rows = self.works()?.read_range(read, deadline).await?;
        self.queries.fetch_add(rows.cost.queries, Ordering::SeqCst);
        Ok(rows)
    }

    async fn get(&self, collection: &Collection, id: &PlaceId) -> Result<Option<Place>, StoreError> {
        self.works()?.get(collection, id).await
    }

    async fn put(&self, collection: &Collection, place: &Place) -> Result<Previous, StoreError> {
        self.works()?.put(collection, place).await
    }

    async fn put_each(&self, collection: &Collection, places: &[Place]) -> Result<Vec<Previous>, StoreError> {
        self.works()?.put_each(collection, places).await
    }

    async fn delete(&self, collection: &Collection, id: &PlaceId) -> Result<Previous, StoreError> {
        self.works()?.delete(collection, id).await
    }

    async fn put_many(&self, collection: &Collection, places: &[Place]) -> Result<(), StoreError> {
        self.works()?.put_many(collection, places).await
    }

    async fn scan(&self, of: &Collection, from: Option<ScanPosition>) -> Result<ScanPart, StoreError> {
        self.works()?.scan(of, from).await
    }

    async fn collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        self.works()?.collections().await
    }

    async fn collection(&self, name: &Collection) -> Result<Option<CollectionInfo>, StoreError> {
        self.works()?.collection(name).await
    }

    async fn put_collection(&self, info: &CollectionInfo) -> Result<bool, StoreError> {
        self.works()?.put_collection(info).await
    }

    async fn note(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.works()?.note(key).await
    }

    async fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError> {
        self.works()?.put_note(key, text).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.works()?.ping().await
    }
}
