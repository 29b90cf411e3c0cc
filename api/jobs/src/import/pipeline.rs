//! Drives an import: what the reader hands on becomes durable, chunk after chunk.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cellar_input::{InputError, Plan};
use cellar_model::Collection;
use cellar_store::{CollectionInfo, Store, StoreError};

use super::checkpoint::{Checkpoint, Counts, Keeper};
use super::chunk::Chunk;
use super::findings::Findings;
use super::reader::{Message, Reader, Resume};
use super::rejects::Rejects;
use super::{Cause, Done, Import, ImportError, Progress, Summary};

/// Imports; goes on after the last checkpoint if an earlier run of the same import was cut off.
///
/// ```
/// # use cellar_jobs::import::{Import, ImportError, Input, Silent, Summary, import};
/// # use cellar_store::Store;
/// async fn load(store: &dyn Store) -> Result<Summary, ImportError> {
///     let input = Input::File("wineries.csv".into());
///     import(Import::new("wineries".parse().unwrap(), input), store, &Silent).await
/// }
/// ```
pub async fn import(job: Import, store: &dyn Store, progress: &dyn Progress) -> Result<Summary, ImportError> {
    let mut run = Run::prepare(&job, store, progress);
    let began = Instant::now();
    let name = job.input.name();
    match run.all(job).await {
        Ok(()) => Ok(run.summary(began)),
        Err(Stop::Input(error)) => Err(run.error(Cause::Input { name, error })),
        Err(Stop::Other(cause)) => Err(run.error(cause)),
    }
}

/// Forgets how far an import has come that will not be carried on: its checkpoint goes.
pub fn forget<'a>(
    job: &Import,
    store: &'a dyn Store,
) -> impl Future<Output = Result<(), StoreError>> + Send + use<'a> {
    let keeper = keeper(job, store);
    async move { keeper.remove().await }
}

fn keeper<'a>(job: &Import, store: &'a dyn Store) -> Keeper<'a> {
    match job.input.paths().as_slice() {
        [] => Keeper::none(store),
        paths => Keeper::of_files(store, job.collection.as_ref(), &job.input.name(), paths),
    }
}

/// What stopped a run, before the input's name is known to it.
enum Stop {
    Input(InputError),
    Other(Cause),
}

impl<E: Into<Cause>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

struct Run<'a> {
    store: &'a dyn Store,
    progress: &'a dyn Progress,
    keeper: Keeper<'a>,
    /// Of the places that do not say.
    collection: Option<Collection>,
    /// Collections that are known to be there.
    known: HashSet<Collection>,
    /// Whether collections that are not there are created.
    creates: bool,
    dry: bool,
    rejects_path: Option<PathBuf>,
    rejects: Rejects,
    counts: Counts,
    resumed_from: Option<u64>,
    findings: Findings,
}

impl<'a> Run<'a> {
    fn prepare(job: &Import, store: &'a dyn Store, progress: &'a dyn Progress) -> Self {
        let keeper = if job.dry_run { Keeper::none(store) } else { keeper(job, store) };
        Self {
            store,
            progress,
            keeper,
            collection: job.collection.clone(),
            known: HashSet::new(),
            creates: job.creates,
            dry: job.dry_run,
            rejects_path: job.rejects_path(),
            rejects: Rejects::nowhere(),
            counts: Counts::default(),
            resumed_from: None,
            findings: Findings::default(),
        }
    }

    async fn all(&mut self, job: Import) -> Result<(), Stop> {
        job.check_rejects(self.rejects_path.as_deref())?;
        let earlier = self.keeper.load().await?;
        let usable = earlier.clone().filter(|earlier| !job.restart && self.can_resume(earlier));
        let resume = usable.as_ref().map(|earlier| Resume { mark: earlier.mark, plan: earlier.plan.clone() });
        let mut reader = Reader::start(job.input, super::with_items(job.options), job.chunk_records, resume)
            .map_err(|e| Stop::Input(e.into()))?;
        let Some(Message::Opened { resumed }) = reader.next().await else {
            return reader.outcome().map_err(Stop::Input);
        };
        if let Some(collection) = job.collection.as_ref().filter(|_| !self.dry) {
            self.ensure(collection).await?;
        }
        self.begin(earlier.is_some(), usable.filter(|_| resumed), job.restart).await?;
        while let Some(message) = reader.next().await {
            match message {
                Message::Opened { .. } => {}
                Message::Plan { file, plan } => self.progress.recognised(&format!("{file}: {plan}")),
                Message::Chunk { chunk, plan } => self.write(chunk, plan.map(|plan| *plan)).await?,
                Message::Ended(findings) => self.findings = *findings,
            }
        }
        reader.outcome().map_err(Stop::Input)?;
        for warning in self.findings.crowded.warnings() {
            self.progress.notice(&warning);
        }
        Ok(self.keeper.remove().await?)
    }

    /// Takes up the rejects file where the earlier run left it, or begins anew.
    async fn begin(
        &mut self,
        earlier: bool,
        resumed: Option<Checkpoint>,
        restart: bool,
    ) -> Result<(), Cause> {
        if let Some(earlier) = resumed {
            self.progress.notice(&format!("going on after record {}", earlier.mark.records));
            self.counts = earlier.counts;
            self.resumed_from = Some(earlier.mark.records);
            self.rejects = Rejects::resume(earlier.rejects, earlier.rejects_bytes)?;
            self.progress.counted(self.done());
            return Ok(());
        }
        if earlier && !restart {
            self.progress.notice(
                "an earlier run was cut off, but the input, the options or the list of rejected records has \
                 changed since; starting from the first record",
            );
        }
        // The old checkpoint goes before the list that it speaks of.
        if earlier {
            self.keeper.remove().await?;
        }
        if let Some(path) = self.rejects_path.clone() {
            self.rejects = Rejects::create(path)?;
        }
        Ok(())
    }

    /// Stores a chunk, lists what it rejects, and notes that both are done: in this order, each durable before
    /// the next begins.
    async fn write(&mut self, chunk: Chunk, plan: Option<(u16, Plan)>) -> Result<(), Cause> {
        self.store(&chunk).await?;
        self.rejects.append(&chunk.listed).map_err(|error| self.rejects_fault(error))?;
        let counts = Counts {
            read: self.counts.read + chunk.records(),
            stored: self.counts.stored + chunk.stored(),
            rejected: self.counts.rejected + chunk.rejected,
            repeated: self.counts.repeated + chunk.repeated,
            collections: self.counts.collections + chunk.collections.len() as u64,
            skipped: self.counts.skipped + chunk.skipped,
            checksum: {
                let mut checksum = self.counts.checksum;
                checksum += chunk.checksum;
                checksum
            },
        };
        let settled = self.progress.settle(done(counts, self.rejects.bytes())).await;
        if settled.map_err(|error| self.rejects_fault(error))? {
            let rejects = self.rejects_path.as_deref().map(absolute).unwrap_or_default();
            let rejects_bytes = self.rejects.bytes();
            self.keeper.save(&Checkpoint { mark: chunk.mark, counts, rejects, rejects_bytes, plan }).await?;
        }
        self.counts = counts;
        self.progress.position(chunk.read_bytes, counts.read);
        self.progress.counted(self.done());
        // Whoever was told may have to end this before the next chunk, however quick the store is.
        tokio::task::yield_now().await;
        Ok(())
    }

    fn done(&self) -> Done {
        done(self.counts, self.rejects.bytes())
    }

    /// Stores what is to be stored.
    async fn store(&mut self, chunk: &Chunk) -> Result<(), Cause> {
        for info in chunk.collections.iter().filter(|_| !self.dry) {
            self.store.put_collection(info).await?;
            self.known.insert(info.name.clone());
        }
        for (collection, places) in &chunk.places {
            let collection =
                collection.as_ref().or(self.collection.as_ref()).cloned().ok_or(Cause::NoCollection)?;
            if !self.dry {
                self.ensure(&collection).await?;
                self.store.put_many(&collection, places).await?;
                self.progress.written(&collection, places).await;
            }
        }
        Ok(())
    }

    /// Creates a collection unless it is there, if the import may. One that was there may have been deleted since.
    async fn ensure(&mut self, collection: &Collection) -> Result<(), Cause> {
        if self.store.collection(collection).await?.is_none() {
            if !self.creates || self.known.contains(collection) {
                return Err(StoreError::Deleting { collection: collection.clone() }.into());
            }
            let info = CollectionInfo { name: collection.clone(), title: None };
            self.store.put_collection(&info).await?;
        }
        self.known.insert(collection.clone());
        Ok(())
    }

    /// Whether the list of the earlier run is the one asked for and still whole.
    fn can_resume(&self, earlier: &Checkpoint) -> bool {
        let length = std::fs::metadata(&earlier.rejects).map_or(0, |file| file.len());
        self.rejects_path.as_deref().map(absolute).as_ref() == Some(&earlier.rejects)
            && length >= earlier.rejects_bytes
    }

    fn rejects_fault(&self, error: std::io::Error) -> Cause {
        Cause::Rejects { path: self.rejects_path.clone().unwrap_or_default(), error }
    }

    fn summary(&self, began: Instant) -> Summary {
        Summary {
            rejects_file: self.rejects.written().map(Path::to_owned),
            dry_run: self.dry,
            findings: self.findings.clone(),
            ..Summary::new(self.counts, self.resumed_from, began.elapsed())
        }
    }

    fn error(&self, cause: Cause) -> ImportError {
        let resumable = self.keeper.resumable() && self.counts.read > 0;
        ImportError { cause, done: self.counts.read, resumable }
    }
}

fn done(counts: Counts, rejects_bytes: u64) -> Done {
    let Counts { read, stored, rejected, repeated, .. } = counts;
    Done { read, stored, rejected, repeated, rejects_bytes }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
