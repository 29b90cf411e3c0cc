//! Who watches changes: the reader of the stream that all share, and a seat for each watcher.
//!
//! Invariant: there are never more watchers than the process takes, nor more of one client than that may have.

use std::collections::HashMap;
use std::sync::Arc;

use cellar_changes::log::{ChangeLog, Hub, HubSettings};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use crate::config::LiveConfig;
use crate::rate::Client;

/// Marks an answer whose body goes on for as long as somebody reads it: its connection is not idle meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Endless;

/// Watching, and reading on from tokens.
pub struct Live {
    hub: Arc<Hub>,
    /// Limits.
    pub config: LiveConfig,
    taken: Mutex<HashMap<Client, usize>>,
    watchers: Gauge,
    events: Counter,
    refused: Counter,
}

/// A watcher's place; dropping it gives it back.
pub struct Seat {
    live: Arc<Live>,
    client: Client,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSeat {
    /// The process takes no more.
    Full,
    /// The client has as many as it may.
    OfClient,
}

impl Live {
    /// Over a log.
    pub fn new(log: Arc<ChangeLog>, config: LiveConfig) -> Arc<Self> {
        let settings = HubSettings { poll: config.poll, ..HubSettings::default() };
        Arc::new(Self {
            hub: Hub::new(log, settings),
            config,
            taken: Mutex::default(),
            watchers: Gauge::default(),
            events: Counter::default(),
            refused: Counter::default(),
        })
    }

    /// What is read.
    pub fn log(&self) -> &ChangeLog {
        self.hub.log()
    }

    /// The reader that watchers share.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Ends all watching: the process is stopping.
    pub fn stop(&self) {
        self.hub.stop();
    }

    /// A seat for a client.
    pub fn sit(self: &Arc<Self>, client: Client) -> Result<Seat, NoSeat> {
        let mut taken = self.taken.lock();
        let own = taken.get(&client).copied().unwrap_or(0);
        let refused = if taken.values().sum::<usize>() >= self.config.watchers {
            Some(NoSeat::Full)
        } else {
            (own >= self.config.watchers_per_client).then_some(NoSeat::OfClient)
        };
        if let Some(refused) = refused {
            self.refused.inc();
            return Err(refused);
        }
        taken.insert(client.clone(), own + 1);
        self.watchers.inc();
        Ok(Seat { live: Arc::clone(self), client })
    }

    /// Watchers at the moment.
    pub fn watchers(&self) -> &Gauge {
        &self.watchers
    }

    /// Events that were sent.
    pub fn events(&self) -> &Counter {
        &self.events
    }

    /// Watchers that found no seat.
    pub fn refused(&self) -> &Counter {
        &self.refused
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.live.taken.lock();
        if let Some(own) = taken.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.client);
            }
        }
        self.live.watchers.dec();
    }
}
