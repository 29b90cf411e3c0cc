//! A body on its way into the spool.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use cellar_http::imports::{Incoming, Order, Refused};
use futures::StreamExt as _;
use xxhash_rust::xxh3::Xxh3;

use crate::shared::{Received, Shared, blocking};

/// Bytes that are written at a time.
const WRITTEN_AT_A_TIME: usize = 256 << 10;

/// A body that is coming in. Unless it is [kept](Self::keep), nothing is left of it: a client that goes away drops it.
pub(crate) struct Upload {
    shared: Arc<Shared>,
    pub(crate) id: String,
    kept: bool,
}

impl Upload {
    /// Lets a body in.
    pub(crate) fn begin(shared: &Arc<Shared>, order: &Order) -> Result<Self, Refused> {
        let id = format!("{:032x}", fastrand::u128(..));
        let of = (&order.collection, order.key.as_deref());
        shared.table.lock().begin_upload(&id, of, order.length.unwrap_or(0), &shared.settings)?;
        Ok(Self { shared: Arc::clone(shared), id, kept: false })
    }

    /// Takes all of it.
    pub(crate) async fn receive(&self, order: &Order, mut body: Incoming) -> Result<Received, Refused> {
        let mut hash = Xxh3::new();
        for (name, value) in &order.options {
            for part in [name.as_bytes(), &[0], value.as_bytes(), &[0]] {
                hash.update(part);
            }
        }
        let (shared, id) = (Arc::clone(&self.shared), self.id.clone());
        let mut file = blocking(move || shared.spool.begin(&id)).await?;
        let (mut bytes, mut waiting) = (0_u64, Vec::new());
        while let Some(part) = self.next(&mut body).await? {
            hash.update(&part);
            bytes += part.len() as u64;
            self.shared.table.lock().grow_upload(&self.id, bytes, &self.shared.settings)?;
            waiting.extend_from_slice(&part);
            if waiting.len() >= WRITTEN_AT_A_TIME {
                file = write(file, std::mem::take(&mut waiting)).await?;
            }
        }
        if bytes == 0 {
            return Err(Refused::Empty);
        }
        let file = write(file, waiting).await?;
        blocking(move || file.sync_all()).await?;
        Ok(Received { bytes, digest: format!("{:032x}", hash.digest128()) })
    }

    async fn next(&self, body: &mut Incoming) -> Result<Option<bytes::Bytes>, Refused> {
        let part = tokio::time::timeout(self.shared.settings.idle, body.next()).await;
        part.map_err(|_| Refused::TooSlow)?.transpose().map_err(Refused::Broken)
    }

    /// It belongs to a job now.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            self.shared.table.lock().end_upload(&self.id);
            self.shared.spool.remove(&self.id);
        }
    }
}

async fn write(mut file: File, bytes: Vec<u8>) -> Result<File, Refused> {
    blocking(move || file.write_all(&bytes).map(|()| file)).await
}
