//! Values of properties, read from a place as pages have it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::tail::properties_of;

/// The value of a property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Not there, or `null`.
    Null,
    /// An object, or what cannot be read: it is there, and compares with nothing.
    Object,
    /// True or false.
    Boolean(bool),
    /// A number, as the double that is nearest to it.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// The members of an array.
    List(Vec<Value<'a>>),
}

/// The values of these properties of a place, in their order. A name that stands there twice has its last value.
pub(crate) fn values_of<'p>(payload: &'p [u8], names: &[String]) -> Vec<Value<'p>> {
    let mut values = vec![Value::Null; names.len()];
    if names.is_empty() {
        return values;
    }
    if let Some((_, properties)) = properties_of(payload) {
        let mut json = serde_json::Deserializer::from_slice(properties);
        // What cannot be read is not there; what is stored can be.
        let _ = Members { names, values: &mut values }.deserialize(&mut json);
    }
    values
}

struct Members<'n, 'v, 'p> {
    names: &'n [String],
    values: &'v mut [Value<'p>],
}

impl<'p> DeserializeSeed<'p> for Members<'_, '_, 'p> {
    type Value = ();

    fn deserialize<D: Deserializer<'p>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'p> Visitor<'p> for Members<'_, '_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(at) = map.next_key_seed(Name(self.names))? {
            match at.and_then(|at| self.values.get_mut(at)) {
                Some(value) => *value = read(map.next_value::<&RawValue>()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// A value by itself. A number that no double holds is there, and compares with nothing.
fn read(json: &RawValue) -> Value<'_> {
    Any.deserialize(&mut serde_json::Deserializer::from_str(json.get())).unwrap_or(Value::Object)
}

/// Which of some names a key is.
struct Name<'n>(&'n [String]);

impl<'p> DeserializeSeed<'p> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'p>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|wanted| wanted == name))
    }
}

/// Any value.
#[derive(Clone, Copy)]
struct Any;

impl<'p> DeserializeSeed<'p> for Any {
    type Value = Value<'p>;

    fn deserialize<D: Deserializer<'p>>(self, deserializer: D) -> Result<Value<'p>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'p> Visitor<'p> for Any {
    type Value = Value<'p>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'p>, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'p>, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'p>, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'p>, E> {
        Ok(Value::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'p str) -> Result<Value<'p>, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value<'p>, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Value<'p>, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'p>>(self, mut members: A) -> Result<Value<'p>, A::Error> {
        let mut list = Vec::new();
        while let Some(member) = members.next_element_seed(Any)? {
            list.push(member);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<Value<'p>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object)
    }
}
