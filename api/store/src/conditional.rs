//! Writes that are done only if the place is what the writer expects (docs/adr/0021).
//!
//! The table decides, in the request that writes: its condition names either the existence of the item or the very
//! attributes that its entity tag was computed from. An item that has changed since it was looked at makes the request
//! fail; what is there instead comes back with the refusal and is judged anew. So no write is lost between a look and
//! a write, and items need no attribute for their tags.
//!
//! A request whose answer was lost may have been done. Sent again it would find its own item, and take it for
//! somebody else's. Each conditional write therefore signs its item with a text that no other has.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use cellar_model::condition::{Conditions, tag};
use cellar_model::place::Place;
use cellar_model::{Collection, PlaceId};

use super::item::{self, Item};
use super::retry::{Bounds, retry};
use super::{CollectionInfo, DynamoStore, Previous, StoreError, Written, table};

/// What a place's tag is made of, beside its key.
const CONTENT: [&str; 3] = [item::LAT, item::LON, item::PROPERTIES];

/// What a request with a condition came to.
pub(super) enum Attempt {
    /// It is done; what was there before, if the request asks for that.
    Done(Option<Item>),
    /// The condition did not hold; what is there instead.
    Refused(Option<Item>),
}

/// What the table is asked to make sure of.
pub(super) enum Expected<'a> {
    /// There is an item.
    Something,
    /// There is none.
    Nothing,
    /// There is an item with this content.
    Content(&'a Item),
}

impl DynamoStore {
    pub(super) async fn put_conditionally(
        &self,
        collection: &Collection,
        place: &Place,
        conditions: &Conditions,
    ) -> Result<Written, StoreError> {
        let signature = format!("{:032x}", fastrand::u128(..));
        let item = item::signed(item::from_place(collection, place)?, &signature)?;
        let bounds = self.interactive.bounds();
        let mut seen = self.first_look(&item::base_key(collection, &place.id), conditions).await?;
        loop {
            if !hold(conditions, collection, seen.as_ref())? {
                return Ok(Written::Unmet);
            }
            match self.put_expecting(&item, &expected(conditions, seen.as_ref()), bounds).await? {
                Attempt::Done(old) => return Ok(Written::Done(item::previous(old.as_ref()))),
                Attempt::Refused(found) if found.as_ref().and_then(item::signature) == Some(&signature) => {
                    return Ok(Written::Done(item::previous(seen.as_ref())));
                }
                Attempt::Refused(found) => seen = found,
            }
        }
    }

    pub(super) async fn delete_conditionally(
        &self,
        collection: &Collection,
        id: &PlaceId,
        conditions: &Conditions,
    ) -> Result<Written, StoreError> {
        let key = item::base_key(collection, id);
        let bounds = self.interactive.bounds();
        let mut seen = self.get_item(&key, true).await?;
        loop {
            if seen.is_none() {
                return Ok(Written::Done(Previous::default()));
            }
            if !hold(conditions, collection, seen.as_ref())? {
                return Ok(Written::Unmet);
            }
            let (attempt, repeated) =
                self.delete_expecting(&key, &expected(conditions, seen.as_ref()), bounds).await?;
            match attempt {
                Attempt::Done(old) => return Ok(Written::Done(item::previous(old.as_ref()))),
                // An attempt before this one was not answered: it has done it.
                Attempt::Refused(None) if repeated => {
                    return Ok(Written::Done(item::previous(seen.as_ref())));
                }
                Attempt::Refused(found) => seen = found,
            }
        }
    }

    /// What is there, unless the condition is that nothing is: the table can be asked that at once.
    async fn first_look(&self, key: &str, conditions: &Conditions) -> Result<Option<Item>, StoreError> {
        match conditions.existence() {
            Some(false) => Ok(None),
            _ => self.get_item(key, true).await,
        }
    }

    pub(super) async fn put_expecting(
        &self,
        item: &Item,
        expected: &Expected<'_>,
        bounds: Bounds,
    ) -> Result<Attempt, StoreError> {
        let (condition, names, values) = expected.expression();
        let request = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item.clone()))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(values)
            .return_values(ReturnValue::AllOld);
        self.attempt_put(request, bounds).await
    }

    /// Sends a request with a condition, which says what is there if that does not hold.
    pub(super) async fn attempt_put(
        &self,
        request: PutItemFluentBuilder,
        bounds: Bounds,
    ) -> Result<Attempt, StoreError> {
        let request =
            request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let attempt = retry(bounds, &self.budget, || {
            let request = request.clone();
            async move {
                let error = match request.send().await {
                    Ok(done) => return Ok(Attempt::Done(item::given(done.attributes))),
                    Err(error) => error,
                };
                match error.as_service_error() {
                    Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                        Ok(Attempt::Refused(item::given(refusal.item.clone())))
                    }
                    _ => Err(self.classify(&error)),
                }
            }
        })
        .await?;
        self.told(attempt, request.get_item().as_ref()).await
    }

    /// What was refused, with what is there instead. DynamoDB says that with its refusal; of engines that do not, it is asked.
    async fn told(&self, attempt: Attempt, key: Option<&Item>) -> Result<Attempt, StoreError> {
        let key = key.and_then(|item| item.get(table::KEY)?.as_s().ok());
        match (attempt, key) {
            (Attempt::Refused(None), Some(key)) => Ok(Attempt::Refused(self.get_item(key, true).await?)),
            (attempt, _) => Ok(attempt),
        }
    }

    async fn delete_expecting(
        &self,
        key: &str,
        expected: &Expected<'_>,
        bounds: Bounds,
    ) -> Result<(Attempt, bool), StoreError> {
        let (condition, names, values) = expected.expression();
        let request = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(item::key(key.to_owned())))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(values)
            .return_values(ReturnValue::AllOld);
        self.attempt_delete(request, bounds).await
    }

    /// The same of a removal. Tells, too, whether an attempt came before the one that was answered.
    pub(super) async fn attempt_delete(
        &self,
        request: DeleteItemFluentBuilder,
        bounds: Bounds,
    ) -> Result<(Attempt, bool), StoreError> {
        let request =
            request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut attempts = 0;
        let attempt = retry(bounds, &self.budget, || {
            attempts += 1;
            let request = request.clone();
            async move {
                let error = match request.send().await {
                    Ok(done) => return Ok(Attempt::Done(item::given(done.attributes))),
                    Err(error) => error,
                };
                match error.as_service_error() {
                    Some(DeleteItemError::ConditionalCheckFailedException(refusal)) => {
                        Ok(Attempt::Refused(item::given(refusal.item.clone())))
                    }
                    _ => Err(self.classify(&error)),
                }
            }
        })
        .await?;
        Ok((self.told(attempt, request.get_key().as_ref()).await?, attempts > 1))
    }
}

impl DynamoStore {
    /// Creates a collection or changes its title, unless it is being deleted; whether it existed. What is known of the
    /// categories of one that exists stays.
    pub(super) async fn create_or_title(&self, info: &CollectionInfo) -> Result<bool, StoreError> {
        loop {
            let request = self
                .client
                .put_item()
                .table_name(&*self.table)
                .set_item(Some(item::from_new_collection(info)?))
                .condition_expression("attribute_not_exists(#key)")
                .expression_attribute_names("#key", table::KEY);
            let attempt = self.attempt_put(request, self.interactive.bounds()).await?;
            let existed = match attempt {
                Attempt::Done(_) => false,
                Attempt::Refused(Some(found)) if item::is_marked(&found) => {
                    return Err(StoreError::Deleting { collection: info.name.clone() });
                }
                Attempt::Refused(_) => true,
            };
            if !existed {
                self.known.forget_collection(&info.name);
            } else if !self.retitle(info).await? {
                // It is gone, or being deleted, since a moment ago.
                continue;
            }
            self.settle().await?;
            return Ok(existed);
        }
    }

    async fn retitle(&self, info: &CollectionInfo) -> Result<bool, StoreError> {
        let title = info.title.clone().map(|title| (":title", AttributeValue::S(title)));
        let change = if title.is_some() { "SET #title = :title" } else { "REMOVE #title" };
        let values: Vec<_> = title.into_iter().collect();
        let names = [("#title", item::TITLE), ("#deletion", item::DELETION)];
        let condition = "attribute_exists(#key) AND attribute_not_exists(#deletion)";
        self.update_collection(&info.name, change, condition, &names, &values).await
    }
}

type Names = std::collections::HashMap<String, String>;

impl Expected<'_> {
    /// The condition, with the names and values that it uses.
    fn expression(&self) -> (String, Names, Option<Item>) {
        let mut names = Names::from([("#key".to_owned(), table::KEY.to_owned())]);
        match self {
            Self::Something => ("attribute_exists(#key)".to_owned(), names, None),
            Self::Nothing => ("attribute_not_exists(#key)".to_owned(), names, None),
            Self::Content(item) => {
                let mut condition = "attribute_exists(#key)".to_owned();
                let mut values = Item::new();
                for name in CONTENT {
                    let Some(value) = item.get(name) else { continue };
                    condition.extend([" AND #", name, " = :", name]);
                    names.insert(format!("#{name}"), name.to_owned());
                    values.insert(format!(":{name}"), value.clone());
                }
                (condition, names, Some(values))
            }
        }
    }
}

/// What the table has to make sure of, once the conditions hold for what was seen.
fn expected<'a>(conditions: &Conditions, seen: Option<&'a Item>) -> Expected<'a> {
    match (conditions.existence(), seen) {
        (_, None) => Expected::Nothing,
        (Some(true), Some(_)) => Expected::Something,
        (_, Some(item)) => Expected::Content(item),
    }
}

/// Whether conditions hold for what is there. Of a damaged item nothing but its existence is known.
fn hold(conditions: &Conditions, collection: &Collection, seen: Option<&Item>) -> Result<bool, StoreError> {
    let tag = match (conditions.existence(), seen) {
        (_, None) => None,
        (Some(_), Some(_)) => Some(String::new()),
        (None, Some(item)) => Some(tag(&item::to_place(collection, item.clone())?.1)),
    };
    Ok(conditions.hold(tag.as_deref()))
}
