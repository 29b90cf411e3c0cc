//! One property of a place, read from the payload that pages keep of it.

use std::borrow::Cow;

use crate::filter::value::{Value, values_of};

/// A property that has a text.
///
/// ```
/// use cellar_model::property::TextProperty;
///
/// let payload = br#""id":"a","geometry":{},"properties":{"name":"Le Bar","n":7}}"#;
/// assert_eq!(TextProperty::new("name").of(payload).as_deref(), Some("Le Bar"));
/// assert_eq!(TextProperty::new("n").of(payload), None);
/// ```
#[derive(Clone, Debug)]
pub struct TextProperty([String; 1]);

impl TextProperty {
    /// The property of a name.
    pub fn new(name: &str) -> Self {
        Self([name.to_owned()])
    }

    /// Its text in a payload; `None` if it is not there or is no text.
    pub fn of<'p>(&self, payload: &'p [u8]) -> Option<Cow<'p, str>> {
        match values_of(payload, &self.0).pop() {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}
