//! Parameters as members of a JSON object, where there are too many for a URL.
//!
//! Members have the names of the parameters and mean the same: numbers and truth values stand for their texts, and where a
//! parameter is a list, an array for its members with commas between them. No member is there twice.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::query::{QueryText, echo};
use crate::problem::{Kind, Problem};

/// A member that is no parameter: JSON as it was sent.
pub(super) type Other<'a> = (&'static str, &'a RawValue);

/// Parameters that are lists.
const LISTS: [&str; 3] = ["bbox", "category", "fields"];

/// The members of an object, in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(All).map(Members)
    }
}

/// Why an object has no parameters.
#[derive(Debug)]
pub struct MembersError(Problem);

impl From<MembersError> for Problem {
    fn from(MembersError(problem): MembersError) -> Self {
        problem
    }
}

/// Reads the members of an object: those that are parameters, and the others that are known. `null` is left out.
pub fn read_members<'a>(
    json: &'a str,
    known: &[&'static str],
    others: &[&'static str],
) -> Result<(QueryText<'a>, Vec<Other<'a>>), MembersError> {
    let Members(members) = serde_json::from_str(json).map_err(|error| {
        let what = if error.classify() == Category::Data { "no object" } else { "not JSON" };
        MembersError(Problem::new(Kind::BodyInvalid, format!("the body is {what}: {error}")))
    })?;
    let (mut pairs, mut rest) = (Vec::new(), Vec::new());
    let mut seen: Vec<&'static str> = Vec::new();
    for (name, value) in members {
        let is = |known: &&&'static str| **known == name;
        if let Some(name) = known.iter().chain(others).find(is) {
            if seen.contains(name) {
                let detail = format!("the member `{name}` is there more than once");
                return Err(MembersError(Problem::new(Kind::ParameterRepeated, detail).parameter(*name)));
            }
            seen.push(name);
        }
        if value.get() == "null" && known.iter().chain(others).any(|known| *known == name) {
            continue;
        }
        if let Some(known) = others.iter().find(is) {
            rest.push((*known, value));
        } else if let Some(known) = known.iter().find(is) {
            pairs.push((*known, text(known, value)?));
        } else {
            let detail = format!("there is no member `{}` here", echo(&name));
            let allowed = [known, others].concat().join(", ");
            let problem = Problem::new(Kind::ParameterUnknown, detail).parameter(name).allowed(allowed);
            return Err(MembersError(problem));
        }
    }
    Ok((QueryText::of_pairs(pairs), rest))
}

/// The text of a parameter.
fn text<'a>(name: &'static str, value: &'a RawValue) -> Result<Cow<'a, str>, MembersError> {
    let is_list = LISTS.contains(&name);
    let refused = || {
        let nor = if is_list { ", a number, nor an array of these" } else { " nor a number" };
        let detail = format!("the member `{name}` is neither a text{nor}");
        MembersError(Problem::new(Kind::ParameterInvalid, detail).parameter(name))
    };
    match value.get().as_bytes().first() {
        Some(b'[') if is_list => {
            let members: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| refused())?;
            let text = |member: &&RawValue| {
                let text = scalar(member)?;
                let is_text = member.get().starts_with('"');
                Some(if is_text { text.replace('\\', r"\\").replace(',', r"\,") } else { text.into_owned() })
            };
            let texts: Option<Vec<String>> = members.iter().map(text).collect();
            texts.map(|texts| texts.join(",").into()).ok_or_else(refused)
        }
        _ => scalar(value).ok_or_else(refused),
    }
}

fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(value.get()).ok().map(Cow::Owned),
        b'[' | b'{' | b'n' => None,
        _ => Some(value.get().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_texts_of_parameters() {
        let json =
            r#"{"lat":1e1,"fields":["a,b",7],"filter":"x = 'é'","open":true,"cursor":null,"within":{"a":1}}"#;
        let known = ["lat", "fields", "filter", "open", "cursor"];
        let (text, others) = read_members(json, &known, &["within"]).unwrap();
        for (name, value) in [("lat", "1e1"), ("fields", r"a\,b,7"), ("filter", "x = 'é'"), ("open", "true")]
        {
            assert_eq!(text.optional(name, "").unwrap(), Some(value));
        }
        assert!(!text.has("cursor"));
        assert_eq!(others[0].1.get(), r#"{"a":1}"#);
        for (bad, kind) in [
            ("[]", Kind::BodyInvalid),
            ("{", Kind::BodyInvalid),
            (r#"{"lng":1}"#, Kind::ParameterUnknown),
            (r#"{"lat":{}}"#, Kind::ParameterInvalid),
            (r#"{"filter":["a = 1","b = 2"]}"#, Kind::ParameterInvalid),
            (r#"{"lat":1,"filter":"a = 1","l\u0061t":2}"#, Kind::ParameterRepeated),
            (r#"{"lat":null,"lat":2}"#, Kind::ParameterRepeated),
            (r#"{"fields":[["a"]]}"#, Kind::ParameterInvalid),
        ] {
            let problem = Problem::from(read_members(bad, &known, &[]).unwrap_err());
            assert_eq!(problem.kind(), kind, "{bad}");
        }
        for (bad, why) in [("[]", "no object"), (r#"{"lat":NaN}"#, "not JSON"), ("", "not JSON")] {
            let problem = Problem::from(read_members(bad, &known, &[]).unwrap_err());
            assert!(problem.detail().contains(why), "{bad}");
        }
        let twice = read_members(r#"{"within":{},"within":{}}"#, &known, &["within"]).unwrap_err();
        assert_eq!(Problem::from(twice).kind(), Kind::ParameterRepeated);
    }

    #[test]
    fn what_one_lacks_the_other_has() {
        let read = |json| read_members(json, &["a", "b", "c"], &[]).unwrap().0;
        let (own, shared) = (read(r#"{"a":1}"#), read(r#"{"a":2,"b":3}"#));
        let both = own.or(&shared);
        assert_eq!((both.required("a", "").unwrap(), both.required("b", "").unwrap()), ("1", "3"));
        assert!(!both.has("c"));
    }
}
