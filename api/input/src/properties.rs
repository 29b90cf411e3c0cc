//! What a place is called and which category it has, out of properties of any make.
//!
//! Cellar filters by the property `category` and shows the property `name`. Where a record has them under another
//! name, or deeper within, they are added; one that differs in nothing but upper and lower case is renamed. All else
//! stays as it was given.

use cellar_model::key::CATEGORIES_PER_PLACE;
use cellar_model::place::Properties;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::members::{Members, ObjectText, path, plain_text, string, text};
use super::names::{Role, find};

/// Where the name and the category of a place are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fields {
    /// Paths that were asked for; where there are none, the usual names are looked for in every record.
    pub(crate) category: Vec<String>,
    pub(crate) name: Option<String>,
}

impl Fields {
    /// The properties with `name` and `category`, wherever they were.
    pub(crate) fn set(&self, properties: Properties) -> Properties {
        let Some(members) = Members::of(properties.as_json()) else { return properties };
        let category = self.find(&members, Role::Category);
        let name = self.find(&members, Role::Name);
        if category.is_none() && name.is_none() {
            return properties;
        }
        let mut out = ObjectText::new();
        let changes: Vec<&Change> = category.iter().chain(&name).collect();
        for (own, value) in &members.0 {
            // A `null` gives way to what stands in for it.
            if changes.iter().any(|change| change.member == own && change.renames.is_some()) {
                continue;
            }
            match changes.iter().find(|change| change.renames.as_deref() == Some(own) || change.member == own)
            {
                Some(change) => out.add(change.member, &change.value),
                None => out.add(own, value.get()),
            }
        }
        for change in
            changes.iter().filter(|change| change.renames.is_none() && members.get(change.member).is_none())
        {
            out.add(change.member, &change.value);
        }
        Properties::from_stored(out.end()).expect("members that were read make an object")
    }

    /// What has to change; `None` if the member is there and as it should be, or nowhere.
    fn find(&self, members: &Members<'_>, role: Role) -> Option<Change> {
        let member = role.words();
        let asked = match role {
            Role::Category => self.category.as_slice(),
            _ => self.name.as_slice(),
        };
        let others = asked.iter().filter(|wanted| *wanted != member);
        let found = others.into_iter().find_map(|wanted| usable(at(members, wanted)?, role));
        if let Some(found) = found {
            let same = members.get(member).is_some_and(|own| own.get() == found);
            return (!same).then_some(Change { member, value: found, renames: None });
        }
        if let Some(own) = members.get(member).filter(|own| own.get() != "null") {
            let trimmed = string(own).filter(|own| own.trim() != own)?;
            return Some(Change { member, value: text(trimmed.trim()), renames: None });
        }
        let mut names = members.names();
        // What is `null` stands in nobody's way.
        for (name, (_, value)) in names.iter_mut().zip(&members.0) {
            if value.get() == "null" {
                name.clear();
            }
        }
        let index = find(&names, None, role).ok().flatten()?;
        let value = usable(members.0[index].1, role)?;
        let renames = names[index].eq_ignore_ascii_case(member).then(|| names[index].clone());
        Some(Change { member, value, renames })
    }
}

struct Change {
    member: &'static str,
    value: String,
    renames: Option<String>,
}

/// By the whole name first, for names may have dots.
fn at<'a>(members: &Members<'a>, wanted: &str) -> Option<&'a RawValue> {
    members.get(wanted).or_else(|| members.at(&path(wanted)))
}

/// A value that can be a name or a category, as JSON; a list can be a category, and the `primary` one of an object.
fn usable(value: &RawValue, role: Role) -> Option<String> {
    match plain_text(value) {
        Some(plain) if string(value).is_some() => Some(text(&plain)),
        Some(number) if role == Role::Name => Some(text(&number)),
        Some(number) => Some(number),
        None if role == Role::Category => {
            if let Some(object) = Members::of(value.get()) {
                return object
                    .get("primary")
                    .filter(|one| plain_text(one).is_some())
                    .and_then(|one| usable(one, role));
            }
            let list: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            // A place has so many categories; the list itself stays where it was, whole.
            let texts: Vec<String> =
                list.into_iter().filter_map(usable_item).take(CATEGORIES_PER_PLACE).collect();
            (!texts.is_empty()).then(|| format!("[{}]", texts.join(",")))
        }
        None => None,
    }
}

fn usable_item(item: &RawValue) -> Option<String> {
    plain_text(item).map(|plain| if string(item).is_some() { text(&plain) } else { plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(fields: &Fields, json: &str) -> String {
        fields.set(Properties::from_stored(json.into()).unwrap()).as_json().to_owned()
    }

    #[test]
    fn name_and_category_are_found_in_every_record() {
        for (given, expected) in [
            (r#"{"category":"cafe","name":"A"}"#, r#"{"category":"cafe","name":"A"}"#),
            (r#"{"Category":"cafe","x":1,"NAME":"A"}"#, r#"{"category":"cafe","x":1,"name":"A"}"#),
            (r#"{"category":" cafe ","name":"\tA"}"#, r#"{"category":"cafe","name":"A"}"#),
            (r#"{"stop_name":"A"}"#, r#"{"stop_name":"A","name":"A"}"#),
            (r#"{"categories":["a"," b "]}"#, r#"{"categories":["a"," b "],"category":["a","b"]}"#),
            (r#"{"categories":{"primary":"a"}}"#, r#"{"categories":{"primary":"a"},"category":"a"}"#),
            (r#"{"categories":{"main":"a"}}"#, r#"{"categories":{"main":"a"}}"#),
            (r#"{"category":7}"#, r#"{"category":7}"#),
            (r#"{"category":["a","b"]}"#, r#"{"category":["a","b"]}"#),
            (r#"{"category":null,"Category":"a"}"#, r#"{"category":"a"}"#),
            ("{}", "{}"),
        ] {
            assert_eq!(set(&Fields::default(), given), expected, "{given}");
        }
    }

    #[test]
    fn a_path_that_is_asked_for_comes_first() {
        let fields =
            Fields { category: vec!["categories.primary".into()], name: Some("names.common.en".into()) };
        assert_eq!(
            set(&fields, r#"{"categories":{"primary":"a"},"category":"old","names":{"common":{"en":"N"}}}"#),
            r#"{"categories":{"primary":"a"},"category":"a","names":{"common":{"en":"N"}},"name":"N"}"#
        );
        assert_eq!(set(&fields, r#"{"category":"old"}"#), r#"{"category":"old"}"#);
        assert_eq!(
            set(&fields, r#"{"CATEGORY":"old"}"#),
            r#"{"category":"old"}"#,
            "where the path leads nowhere"
        );
        let dotted = Fields { category: vec!["a.b".into()], name: None };
        assert_eq!(set(&dotted, r#"{"a.b":5}"#), r#"{"a.b":5,"category":5}"#);
    }
}
