//! The table's schema: its names, and the request that makes a table of it.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::CreateTableInput;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableInputBuilder;
use aws_sdk_dynamodb::operation::update_table::UpdateTableInput;
use aws_sdk_dynamodb::operation::update_table::builders::UpdateTableInputBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use cellar_model::key::CATEGORIES_PER_PLACE;
use serde::Serialize;

/// Hash key of the table: `<collection>#<id>`.
pub const KEY: &str = "pk";
/// Name of the index that places are found by.
pub const INDEX: &str = "by_cell";
/// Hash key of the index: `<collection>#<root>`.
pub const ROOT: &str = "root";
/// Range key of the index: `<leaf>#<id>`.
pub const LEAF: &str = "leaf";
/// The indexes by category, and the hash key of each, `<collection>#<shard>#<category>`. Their range key is [`LEAF`]. A place is
/// in as many of them as it has categories.
pub const CATEGORY_INDEXES: [(&str, &str); CATEGORIES_PER_PLACE] = [
    ("by_category", "category"),
    ("by_category_2", "category_2"),
    ("by_category_3", "category_3"),
    ("by_category_4", "category_4"),
];
/// When an item ends, in seconds since 1970: notes of answers do, places never.
pub const EXPIRES: &str = "expires";

/// Whether a new table has a stream, with old and new images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// What invalidation on AWS reads.
    On,
    /// What data directories of earlier versions have.
    Off,
}

/// The request that makes a table, its name aside.
///
/// # Errors
///
/// If the SDK finds a part of it incomplete.
pub(super) fn definition(stream: Stream) -> Result<CreateTableInputBuilder, BuildError> {
    let images = (stream == Stream::On).then(both_images).transpose()?;
    let mut table = CreateTableInput::builder()
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(text_attribute(KEY)?)
        .attribute_definitions(text_attribute(ROOT)?)
        .attribute_definitions(text_attribute(LEAF)?)
        .key_schema(key_element(KEY, KeyType::Hash)?)
        .global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name(INDEX)
                .set_key_schema(Some(index_key(ROOT)?))
                .projection(everything())
                .build()?,
        )
        .set_stream_specification(images);
    for (name, attribute) in CATEGORY_INDEXES {
        let index = GlobalSecondaryIndex::builder()
            .index_name(name)
            .set_key_schema(Some(index_key(attribute)?))
            .projection(everything())
            .build()?;
        table = table.attribute_definitions(text_attribute(attribute)?).global_secondary_indexes(index);
    }
    Ok(table)
}

/// The request that adds an index by category to a table, its name aside.
///
/// # Errors
///
/// If the SDK finds a part of it incomplete.
pub(super) fn added_index(name: &str, attribute: &str) -> Result<UpdateTableInputBuilder, BuildError> {
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name(name)
        .set_key_schema(Some(index_key(attribute)?))
        .projection(everything())
        .build()?;
    Ok(UpdateTableInput::builder()
        .attribute_definitions(text_attribute(attribute)?)
        .attribute_definitions(text_attribute(LEAF)?)
        .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(create).build()))
}

fn index_key(hash: &str) -> Result<Vec<KeySchemaElement>, BuildError> {
    Ok(vec![key_element(hash, KeyType::Hash)?, key_element(LEAF, KeyType::Range)?])
}

fn everything() -> Projection {
    Projection::builder().projection_type(ProjectionType::All).build()
}

/// A stream that tells what was and what is.
pub(super) fn both_images() -> Result<StreamSpecification, BuildError> {
    StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()
}

fn key_element(name: &str, key_type: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(key_type).build()
}

fn text_attribute(name: &str) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
}

/// What a table has to be like, in the words of `CloudFormation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Schema {
    /// Key of the table.
    pub key: Vec<KeyPart>,
    /// Attributes in keys.
    pub attributes: Vec<Attribute>,
    /// Global secondary indexes.
    pub indexes: Vec<Index>,
    /// How it is billed.
    pub billing: String,
    /// What the stream's records hold.
    pub stream: Option<String>,
    /// Attribute by which items expire.
    pub time_to_live: Option<&'static str>,
}

/// An attribute of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyPart {
    /// Name of the attribute.
    pub name: String,
    /// `HASH` or `RANGE`.
    pub role: String,
}

/// An attribute that is part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// Name.
    pub name: String,
    /// `S` for text.
    pub r#type: String,
}

/// A global secondary index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Index {
    /// Name.
    pub name: String,
    /// Its key.
    pub key: Vec<KeyPart>,
    /// Which attributes it holds.
    pub projection: Option<String>,
}

impl Schema {
    /// The schema of a new table, read from the request that makes one.
    ///
    /// # Errors
    ///
    /// If the SDK finds a part of the request incomplete.
    pub fn of_a_new_table() -> Result<Self, BuildError> {
        let input = definition(Stream::On)?.table_name(super::DEFAULT_TABLE).build()?;
        let attribute = |attribute: &AttributeDefinition| Attribute {
            name: attribute.attribute_name().to_owned(),
            r#type: attribute.attribute_type().to_string(),
        };
        Ok(Self {
            key: key(input.key_schema()),
            attributes: input.attribute_definitions().iter().map(attribute).collect(),
            indexes: input.global_secondary_indexes().iter().map(index).collect(),
            billing: input.billing_mode().map(ToString::to_string).unwrap_or_default(),
            stream: input.stream_specification().and_then(|s| s.stream_view_type()).map(ToString::to_string),
            time_to_live: Some(EXPIRES),
        })
    }
}

fn index(index: &GlobalSecondaryIndex) -> Index {
    Index {
        name: index.index_name().to_owned(),
        key: key(index.key_schema()),
        projection: index.projection().and_then(|p| p.projection_type()).map(ToString::to_string),
    }
}

fn key(schema: &[KeySchemaElement]) -> Vec<KeyPart> {
    let part = |part: &KeySchemaElement| KeyPart {
        name: part.attribute_name().to_owned(),
        role: part.key_type().to_string(),
    };
    schema.iter().map(part).collect()
}
