//! Takes the named members out of a JSON object, each as the text it was given.
//!
//! Derived deserializers would do, but for their errors: they cannot tell a repeated member from a wrong one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Why the members could not be read.
pub(super) enum ReadError {
    /// Not JSON.
    Syntax(String),
    /// JSON, but no object.
    NotAnObject,
    /// A wanted member is there twice.
    Duplicate(&'static str),
}

/// The values of the members named, in the order of the names; others are passed over.
pub(super) fn members<'a, const N: usize>(
    json: &'a str,
    names: [&'static str; N],
) -> Result<[Option<&'a RawValue>; N], ReadError> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = deserializer.deserialize_map(Wanted { names }).and_then(|found| {
        deserializer.end()?;
        Ok(found)
    });
    match read {
        Ok(Found { duplicate: Some(name), .. }) => Err(ReadError::Duplicate(name)),
        Ok(Found { values, .. }) => Ok(values),
        Err(error) if error.is_data() && !json.trim_start().starts_with('{') => Err(ReadError::NotAnObject),
        Err(error) => Err(ReadError::Syntax(error.to_string())),
    }
}

/// The first elements of a JSON array, at most so many, and how many there are in all: the others take no memory.
pub(super) fn elements(json: &str, most: usize) -> Option<(Vec<&RawValue>, usize)> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = deserializer.deserialize_seq(First { most }).ok()?;
    deserializer.end().ok().map(|()| read)
}

struct First {
    most: usize,
}

impl<'de> Visitor<'de> for First {
    type Value = (Vec<&'de RawValue>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut first, mut count) = (Vec::new(), 0);
        while first.len() < self.most {
            let Some(element) = seq.next_element()? else { return Ok((first, count)) };
            first.push(element);
            count += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok((first, count))
    }
}

struct Wanted<const N: usize> {
    names: [&'static str; N],
}

struct Found<'a, const N: usize> {
    values: [Option<&'a RawValue>; N],
    duplicate: Option<&'static str>,
}

impl<'de, const N: usize> Visitor<'de> for Wanted<N> {
    type Value = Found<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Found { values: [None; N], duplicate: None };
        while let Some(Name(name)) = map.next_key()? {
            match self.names.iter().position(|wanted| *wanted == name) {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(i) => {
                    if found.values[i].replace(map.next_value()?).is_some() {
                        found.duplicate.get_or_insert(self.names[i]);
                    }
                }
            }
        }
        Ok(found)
    }
}

/// A member's name, borrowed from the text unless it has escapes.
#[derive(serde::Deserialize)]
pub(super) struct Name<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);
