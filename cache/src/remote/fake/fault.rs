//! What can be wrong with a remote tier, and counts of what was asked of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::remote::RemoteError;

/// Something that is wrong with a remote tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It answers with this error.
    Fail(RemoteError),
    /// It never answers, and nothing takes effect.
    Hang,
    /// It answers late by this much.
    Slow(Duration),
    /// Messages are accepted and lost.
    DropMessages,
    /// Values come back as random bytes.
    Garbage,
    /// Writes are refused; removing works.
    OutOfMemory,
}

/// What can be asked of a remote tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`Remote::get`](crate::remote::Remote::get).
    Get,
    /// [`Remote::begin`](crate::remote::Remote::begin).
    Begin,
    /// [`Remote::finish`](crate::remote::Remote::finish).
    Finish,
    /// [`Remote::invalidate`](crate::remote::Remote::invalidate).
    Invalidate,
    /// [`Remote::publish`](crate::remote::Remote::publish).
    Publish,
    /// [`Remote::subscribe`](crate::remote::Remote::subscribe).
    Subscribe,
}

/// Number of operations.
const OPERATIONS: usize = Operation::Subscribe as usize + 1;

/// Faults and counts by operation.
#[derive(Default)]
pub(super) struct Gate {
    faults: Mutex<[Option<Fault>; OPERATIONS]>,
    calls: [AtomicU64; OPERATIONS],
}

impl Gate {
    pub(super) fn set(&self, operation: Operation, fault: Option<Fault>) {
        self.faults.lock()[operation as usize] = fault;
    }

    pub(super) fn set_all(&self, fault: Option<Fault>) {
        self.faults.lock().fill(fault);
    }

    pub(super) fn calls(&self, operation: Operation) -> u64 {
        self.calls[operation as usize].load(Ordering::Relaxed)
    }

    fn fault(&self, operation: Operation) -> Option<Fault> {
        self.faults.lock()[operation as usize].clone()
    }

    /// Counts a call and lets it wait or fail; returns the fault that is left for the operation to show.
    pub(super) async fn pass(&self, operation: Operation) -> Result<Option<Fault>, RemoteError> {
        self.calls[operation as usize].fetch_add(1, Ordering::Relaxed);
        match self.fault(operation) {
            Some(Fault::Fail(error)) => Err(error),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Slow(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(None)
            }
            fault => Ok(fault),
        }
    }
}

/// What a server without memory says.
pub(super) fn out_of_memory() -> RemoteError {
    RemoteError::Refused("OOM command not allowed when used memory > 'maxmemory'.".to_owned())
}

/// Up to 64 random bytes.
pub(super) fn garbage() -> Bytes {
    (0..fastrand::usize(..64)).map(|_| fastrand::u8(..)).collect()
}
