//! A store whose reads are counted, and can be held up, made to fail or left behind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use cellar_model::condition::Conditions;
use cellar_model::place::Place;
use cellar_model::{Category, Collection, PlaceId};
use cellar_store::{
    CategoryIndex, CollectionInfo, Maintenance, Previous, RangeRead, RangeRows, RootsRead, ScanPart,
    ScanPosition, Store, StoreError, Written,
};
use geo_index::H3Cell;
use tokio::sync::watch;

use super::bed::PATIENCE;

/// A store, watched.
pub(crate) struct Watched {
    inner: Arc<dyn Store>,
    /// Queries that DynamoDB answered for reads of the index.
    queries: AtomicU32,
    open: watch::Sender<bool>,
    /// Reads below these roots are held up, but for the root that is read first.
    held: watch::Sender<Vec<H3Cell>>,
    first: Mutex<Option<H3Cell>>,
    /// Whether that one has been read, and whether another one is held up.
    passed: watch::Sender<(bool, bool)>,
    /// Answers to writes are held up, after the writes have taken effect.
    answering: watch::Sender<bool>,
    /// Writes that have taken effect.
    written: watch::Sender<u32>,
    /// What reads below these roots return, whatever is written.
    behind: Mutex<HashMap<H3Cell, RangeRows>>,
    fault: Mutex<Option<StoreError>>,
}

impl Watched {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            queries: AtomicU32::new(0),
            open: watch::Sender::new(true),
            held: watch::Sender::new(Vec::new()),
            first: Mutex::new(None),
            passed: watch::Sender::new((false, false)),
            answering: watch::Sender::new(true),
            written: watch::Sender::new(0),
            behind: Mutex::default(),
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

    /// Of these roots, lets that one be read which is asked for first, and holds up reads of the others.
    pub(crate) fn hold_all_but_first(&self, roots: &[H3Cell]) {
        *self.first.lock().unwrap() = None;
        self.passed.send_replace((false, false));
        self.held.send_replace(roots.to_vec());
    }

    /// Waits until the first has been read and another is held up.
    pub(crate) async fn holds_up(&self) {
        self.passed.subscribe().wait_for(|passed| *passed == (true, true)).await.expect("the sender is ours");
    }

    /// Reads a range unless it has to wait for that; then waits.
    async fn pass(&self, read: &RangeRead, deadline: Instant) -> Result<RangeRows, StoreError> {
        let is_held = |held: &Vec<H3Cell>| held.contains(&read.root);
        let first =
            is_held(&self.held.borrow()).then(|| *self.first.lock().unwrap().get_or_insert(read.root));
        if first.is_some_and(|first| first != read.root) {
            self.passed.send_modify(|passed| passed.1 = true);
            self.held.subscribe().wait_for(Vec::is_empty).await.expect("the sender is ours");
        }
        let rows = self.works()?.read_range(read, deadline).await?;
        if first == Some(read.root) {
            self.passed.send_modify(|passed| passed.0 = true);
        }
        Ok(rows)
    }

    /// Holds up answers to writes, or lets them go.
    pub(crate) fn set_answering(&self, answering: bool) {
        self.answering.send_replace(answering);
    }

    /// Waits until so many writes have taken effect.
    pub(crate) async fn has_written(&self, count: u32) {
        self.written.subscribe().wait_for(|written| *written >= count).await.expect("the sender is ours");
    }

    /// Leaves the index of a root behind: all reads below it return what the whole of it has now.
    pub(crate) async fn leave_behind(&self, collection: &Collection, root: H3Cell) {
        let (first_leaf, last_leaf) = root.leaves().into_inner();
        let collection = collection.clone();
        let read = RangeRead {
            collection,
            category: None,
            root,
            first_leaf,
            after: None,
            last_leaf,
            until: None,
            bare: false,
            limit: None,
            cap: 100,
        };
        let rows = self.inner.read_range(&read, Instant::now() + PATIENCE).await.expect("it works");
        assert!(rows.places.len() < 100, "small enough for one page");
        self.behind.lock().unwrap().insert(root, rows);
    }

    async fn answered<T>(&self, answer: T) -> T {
        self.written.send_modify(|written| *written += 1);
        self.answering.subscribe().wait_for(|answering| *answering).await.expect("the sender is ours");
        answer
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
        if let Some(rows) = self.behind.lock().unwrap().get(&read.root) {
            return Ok(rows.clone());
        }
        let rows = self.pass(read, deadline).await?;
        self.queries.fetch_add(rows.cost.queries, Ordering::SeqCst);
        Ok(rows)
    }

    async fn roots(&self, collection: &Collection, deadline: Instant) -> Result<RootsRead, StoreError> {
        self.open.subscribe().wait_for(|open| *open).await.expect("the sender is ours");
        let roots = self.works()?.roots(collection, deadline).await?;
        self.queries.fetch_add(roots.cost.queries, Ordering::SeqCst);
        Ok(roots)
    }

    async fn get(&self, collection: &Collection, id: &PlaceId) -> Result<Option<Place>, StoreError> {
        self.works()?.get(collection, id).await
    }

    async fn put(&self, collection: &Collection, place: &Place) -> Result<Previous, StoreError> {
        self.answered(self.works()?.put(collection, place).await).await
    }

    async fn put_each(&self, collection: &Collection, places: &[Place]) -> Result<Vec<Previous>, StoreError> {
        self.works()?.put_each(collection, places).await
    }

    async fn delete(&self, collection: &Collection, id: &PlaceId) -> Result<Previous, StoreError> {
        self.answered(self.works()?.delete(collection, id).await).await
    }

    async fn put_if(
        &self,
        collection: &Collection,
        place: &Place,
        conditions: &Conditions,
    ) -> Result<Written, StoreError> {
        self.works()?.put_if(collection, place, conditions).await
    }

    async fn delete_if(
        &self,
        collection: &Collection,
        id: &PlaceId,
        conditions: &Conditions,
    ) -> Result<Written, StoreError> {
        self.works()?.delete_if(collection, id, conditions).await
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

    async fn category_index(&self, of: &Collection) -> Result<CategoryIndex, StoreError> {
        self.works()?.category_index(of).await
    }

    async fn has_category(&self, of: &Collection, category: &Category) -> Result<bool, StoreError> {
        self.works()?.has_category(of, category).await
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

    fn maintenance(&self) -> &dyn Maintenance {
        self.inner.maintenance()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.works()?.ping().await
    }
}
