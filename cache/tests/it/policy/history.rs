//! A checker of histories: processes read, write and invalidate the same keys at random, with faults in between, and
//! no read may return what its process knew to be old when the read began; when the faults are over, none is old.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cellar_cache::remote::fake::{Fault, Operation};
use cellar_cache::remote::{Remote as _, RemoteError};

use super::fixture::{Fixture, Id, Process, exact, get, until};

const KEYS: u32 = 25;

/// What a process has invalidated: the least version that its reads may return.
type Known = Arc<Mutex<HashMap<u32, u64>>>;

struct Party {
    process: Process,
    known: Known,
}

impl Party {
    /// One step: a read, or a write that is told.
    async fn step(&self, fixture: &Fixture, random: &mut fastrand::Rng) {
        let key = random.u32(..KEYS);
        if random.u8(..100) < 75 {
            let least = self.known.lock().unwrap().get(&key).copied().unwrap_or(0);
            let version = get(&self.process.cache, key).await.expect("the source works");
            assert!(version >= least, "key {key}: {version} after {least} was known");
            return;
        }
        let version = fixture.source.write(key);
        // It may fail; then it is pending, and this process must know all the same.
        let _ = self.process.cache.invalidate(&[Id(key)]).await;
        let mut known = self.known.lock().unwrap();
        let least = known.entry(key).or_default();
        *least = version.max(*least);
    }
}

fn disturb(process: &Process, random: &mut fastrand::Rng) {
    let down = || RemoteError::Unavailable("down".into());
    match random.u8(..9) {
        0 => process.remote.evict(0.3),
        1 => process.remote.wipe(),
        2 => process.remote.cut_bus(),
        3 => process.remote.set_fault(Fault::Fail(down())),
        4 => process.remote.set_fault_on(Operation::Invalidate, Fault::Hang),
        5 => process.remote.set_fault_on(Operation::Publish, Fault::DropMessages),
        6 => process.remote.set_fault_on(Operation::Get, Fault::Garbage),
        7 => process.remote.set_fault(Fault::OutOfMemory),
        _ => process.remote.set_fault(None),
    }
}

async fn run(seed: u64) {
    let millis = Duration::from_millis;
    let remote = exact().remote.read_limit(millis(4)).write_limit(millis(4)).breaker_pause(millis(4));
    let policy = exact().load_limit(Duration::from_secs(20)).remote(remote);
    let fixture = Arc::new(Fixture::with(policy));
    let mut parties = Vec::new();
    for listens in [true, true, false] {
        let process = if listens { fixture.listener().await } else { fixture.process() };
        parties.push(Arc::new(Party { process, known: Known::default() }));
    }
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..6 {
        let mut steps = Vec::new();
        for _ in 0..4 {
            for party in &parties {
                let (fixture, party, mut random) = (Arc::clone(&fixture), Arc::clone(party), random.fork());
                steps.push(tokio::spawn(async move {
                    for _ in 0..40 {
                        party.step(&fixture, &mut random).await;
                        if random.u8(..20) == 0 {
                            disturb(&party.process, &mut random);
                        }
                        tokio::task::yield_now().await;
                    }
                }));
            }
        }
        for step in steps {
            step.await.unwrap();
        }
        settle(&fixture, &parties).await;
    }
}

/// Ends the faults, waits until everything is told, and then nothing may be old: with listeners at once, without the
/// bus after the time that a copy is trusted.
async fn settle(fixture: &Fixture, parties: &[Arc<Party>]) {
    for party in parties {
        party.process.remote.set_fault(None);
    }
    // The one that does not listen has nobody who sends again what is pending.
    let deaf = parties.last().unwrap();
    for party in parties {
        let key = Id(KEYS + 10);
        let mut tries = 0;
        while party.process.cache.pending() > 0
            || party.process.cache.invalidate(std::slice::from_ref(&key)).await.is_err()
        {
            tries += 1;
            assert!(tries < 10_000, "something stays pending");
            if Arc::ptr_eq(party, deaf) {
                let all: Vec<_> = (0..KEYS).map(Id).collect();
                let _ = party.process.cache.invalidate(&all).await;
                if party.process.cache.pending() > 0 {
                    let cache = party.process.cache.clone();
                    let _ = tokio::time::timeout(Duration::from_millis(300), cache.run()).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        party.process.cache.record_heartbeat(Duration::ZERO);
        party.process.cache.send_heartbeat(Duration::ZERO).await.unwrap();
    }
    // Every listener hears a message that was sent after all others.
    let probe = Id(KEYS + 20);
    for party in &parties[..2] {
        let cache = party.process.cache.clone();
        until(|| cache.is_trusted()).await;
        get(&cache, probe.0).await.unwrap();
    }
    deaf.process.cache.invalidate(std::slice::from_ref(&probe)).await.unwrap();
    deaf.process.remote.publish("end".into()).await.unwrap();
    for party in &parties[..2] {
        until(|| super::fixture::get_if_present(&party.process.cache, probe.0).is_none()).await;
    }
    fixture.pass(10);
    for party in parties {
        for key in 0..KEYS {
            let version = get(&party.process.cache, key).await.unwrap();
            assert_eq!(version, fixture.source.version(key), "key {key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_returns_what_its_process_knew_to_be_old() {
    for seed in 0..6 {
        run(seed).await;
    }
}
