//! What a place is at the moment, and what a writer expects it to be (RFC 9110, sections 8.8.3 and 13).
//!
//! The entity tag of a place is a hash of its Feature as it is stored and answered, so it needs no attribute of its own:
//! places of any age and from any program have one, and writing a place again without a change does not change it.

use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

use crate::place::Place;

/// The entity tag of a document, with its quotes: strong, for it is of these very bytes.
///
/// ```
/// assert_eq!(cellar_model::condition::tag_of(b"{}").len(), 34);
/// ```
pub fn tag_of(document: &[u8]) -> String {
    format!("\"{:032x}\"", xxh3_128(document))
}

/// The entity tag of a place.
pub fn tag(place: &Place) -> String {
    tag_of(place.feature().as_bytes())
}

/// What a condition names: whatever there is, or one of some entity tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`.
    Any,
    /// A list, not empty.
    Listed(Vec<EntityTag>),
}

/// An entity tag as a client has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag {
    /// Whether it begins with `W/`.
    pub weak: bool,
    /// The rest, with its quotes.
    pub opaque: String,
}

/// A text that is neither `*` nor a list of entity tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTags;

impl fmt::Display for NotTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither `*` nor a list of entity tags in double quotes")
    }
}

impl std::error::Error for NotTags {}

impl Tags {
    /// Reads a field's value. Empty members of the list are skipped, as RFC 9110 (section 5.6.1.2) wants.
    ///
    /// ```
    /// use cellar_model::condition::Tags;
    ///
    /// assert_eq!(Tags::parse("*"), Ok(Tags::Any));
    /// assert!(matches!(Tags::parse(r#""a", W/"b,c""#), Ok(Tags::Listed(tags)) if tags.len() == 2));
    /// assert!(Tags::parse("a").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotTags`] if it is anything else.
    pub fn parse(text: &str) -> Result<Self, NotTags> {
        if text.trim_matches([' ', '\t']) == "*" {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([',', ' ', '\t']);
            if rest.is_empty() {
                return if tags.is_empty() { Err(NotTags) } else { Ok(Self::Listed(tags)) };
            }
            let (tag, behind) = EntityTag::read(rest)?;
            tags.push(tag);
            rest = behind.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(NotTags);
            }
        }
    }
}

impl EntityTag {
    /// The tag that a text begins with, and what follows.
    fn read(text: &str) -> Result<(Self, &str), NotTags> {
        let opaque = text.strip_prefix("W/");
        let (weak, opaque) = (opaque.is_some(), opaque.unwrap_or(text));
        let inner = opaque.strip_prefix('"').ok_or(NotTags)?;
        let end = inner.find('"').ok_or(NotTags)?;
        if !inner[..end].bytes().all(|byte| byte == 0x21 || (0x23..=0x7e).contains(&byte) || byte >= 0x80) {
            return Err(NotTags);
        }
        let (opaque, behind) = opaque.split_at(end + 2);
        Ok((Self { weak, opaque: opaque.to_owned() }, behind))
    }
}

/// What must hold for a write to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`: what is there must be one of these, compared strongly.
    pub if_match: Option<Tags>,
    /// `If-None-Match`: what is there must be none of these, compared weakly.
    pub if_none_match: Option<Tags>,
}

impl Conditions {
    /// Whether anything would do.
    pub fn are_none(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Whether all that matters is whether there is a place: nothing, if there must not be one; something, if there must.
    pub fn existence(&self) -> Option<bool> {
        match (&self.if_match, &self.if_none_match) {
            (Some(Tags::Any), None) => Some(true),
            (None, Some(Tags::Any)) => Some(false),
            _ => None,
        }
    }

    /// Whether they hold while a place has a tag, or is not there.
    ///
    /// ```
    /// use cellar_model::condition::{Conditions, Tags};
    ///
    /// let only_new = Conditions { if_none_match: Some(Tags::Any), ..Conditions::default() };
    /// assert!(only_new.hold(None) && !only_new.hold(Some("\"a\"")));
    /// let only_a = Conditions { if_match: Tags::parse("\"a\"").ok(), ..Conditions::default() };
    /// assert!(only_a.hold(Some("\"a\"")) && !only_a.hold(Some("\"b\"")) && !only_a.hold(None));
    /// ```
    pub fn hold(&self, current: Option<&str>) -> bool {
        let found = |tags: &Tags, strongly: bool| match (tags, current) {
            (_, None) => false,
            (Tags::Any, Some(_)) => true,
            (Tags::Listed(tags), Some(current)) => {
                tags.iter().any(|tag| tag.opaque == current && !(strongly && tag.weak))
            }
        };
        self.if_match.as_ref().is_none_or(|tags| found(tags, true))
            && self.if_none_match.as_ref().is_none_or(|tags| !found(tags, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "\"a\"";

    fn tags(text: &str) -> Tags {
        Tags::parse(text).unwrap()
    }

    #[test]
    fn lists_are_read_and_nothing_else_is() {
        for (text, count) in [
            ("\"a\"", 1),
            (" \"a\" ", 1),
            ("\"\"", 1),
            ("\"a,b\"", 1),
            (",, \"a\",,W/\"b\" , \"é\",", 3),
            ("\"a\",\"a\"", 2),
        ] {
            assert!(matches!(Tags::parse(text), Ok(Tags::Listed(list)) if list.len() == count), "{text}");
        }
        for bad in [
            "",
            " ",
            ",",
            "a",
            "\"a",
            "a\"",
            "w/\"a\"",
            "W/a",
            "\"a\" \"b\"",
            "\"a\"b",
            "*, \"a\"",
            "\"a\", *",
            "\"a b\"",
            "**",
        ] {
            assert_eq!(Tags::parse(bad), Err(NotTags), "{bad}");
        }
    }

    #[test]
    fn if_match_compares_strongly_and_if_none_match_weakly() {
        let only = |text| Conditions { if_match: Some(tags(text)), ..Conditions::default() };
        let none = |text| Conditions { if_none_match: Some(tags(text)), ..Conditions::default() };
        assert!(only("\"b\", \"a\"").hold(Some(A)));
        assert!(!only("W/\"a\"").hold(Some(A)), "a weak tag matches nothing strongly");
        assert!(!only("\"b\"").hold(Some(A)));
        assert!(only("*").hold(Some(A)) && !only("*").hold(None) && !only("\"a\"").hold(None));
        assert!(!none("W/\"a\"").hold(Some(A)) && !none("\"a\"").hold(Some(A)));
        assert!(none("\"b\"").hold(Some(A)) && none("\"a\"").hold(None) && none("*").hold(None));
        assert!(!none("*").hold(Some(A)));
        let both = Conditions { if_match: Some(tags("*")), if_none_match: Some(tags("\"a\"")) };
        assert!(both.hold(Some("\"b\"")) && !both.hold(Some(A)) && !both.hold(None));
        assert!(Conditions::default().hold(None) && Conditions::default().hold(Some(A)));
    }

    #[test]
    fn existence_is_asked_for_by_stars_alone() {
        let conditions = |a: Option<&str>, b: Option<&str>| Conditions {
            if_match: a.map(tags),
            if_none_match: b.map(tags),
        };
        assert_eq!(conditions(Some("*"), None).existence(), Some(true));
        assert_eq!(conditions(None, Some("*")).existence(), Some(false));
        for (a, b) in [(Some(A), None), (Some("*"), Some(A)), (None, Some(A)), (Some(A), Some("*"))] {
            assert_eq!(conditions(a, b).existence(), None);
        }
    }
}
