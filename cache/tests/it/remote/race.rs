//! Loads and invalidations at random: what is stored in the end is never older than the last invalidation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cellar_cache::remote::Remote;

use super::bed::{Bed, begin, entry};

super::on_every_bed!(nothing_old_survives);

const LOADERS: usize = 4;
const ROUNDS: u64 = 100;

/// Loads a number as often as it changes: begins, reads, stores.
async fn keep_loading(tier: Arc<dyn Remote>, source: Arc<AtomicU64>) {
    while source.load(Ordering::SeqCst) < ROUNDS {
        let (ticket, _) = begin(&*tier, "g", "{g}k").await;
        let value = source.load(Ordering::SeqCst).to_string();
        for _ in 0..fastrand::u8(..8) {
            tokio::task::yield_now().await;
        }
        let leases = ["{g}k".to_owned()];
        tier.finish(&ticket, &[entry("{g}k", &value)], &leases).await.expect("finished");
    }
}

async fn nothing_old_survives(bed: &Bed) {
    let source = Arc::new(AtomicU64::new(0));
    let tiers = [&bed.first, &bed.second].into_iter().cycle().take(LOADERS);
    let loaders: Vec<_> =
        tiers.map(|tier| tokio::spawn(keep_loading(Arc::clone(tier), Arc::clone(&source)))).collect();
    let mut stored = 0;
    for version in 1..=ROUNDS {
        source.store(version, Ordering::SeqCst);
        bed.second.invalidate("g", &["{g}k".to_owned()], None).await.expect("invalidated");
        tokio::task::yield_now().await;
        if let Some(value) = bed.value("{g}k").await {
            stored += 1;
            assert_eq!(value, version.to_string(), "stored after the invalidation");
        }
    }
    for loader in loaders {
        loader.await.expect("a loader that ends");
    }
    if let Some(value) = bed.value("{g}k").await {
        assert_eq!(value, ROUNDS.to_string());
    }
    // With the fake nobody waits, so loaders may never have had their turn.
    println!("{stored} of {ROUNDS} invalidations found a newer value already there");
}
