//! The board: roles, maps, tables.

use std::time::Duration;

use super::bed::{Bed, LONG};
use crate::support::eventually;

super::on_every_bed!(
    a_role_has_one_holder,
    a_role_ends_by_itself,
    a_map_keeps_its_fields,
    a_table_keeps_the_highest,
    a_table_is_forgotten
);

fn pairs<T: Clone>(pairs: &[(&str, T)]) -> Vec<(String, T)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn texts(texts: &[(&str, &str)]) -> Vec<(String, String)> {
    texts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn a_role_has_one_holder(bed: &Bed) {
    assert_eq!(bed.first.hold("consumer", "a", LONG).await, Ok(true));
    assert_eq!(bed.first.hold("consumer", "a", LONG).await, Ok(true));
    assert_eq!(bed.second.hold("consumer", "b", LONG).await, Ok(false));
    assert_eq!(bed.second.hold("other", "b", LONG).await, Ok(true));
    assert_eq!(bed.second.release("consumer", "b").await, Ok(()));
    assert_eq!(bed.second.hold("consumer", "b", LONG).await, Ok(false));
    assert_eq!(bed.first.release("consumer", "a").await, Ok(()));
    assert_eq!(bed.first.release("consumer", "a").await, Ok(()));
    assert_eq!(bed.second.hold("consumer", "b", LONG).await, Ok(true));
}

async fn a_role_ends_by_itself(bed: &Bed) {
    assert_eq!(bed.first.hold("consumer", "a", Duration::from_millis(30)).await, Ok(true));
    eventually("the role is free", async || {
        bed.pass().await;
        bed.second.hold("consumer", "b", LONG).await.expect("an answer").then_some(())
    })
    .await;
}

async fn a_map_keeps_its_fields(bed: &Bed) {
    assert_eq!(bed.first.read("map").await, Ok(Vec::new()));
    assert_eq!(bed.first.write("map", &[]).await, Ok(()));
    assert_eq!(bed.first.write("map", &texts(&[("a", "1"), ("b", ""), ("ü", "ß")])).await, Ok(()));
    assert_eq!(bed.second.write("map", &texts(&[("a", "2"), ("c", "3")])).await, Ok(()));
    let mut fields = bed.second.read("map").await.expect("fields");
    fields.sort();
    assert_eq!(fields, texts(&[("a", "2"), ("b", ""), ("c", "3"), ("ü", "ß")]));
    assert_eq!(bed.first.remove("map", &[]).await, Ok(()));
    let gone = ["b", "c", "ü", "none"].map(str::to_owned);
    assert_eq!(bed.first.remove("map", &gone).await, Ok(()));
    assert_eq!(bed.second.read("map").await, Ok(texts(&[("a", "2")])));
    assert_eq!(bed.first.remove("none", &gone).await, Ok(()));
}

async fn a_table_keeps_the_highest(bed: &Bed) {
    let scores = pairs(&[("a", 5), ("b", 3), ("c", 1)]);
    assert_eq!(bed.first.add_scores("hot", &scores, 3, LONG).await, Ok(()));
    assert_eq!(bed.second.top("hot", 10).await, Ok(pairs(&[("a", 5.0), ("b", 3.0), ("c", 1.0)])));
    assert_eq!(bed.second.add_scores("hot", &pairs(&[("b", 4), ("d", 2)]), 3, LONG).await, Ok(()));
    assert_eq!(bed.first.top("hot", 10).await, Ok(pairs(&[("b", 7.0), ("a", 5.0), ("d", 2.0)])));
    assert_eq!(bed.first.top("hot", 1).await, Ok(pairs(&[("b", 7.0)])));
    assert_eq!(bed.first.top("hot", 0).await, Ok(Vec::new()));
    assert_eq!(bed.first.top("none", 5).await, Ok(Vec::new()));
    assert_eq!(bed.first.add_scores("hot", &[], 3, LONG).await, Ok(()));
}

async fn a_table_is_forgotten(bed: &Bed) {
    let scores = pairs(&[("a", 5)]);
    bed.first.add_scores("hot", &scores, 3, Duration::from_millis(30)).await.expect("added");
    eventually("the table is forgotten", async || {
        bed.pass().await;
        bed.second.top("hot", 5).await.expect("an answer").is_empty().then_some(())
    })
    .await;
    bed.first.add_scores("hot", &scores, 3, LONG).await.expect("added");
    assert_eq!(bed.second.top("hot", 5).await, Ok(pairs(&[("a", 5.0)])));
}
