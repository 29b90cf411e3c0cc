//! Reading, loading and invalidating: fences, leases, tombstones.

use std::time::Duration;

use bytes::Bytes;
use cellar_cache::remote::{Ask, Claim, Entry, Finished, TOMBSTONE_MAGIC};

use super::bed::{Bed, LONG, ask, begin, entry};
use crate::support::eventually;

super::on_every_bed!(
    values_come_in_the_order_of_keys,
    nothing_asked_nothing_answered,
    a_load_stores,
    a_load_is_fenced_after_an_invalidation,
    a_load_is_fenced_when_the_fence_is_lost,
    one_of_many_gets_the_lease,
    a_lease_ends_by_itself,
    a_lease_of_another_stays,
    a_lease_ends_with_its_fence,
    a_value_stored_meanwhile_is_found,
    a_tombstone_keeps_values_out_for_a_while,
    values_end,
    many_keys_are_invalidated,
);

/// A tombstone.
fn tombstone() -> Bytes {
    [&TOMBSTONE_MAGIC[..], b"since"].concat().into()
}

async fn values_come_in_the_order_of_keys(bed: &Bed) {
    // Groups that are in different slots.
    for (group, value) in [("a", "1"), ("b", "2"), ("c", "3"), ("d", "")] {
        assert_eq!(bed.load(group, &format!("{{{group}}}k"), value).await, Finished::Stored(1));
    }
    let keys = ["{c}k", "{a}k", "{a}none", "{b}k", "{c}k", "{d}k"].map(str::to_owned);
    let values = bed.second.get(&keys).await.expect("values");
    let expected = [Some("3"), Some("1"), None, Some("2"), Some("3"), Some("")];
    assert_eq!(values, expected.map(|value| value.map(Bytes::from)));
}

async fn nothing_asked_nothing_answered(bed: &Bed) {
    assert_eq!(bed.first.get(&[]).await, Ok(Vec::new()));
    let (ticket, claims) = bed.first.begin("g", &[], LONG).await.expect("begun");
    assert_eq!(claims, []);
    assert_eq!(bed.first.finish(&ticket, &[], &[]).await, Ok(Finished::Stored(0)));
    assert_eq!(bed.first.invalidate("g", &[], None).await, Ok(()));
    assert_eq!(bed.first.finish(&ticket, &[], &[]).await, Ok(Finished::Fenced));
}

async fn a_load_stores(bed: &Bed) {
    let (ticket, claim) = begin(&*bed.first, "g", "{g}k").await;
    assert_eq!((ticket.group.as_str(), claim), ("g", Claim::Lease));
    assert!(!ticket.fence.is_empty());
    // Values of other keys of the group are welcome.
    let entries = [entry("{g}k", "one"), entry("{g}other", "two")];
    let leases = ["{g}k".to_owned()];
    assert_eq!(bed.first.finish(&ticket, &entries, &leases).await, Ok(Finished::Stored(2)));
    assert_eq!(bed.value("{g}k").await.as_deref(), Some(&b"one"[..]));
    assert_eq!(bed.value("{g}other").await.as_deref(), Some(&b"two"[..]));
    // Another load in the same group has the same fence and another holder.
    let (next, _) = begin(&*bed.second, "g", "{g}k").await;
    assert_eq!(next.fence, ticket.fence);
    assert_ne!(next.holder, ticket.holder);
    // A value that is there is replaced.
    assert_eq!(bed.second.finish(&next, &[entry("{g}k", "three")], &[]).await, Ok(Finished::Stored(1)));
    assert_eq!(bed.value("{g}k").await.as_deref(), Some(&b"three"[..]));
}

async fn a_load_is_fenced_after_an_invalidation(bed: &Bed) {
    bed.load("g", "{g}k", "old").await;
    let (ticket, _) =
        bed.first.begin("g", &[Ask { absent: false, ..ask("{g}k") }], LONG).await.expect("begun");
    bed.second.invalidate("g", &["{g}k".to_owned()], None).await.expect("invalidated");
    assert_eq!(bed.value("{g}k").await, None);
    let leases = ["{g}k".to_owned()];
    assert_eq!(bed.first.finish(&ticket, &[entry("{g}k", "old")], &leases).await, Ok(Finished::Fenced));
    assert_eq!(bed.value("{g}k").await, None);
    // The lease is back all the same, and a later load stores, which lets the first one in no more than before.
    let (later, claim) = begin(&*bed.second, "g", "{g}k").await;
    assert_eq!(claim, Claim::Lease);
    assert_eq!(bed.second.finish(&later, &[entry("{g}k", "new")], &[]).await, Ok(Finished::Stored(1)));
    assert_eq!(bed.first.finish(&ticket, &[entry("{g}k", "old")], &[]).await, Ok(Finished::Fenced));
    assert_eq!(bed.value("{g}k").await.as_deref(), Some(&b"new"[..]));
    // Another group is not affected.
    let (other, _) = begin(&*bed.first, "h", "{h}k").await;
    bed.second.invalidate("g", &["{g}k".to_owned()], None).await.expect("invalidated");
    assert_eq!(bed.first.finish(&other, &[entry("{h}k", "h")], &[]).await, Ok(Finished::Stored(1)));
}

async fn a_load_is_fenced_when_the_fence_is_lost(bed: &Bed) {
    let (ticket, _) = begin(&*bed.first, "g", "{g}k").await;
    bed.evict_fence("g");
    assert_eq!(bed.first.finish(&ticket, &[entry("{g}k", "v")], &[]).await, Ok(Finished::Fenced));
    let (ticket, _) = begin(&*bed.first, "g", "{g}k").await;
    bed.wipe();
    let (newer, _) = begin(&*bed.second, "g", "{g}k").await;
    assert_ne!(newer.fence, ticket.fence);
    assert_eq!(bed.first.finish(&ticket, &[entry("{g}k", "v")], &[]).await, Ok(Finished::Fenced));
    assert_eq!(bed.value("{g}k").await, None);
}

async fn one_of_many_gets_the_lease(bed: &Bed) {
    let (ticket, claim) = begin(&*bed.first, "g", "{g}k").await;
    assert_eq!(claim, Claim::Lease);
    for tier in [&bed.first, &bed.second] {
        let asks = [ask("{g}k"), ask("{g}free")];
        let (other, claims) = tier.begin("g", &asks, LONG).await.expect("begun");
        assert_eq!(claims, [Claim::Busy, Claim::Lease]);
        tier.finish(&other, &[], &["{g}free".to_owned()]).await.expect("finished");
    }
    bed.first.finish(&ticket, &[], &["{g}k".to_owned()]).await.expect("finished");
    assert_eq!(begin(&*bed.second, "g", "{g}k").await.1, Claim::Lease);
}

async fn a_lease_ends_by_itself(bed: &Bed) {
    let short = Duration::from_millis(30);
    let (_, claims) = bed.first.begin("g", &[ask("{g}k")], short).await.expect("begun");
    assert_eq!(claims, [Claim::Lease]);
    eventually("the lease ends", async || {
        bed.pass().await;
        (begin(&*bed.second, "g", "{g}k").await.1 == Claim::Lease).then_some(())
    })
    .await;
}

async fn a_lease_of_another_stays(bed: &Bed) {
    let (_, claim) = begin(&*bed.first, "g", "{g}k").await;
    assert_eq!(claim, Claim::Lease);
    let (other, claim) = begin(&*bed.second, "g", "{g}k").await;
    assert_eq!(claim, Claim::Busy);
    bed.second.finish(&other, &[], &["{g}k".to_owned()]).await.expect("finished");
    assert_eq!(begin(&*bed.second, "g", "{g}k").await.1, Claim::Busy);
}

async fn a_value_stored_meanwhile_is_found(bed: &Bed) {
    bed.load("g", "{g}k", "v").await;
    let asks = [ask("{g}k"), Ask { absent: false, ..ask("{g}k") }, ask("{g}none")];
    let (_, claims) = bed.second.begin("g", &asks, LONG).await.expect("begun");
    assert_eq!(claims, [Claim::Found(Bytes::from("v")), Claim::Lease, Claim::Lease]);
}

async fn a_lease_ends_with_its_fence(bed: &Bed) {
    let (old, claim) = begin(&*bed.first, "g", "{g}k").await;
    assert_eq!(claim, Claim::Lease);
    bed.second.invalidate("g", &["{g}other".to_owned()], None).await.expect("invalidated");
    // What its holder loads will not be stored: there is nothing to wait for.
    let (_, claim) = begin(&*bed.second, "g", "{g}k").await;
    assert_eq!(claim, Claim::Lease);
    let leases = ["{g}k".to_owned()];
    assert_eq!(bed.first.finish(&old, &[], &leases).await, Ok(Finished::Fenced));
    let (_, claim) = begin(&*bed.first, "g", "{g}k").await;
    assert_eq!(claim, Claim::Busy, "the new lease is not the old one's to give back");
}

async fn a_tombstone_keeps_values_out_for_a_while(bed: &Bed) {
    bed.load("g", "{g}k", "old").await;
    let keys = ["{g}k".to_owned(), "{g}never".to_owned()];
    bed.second.invalidate("g", &keys, Some((tombstone(), LONG))).await.expect("invalidated");
    assert_eq!(bed.second.get(&keys).await, Ok(vec![Some(tombstone()); 2]));
    // A tombstone is found by a load, and keeps out what it brings, but nothing else.
    let (ticket, claim) = begin(&*bed.first, "g", "{g}k").await;
    assert_eq!(claim, Claim::Found(tombstone()));
    let entries = [entry("{g}k", "new"), entry("{g}other", "other")];
    assert_eq!(bed.first.finish(&ticket, &entries, &[]).await, Ok(Finished::Stored(1)));
    assert_eq!(bed.value("{g}k").await, Some(tombstone()));
    assert_eq!(bed.value("{g}other").await.as_deref(), Some(&b"other"[..]));
    // It ends.
    let short = Duration::from_millis(30);
    bed.second.invalidate("g", &keys, Some((tombstone(), short))).await.expect("invalidated");
    eventually("the tombstone ends", async || {
        bed.pass().await;
        bed.value("{g}k").await.is_none().then_some(())
    })
    .await;
    assert_eq!(bed.load("g", "{g}k", "new").await, Finished::Stored(1));
}

async fn values_end(bed: &Bed) {
    let (ticket, _) = begin(&*bed.first, "g", "{g}k").await;
    let short = Entry { ttl: Duration::from_millis(30), ..entry("{g}k", "v") };
    // Less than a millisecond is little, but no error.
    let least = Entry { ttl: Duration::ZERO, ..entry("{g}z", "v") };
    let longest = Entry { ttl: Duration::from_secs(1 << 40), ..entry("{g}long", "v") };
    let entries = [short, least, longest];
    assert_eq!(bed.first.finish(&ticket, &entries, &[]).await, Ok(Finished::Stored(3)));
    eventually("the values end", async || {
        bed.pass().await;
        let keys = ["{g}k".to_owned(), "{g}z".to_owned()];
        (bed.first.get(&keys).await == Ok(vec![None, None])).then_some(())
    })
    .await;
    assert!(bed.value("{g}long").await.is_some());
}

async fn many_keys_are_invalidated(bed: &Bed) {
    let keys: Vec<String> = (0..1201).map(|i| format!("{{g}}{i}")).collect();
    let (ticket, _) = begin(&*bed.first, "g", "{g}0").await;
    let entries: Vec<Entry> = keys.iter().map(|key| entry(key, key)).collect();
    assert_eq!(bed.first.finish(&ticket, &entries, &[]).await, Ok(Finished::Stored(1201)));
    bed.second.invalidate("g", &keys, None).await.expect("invalidated");
    assert_eq!(bed.first.get(&keys).await, Ok(vec![None; keys.len()]));
    bed.second.invalidate("g", &keys, Some((tombstone(), LONG))).await.expect("invalidated");
    assert_eq!(bed.first.get(&keys).await, Ok(vec![Some(tombstone()); keys.len()]));
    assert_eq!(bed.first.finish(&ticket, &entries, &[]).await, Ok(Finished::Fenced));
}
