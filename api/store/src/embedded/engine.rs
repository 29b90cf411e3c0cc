//! The engine's thread: a DynamoDB server on a loopback port, with a runtime of its own.
//!
//! The engine answers each request without yielding. On the API's runtime it would hold up every other request;
//! here it holds up only its own.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dynoxide::Database;
use futures::FutureExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::time::sleep;
use tracing::{error, info};

use super::bulk::Bulk;
use super::database::LoggedDatabase;
use super::dir::DataDir;
use super::log::{self, StreamLog};
use super::{EmbeddedError, server};

/// How long requests that have begun may take to end once the engine is told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// How often stream records are trimmed.
const TRIM_INTERVAL: Duration = Duration::from_secs(5);

/// Time for requests between two steps of trimming.
const TRIM_PAUSE: Duration = Duration::from_millis(5);

/// How often notes that have ended are removed. Nobody takes them for valid before that.
const EXPIRY_INTERVAL: Duration = Duration::from_hours(6);

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A thread that serves, or waits to. Dropping this stops it, and waits until its database is closed.
#[derive(Debug)]
pub(super) struct Engine {
    serving: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Dropping the sender is the signal.
    stop: Option<oneshot::Sender<()>>,
}

/// What an engine serves.
#[derive(Debug)]
pub(super) enum Source {
    /// A database that ends with the engine.
    Memory,
    /// The database of a directory.
    Directory {
        /// Its files.
        dir: DataDir,
        /// The lock, held as long as the database is open.
        lock: File,
    },
}

impl Engine {
    /// Starts an engine on a free port and waits until it listens.
    pub(super) async fn start(source: Source) -> Result<(Self, SocketAddr, Bulk), EmbeddedError> {
        let (ready, started) = oneshot::channel();
        let engine = Self::spawn(move |stop, serving| {
            let mut ready = Some(ready);
            let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let served = source.serve(free_port, stop, |address, bulk| {
                serving.store(true, Ordering::Release);
                // Nobody waits any more if the caller gave up; then it stops us, too.
                let _ = ready.take().map(|ready| ready.send(Ok((address, bulk))));
            });
            match (served, ready) {
                (Err(error), Some(ready)) => drop(ready.send(Err(error))),
                (Err(error), None) => error!(%error, "embedded engine"),
                (Ok(()), _) => {}
            }
        })?;
        let (address, bulk) = started.await.map_err(|_| io::Error::other("its thread ended"))??;
        Ok((engine, address, bulk))
    }

    /// Waits for the directory's lock, and then serves at the address where its owner did.
    pub(super) fn stand_by(dir: DataDir, lock: File, address: SocketAddr) -> Result<Self, EmbeddedError> {
        Self::spawn(move |mut stop, serving| {
            let taken_over = dir.own(&lock).and_then(|()| {
                if stop.try_recv() == Err(oneshot::error::TryRecvError::Closed) {
                    return Ok(());
                }
                Source::Directory { dir, lock }.serve(address, stop, |address, _| {
                    serving.store(true, Ordering::Release);
                    info!(%address, "took over the data directory");
                })
            });
            if let Err(error) = taken_over {
                error!(%error, "cannot take over the data directory");
            }
        })
    }

    fn spawn(
        run: impl FnOnce(oneshot::Receiver<()>, &AtomicBool) + Send + 'static,
    ) -> Result<Self, EmbeddedError> {
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::new(AtomicBool::new(false));
        let of_thread = Arc::clone(&serving);
        let thread = thread::Builder::new().name("cellar-engine".to_owned());
        let thread = thread.spawn(move || run(stopped, &of_thread))?;
        Ok(Self { serving, thread: Some(thread), stop: Some(stop) })
    }

    pub(super) fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Acquire)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.stop.take());
        // One that stands by cannot be woken; it ends when it gets the lock, or with the process.
        if self.is_serving()
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the embedded engine panicked");
        }
    }
}

impl Source {
    /// Serves until told to stop; returns when the database is closed.
    fn serve(
        self,
        address: SocketAddr,
        stop: oneshot::Receiver<()>,
        ready: impl FnOnce(SocketAddr, Bulk),
    ) -> Result<(), EmbeddedError> {
        let engine = self.open()?;
        let bulk = engine.bulk().clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = runtime.block_on(async {
            let listener = listen(address)?;
            let address = listener.local_addr()?;
            if let Self::Directory { dir, .. } = &self {
                dir.set_endpoint(address)?;
            }
            ready(address, engine.bulk().clone());
            serve_until(listener, engine, stop).await
        });
        bulk.close();
        // Ends the connections that are left, each of which holds the database open.
        drop(runtime);
        if let Self::Directory { dir, lock } = self {
            dir.clear_endpoint()?;
            lock.unlock()?;
        }
        served
    }

    fn open(&self) -> Result<LoggedDatabase, EmbeddedError> {
        let Self::Directory { dir, .. } = self else {
            return open_in_memory().map_err(|reason| io::Error::other(reason).into());
        };
        dir.clear_endpoint()?;
        let path = dir.database();
        let opened = match path.to_str() {
            Some(text) => open_without_waiting(text).map_err(|error| reason(&error)),
            None => Err("its path is not UTF-8".to_owned()),
        };
        opened.map_err(|reason| EmbeddedError::Database { path, reason })
    }
}

/// A database that appends to its log without an fsync for each write (`.cargo/config.toml` builds SQLite so): the store's
/// journal forces it to disk.
fn open_without_waiting(path: &str) -> Result<LoggedDatabase, String> {
    let database = Database::new(path).map_err(|error| error.to_string())?;
    with_log(database, path)
}

/// A database under a name, so that two connections can share it; it ends with them.
fn open_in_memory() -> Result<LoggedDatabase, String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("file:cellar-{}?mode=memory&cache=shared", NUMBER.fetch_add(1, Ordering::Relaxed));
    let database = Database::new(&name).map_err(|error| error.to_string())?;
    with_log(database, &name)
}

fn with_log(database: Database, name: &str) -> Result<LoggedDatabase, String> {
    let log = StreamLog::open(name).map_err(|error| error.to_string())?;
    let bulk = Bulk::open(&database, name).map_err(|error| error.to_string())?;
    Ok(LoggedDatabase::new(database, log, bulk))
}

/// Trims on the engine's own thread, between requests.
async fn keep_trimmed(engine: LoggedDatabase) {
    let retention = log::RETENTION.as_secs().cast_signed();
    loop {
        sleep(TRIM_INTERVAL).await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = now.as_secs().cast_signed() - retention;
        loop {
            match trim_some(&engine, before) {
                Ok(0) => break,
                Ok(_) => sleep(TRIM_PAUSE).await,
                Err(error) => {
                    error!(%error, "cannot trim the stream");
                    break;
                }
            }
        }
    }
}

/// One step of it, while nobody else writes.
fn trim_some(engine: &LoggedDatabase, before_unix_s: i64) -> rusqlite::Result<usize> {
    let _pause = engine.bulk().pause();
    engine.log().trim(before_unix_s, log::MAX_RECORDS)
}

/// Removes what has ended, a few items at a time, on a thread for blocking work: it reads the whole table.
async fn keep_expired_out(engine: LoggedDatabase) {
    loop {
        sleep(EXPIRY_INTERVAL).await;
        let (database, bulk) = (engine.database.clone(), engine.bulk().clone());
        let sweep = move || {
            let _pause = bulk.pause();
            database.sweep_ttl()
        };
        let swept = tokio::task::spawn_blocking(sweep).await;
        if let Ok(Err(error)) = swept {
            error!(%error, "cannot remove what has expired");
        }
    }
}

/// Of a file that is no database the engine says that it may be encrypted; ours never are.
fn reason(engine: &str) -> String {
    let foreign = engine.contains("not a valid SQLite database");
    if foreign { "it is damaged, or not a database".to_owned() } else { engine.to_owned() }
}

async fn serve_until(
    listener: TcpListener,
    engine: LoggedDatabase,
    stop: oneshot::Receiver<()>,
) -> Result<(), EmbeddedError> {
    let stopped = stop.map(drop).shared();
    let grace = stopped.clone().then(|()| sleep(SHUTDOWN_GRACE));
    tokio::select! {
        served = server::serve(listener, engine.clone(), stopped) => served.map_err(EmbeddedError::Engine),
        () = keep_trimmed(engine.clone()) => Ok(()),
        () = keep_expired_out(engine) => Ok(()),
        () = grace => Ok(()),
    }
}

/// Accepted sockets inherit `TCP_NODELAY`: small answers go out at once.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Lets a successor take the port over while connections of the last owner linger.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use dynoxide::types::AttributeValue;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::super::bulk::Encoded;
    use super::*;

    fn perform(engine: &LoggedDatabase, operation: &str, body: &Value) -> bool {
        server::perform(engine, operation, body.to_string().as_bytes()).is_ok()
    }

    /// Our connections wait for no lock: whoever writes without its turn fails, or makes a batch fail.
    #[test]
    fn all_who_write_take_turns() {
        let dir = TempDir::new().unwrap();
        let engine = open_without_waiting(dir.path().join("db").to_str().unwrap()).unwrap();
        let table = json!({
            "TableName": "table", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        });
        assert!(perform(&engine, "CreateTable", &table));
        let item = |id: usize| json!({ "pk": { "S": format!("p-{id}") } });
        let batches = thread::spawn({
            let engine = engine.clone();
            move || {
                let text = |id: usize| AttributeValue::S(format!("b-{id}"));
                (0..300).all(|_| {
                    let batch: Vec<_> =
                        (0..50).map(|id| Encoded::new([("pk".to_owned(), text(id))].into())).collect();
                    engine.bulk().put("table", &batch).is_ok_and(|done| done)
                })
            }
        });
        let mut rounds = 0;
        while !batches.is_finished() {
            assert!(perform(&engine, "PutItem", &json!({ "TableName": "table", "Item": item(rounds) })));
            let of_ours = json!({ "PutRequest": { "Item": item(rounds) } });
            let gone = json!({ "DeleteRequest": { "Key": item(rounds + 1) } });
            let mixed = json!({ "RequestItems": { "table": [of_ours, gone] } });
            assert!(perform(&engine, "BatchWriteItem", &mixed));
            trim_some(&engine, i64::MAX).unwrap();
            rounds += 1;
        }
        assert!(batches.join().unwrap(), "a batch did not get its turn");
        assert!(rounds > 0);
    }
}
