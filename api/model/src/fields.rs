//! Which properties of places are wanted: what the parameter `fields` takes.

use std::fmt;
use std::str::FromStr;

use serde_json::value::RawValue;
use thiserror::Error;

/// Most properties that can be named.
pub const MAX_FIELDS: usize = 32;
/// Longest name of a property, in bytes.
pub const MAX_FIELD_BYTES: usize = 200;

/// Names of properties. Its text is canonical: each name once, in the order of their bytes, with commas between them and a
/// backslash before a comma or a backslash of a name.
///
/// ```
/// use cellar_model::fields::Fields;
///
/// let fields: Fields = "rating,name,rating".parse()?;
/// assert_eq!(fields.to_string(), "name,rating");
/// assert!("name,,rating".parse::<Fields>().is_err());
/// # Ok::<(), cellar_model::fields::FieldsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(Box<[Box<str>]>);

/// A text that names no properties.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FieldsError {
    /// Nothing between two commas.
    #[error("a name is empty; separate names by single commas")]
    Empty,
    /// Longer than [`MAX_FIELD_BYTES`].
    #[error("a name has {bytes} bytes; it may have at most {MAX_FIELD_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// More than [`MAX_FIELDS`].
    #[error("there are {count} names; at most {MAX_FIELDS} can be asked for")]
    TooMany {
        /// How many different ones there are.
        count: usize,
    },
}

impl Fields {
    /// Whether a property is among them.
    pub fn has(&self, name: &str) -> bool {
        self.0.binary_search_by(|known| (**known).cmp(name)).is_ok()
    }

    /// Appends to a text of JSON what of an object is wanted: its members as they are, in their order. `properties` begins
    /// with the object's brace, and what follows the object does not count. `first` is a member that comes before all of
    /// them, with its comma left out.
    pub(crate) fn append(&self, out: &mut Vec<u8>, properties: &[u8], first: &[u8]) {
        out.push(b'{');
        out.extend_from_slice(first);
        let mut json = serde_json::Deserializer::from_slice(properties).into_iter::<Members<'_>>();
        let members = json.next().and_then(Result::ok).unwrap_or_default();
        let mut is_first = first.is_empty();
        let is_given = |name: &str| !first.is_empty() && name == "distance_m";
        for (name, value) in members.0.iter().filter(|(name, _)| self.has(name) && !is_given(name)) {
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            // Writing to a vector cannot fail.
            let _ = serde_json::to_writer(&mut *out, name);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.push(b'}');
    }
}

/// The members of an object, in their order.
#[derive(Default)]
struct Members<'a>(Vec<(std::borrow::Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All<'a>(std::marker::PhantomData<&'a ()>);

        impl<'de: 'a, 'a> serde::de::Visitor<'de> for All<'a> {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(All(std::marker::PhantomData))
    }
}

/// A name that is borrowed unless it has escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

impl FromStr for Fields {
    type Err = FieldsError;

    fn from_str(text: &str) -> Result<Self, FieldsError> {
        let (mut names, mut name) = (Vec::new(), String::new());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => name.push(chars.next_if(|next| matches!(next, ',' | '\\')).unwrap_or('\\')),
                ',' => names.push(std::mem::take(&mut name)),
                c => name.push(c),
            }
        }
        names.push(name);
        names.sort_unstable();
        names.dedup();
        for name in &names {
            match name.len() {
                0 => return Err(FieldsError::Empty),
                bytes if bytes > MAX_FIELD_BYTES => return Err(FieldsError::TooLong { bytes }),
                _ => {}
            }
        }
        if names.len() > MAX_FIELDS {
            return Err(FieldsError::TooMany { count: names.len() });
        }
        Ok(Self(names.into_iter().map(String::into_boxed_str).collect()))
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}", name.replace('\\', r"\\").replace(',', r"\,"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(fields: &str, properties: &str, first: &str) -> String {
        let mut out = Vec::new();
        fields.parse::<Fields>().unwrap().append(&mut out, properties.as_bytes(), first.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn properties_stay_as_they_are() {
        let all = r#"{"z":1.50,"a":{"b":[1, 2]},"é":1e400,"\u0062":"x","distance_m":7}}"#;
        assert_eq!(of("a,z", all, ""), r#"{"z":1.50,"a":{"b":[1, 2]}}"#);
        assert_eq!(of("é,b", all, ""), r#"{"é":1e400,"b":"x"}"#);
        assert_eq!(of("nothing", all, ""), "{}");
        assert_eq!(of("nothing", "{}}", r#""distance_m":1.5"#), r#"{"distance_m":1.5}"#);
        assert_eq!(of("a,distance_m", all, r#""distance_m":1.5"#), r#"{"distance_m":1.5,"a":{"b":[1, 2]}}"#);
    }

    #[test]
    fn names_are_bounded() {
        let names = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
        assert!(names(32).parse::<Fields>().is_ok() && "x".repeat(200).parse::<Fields>().is_ok());
        assert_eq!(names(33).parse::<Fields>(), Err(FieldsError::TooMany { count: 33 }));
        assert_eq!("é".repeat(101).parse::<Fields>(), Err(FieldsError::TooLong { bytes: 202 }));
        for empty in ["", ",", "a,", ",a", "a,,b"] {
            assert_eq!(empty.parse::<Fields>(), Err(FieldsError::Empty), "{empty}");
        }
    }

    proptest! {
        #[test]
        fn texts_are_canonical(text in "[ab,\\\\ ]{0,12}") {
            if let Ok(fields) = text.parse::<Fields>() {
                prop_assert_eq!(fields.to_string().parse::<Fields>(), Ok(fields));
            }
        }
    }
}
