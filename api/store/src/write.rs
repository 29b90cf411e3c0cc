//! Writing many places: in batches, several in flight, until DynamoDB has taken every one of them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use cellar_model::Collection;
use cellar_model::place::Place;
use futures::stream::{self, FuturesUnordered, StreamExt, TryStreamExt};

use super::failure::Failure;
use super::item::{self, Item};
use super::retry::{Backoff, Bounds, retry};
use super::{DynamoStore, Previous, StoreError};

/// Items in a `BatchWriteItem` request, at most.
pub(super) const BATCH_ITEMS: usize = 25;

/// Places in a batch for an embedded engine, which makes one transaction of it. In a larger one the engine would answer
/// no search for longer.
#[cfg(feature = "embedded")]
pub(super) const EMBEDDED_BATCH_PLACES: usize = 250;

/// Places that are written one by one at a time.
const PUTS_IN_FLIGHT: usize = 16;

/// Bytes of a batch by the estimate of [`request_bytes`]: DynamoDB takes requests of up to 16 MB.
const BATCH_BYTES: usize = 15 * 1024 * 1024;

impl DynamoStore {
    pub(super) async fn write_batches(
        &self,
        collection: &Collection,
        places: &[Place],
    ) -> Result<(), StoreError> {
        let mut waiting = batches(places, self.batch_places);
        let mut in_flight = FuturesUnordered::new();
        loop {
            let free = self.batches_in_flight - in_flight.len();
            in_flight.extend(waiting.by_ref().take(free).map(|batch| self.write_batch(collection, batch)));
            if in_flight.try_next().await?.is_none() {
                return Ok(());
            }
        }
    }

    pub(super) async fn write_each(
        &self,
        collection: &Collection,
        places: &[Place],
    ) -> Result<Vec<Previous>, StoreError> {
        let items: Result<Vec<Item>, _> =
            places.iter().map(|place| item::from_place(collection, place)).collect();
        let puts = stream::iter(items?).map(|item| self.put_item(item));
        puts.buffered(PUTS_IN_FLIGHT).map_ok(|old| item::previous(old.as_ref())).try_collect().await
    }

    async fn write_batch(&self, collection: &Collection, batch: &[Place]) -> Result<(), StoreError> {
        let items: Result<Vec<Item>, _> =
            batch.iter().map(|place| item::from_place(collection, place)).collect();
        let items = items?;
        #[cfg(feature = "embedded")]
        if let Some(direct) = &self.direct
            && direct.takes(&self.table, &items).await
        {
            return Ok(());
        }
        self.write_all(items.into_iter().map(put_request).collect::<Result<Vec<_>, _>>()?).await
    }

    /// Carries out requests, whose keys differ, in batches.
    pub(super) async fn write_requests(&self, requests: Vec<WriteRequest>) -> Result<(), StoreError> {
        let batches: Vec<_> = requests.chunks(BATCH_ITEMS).map(<[WriteRequest]>::to_vec).collect();
        let writes = stream::iter(batches).map(|batch| self.write_all(batch));
        writes.buffer_unordered(self.batches_in_flight).try_collect().await
    }

    /// Sends one batch until all of it is processed.
    async fn write_all(&self, mut left: Vec<WriteRequest>) -> Result<(), StoreError> {
        let mut bounds = self.bulk.bounds();
        let mut backoff = Backoff::default();
        while !left.is_empty() {
            let sent = left.len();
            left = self.send_batch(left, bounds).await.map_err(|error| backoff.cause_of(error))?;
            if left.len() < sent {
                backoff.reset();
            }
            if !left.is_empty() {
                backoff.wait(Failure::Throttled, &mut bounds, &self.budget).await?;
            }
        }
        Ok(())
    }

    /// Sends a batch and returns what DynamoDB did not process.
    async fn send_batch(
        &self,
        batch: Vec<WriteRequest>,
        bounds: Bounds,
    ) -> Result<Vec<WriteRequest>, StoreError> {
        let request = self.client.batch_write_item().request_items(&*self.table, batch);
        let answer = retry(bounds, &self.budget, || {
            let request = request.clone();
            async move { request.send().await.map_err(|error| self.classify(&error)) }
        });
        Ok(answer
            .await?
            .unprocessed_items
            .map(HashMap::into_values)
            .into_iter()
            .flatten()
            .flatten()
            .collect())
    }
}

pub(super) fn put_request(item: Item) -> Result<WriteRequest, StoreError> {
    let put = PutRequest::builder().set_item(Some(item)).build();
    let put = put.map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(WriteRequest::builder().put_request(put).build())
}

/// Cuts places into batches of at most `most` that DynamoDB takes.
fn batches(mut places: &[Place], most: usize) -> impl Iterator<Item = &[Place]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = places.iter().take(most).take_while(|place| {
            bytes += request_bytes(place);
            bytes <= BATCH_BYTES
        });
        let count = fitting.count().max(1);
        let (batch, rest) = places.split_at_checked(count)?;
        places = rest;
        Some(batch)
    })
}

/// An upper bound of what a place takes in a request: escaping doubles a text at most, and the id is in two
/// keys.
fn request_bytes(place: &Place) -> usize {
    2 * place.properties.as_json().len() + 4 * place.id.as_str().len() + 1024
}

#[cfg(test)]
mod tests {
    use cellar_model::place::Properties;
    use geo_index::Position;

    use super::*;

    fn places(count: usize, property_bytes: usize) -> Vec<Place> {
        let properties =
            Properties::from_stored(format!(r#"{{"x":"{}"}}"#, "x".repeat(property_bytes))).unwrap();
        let place = |i: usize| Place {
            id: i.to_string().parse().unwrap(),
            position: Position::new(1.0, 2.0).unwrap(),
            properties: properties.clone(),
        };
        (0..count).map(place).collect()
    }

    fn sizes(places: &[Place]) -> Vec<usize> {
        batches(places, BATCH_ITEMS).map(<[Place]>::len).collect()
    }

    #[test]
    fn batches_have_at_most_25_places_and_16_megabytes() {
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&places(25, 10)), [25]);
        assert_eq!(sizes(&places(51, 10)), [25, 25, 1]);
        assert_eq!(sizes(&places(25, 390_000)), [20, 5]);
        let all = places(60, 200);
        let ids: Vec<_> = batches(&all, BATCH_ITEMS).flatten().map(|place| place.id.as_str()).collect();
        assert_eq!(ids.len(), 60);
        assert_eq!((ids[0], ids[59]), ("0", "59"));
    }
}
