//! The query string as names and values.

use std::borrow::Cow;
use std::fmt;

use form_urlencoded::Serializer;
use percent_encoding::percent_decode_str;

use crate::problem::{Kind, Problem};

/// Longest value repeated in an error, in characters.
const MAX_ECHO_CHARS: usize = 64;
/// Room for most links, cursor included.
const LINK_BYTES: usize = 256;

/// A decoded query string: every name is known and there once.
///
/// ```
/// use cellar_http::params::QueryText;
///
/// let query = QueryText::parse(Some("lat=48.8&category=wine+bar"), &["lat", "category"]).unwrap();
/// assert_eq!(query.required("category", "a text").unwrap(), "wine bar");
/// assert!(QueryText::parse(Some("lat=1&lat=2"), &["lat"]).is_err());
/// assert!(QueryText::parse(Some("lng=1"), &["lat"]).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct QueryText<'a> {
    pairs: Vec<(&'static str, Cow<'a, str>)>,
    /// As it was sent, if encoding the pairs would yield the same.
    plain: Option<&'a str>,
}

impl<'a> QueryText<'a> {
    /// Decodes what follows the `?`. As in forms, `+` is a space.
    pub fn parse(raw: Option<&'a str>, known: &[&'static str]) -> Result<Self, Problem> {
        Self::parse_with_list(raw, known, "")
    }

    /// The same where one name has a list: its values have commas between them, or are there one by one.
    pub fn parse_with_list(
        raw: Option<&'a str>,
        known: &[&'static str],
        list: &'static str,
    ) -> Result<Self, Problem> {
        let Some(raw) = raw else { return Ok(Self::default()) };
        let mut pairs = Vec::with_capacity(known.len());
        let (mut plain, mut is_listed) = (true, false);
        for part in raw.split('&') {
            if part.is_empty() {
                plain = false;
                continue;
            }
            let (name, value) = part.split_once('=').unwrap_or_else(|| {
                plain = false;
                (part, "")
            });
            plain = plain && name.bytes().chain(value.bytes()).all(as_it_is);
            let name = decode(name, None)?;
            let Some(name) = known.iter().copied().find(|known| *known == name) else {
                return Err(unknown(name.into_owned(), known));
            };
            let value = decode(value, Some(name))?;
            let Some((_, earlier)) = pairs.iter_mut().find(|(earlier, _)| *earlier == name) else {
                pairs.push((name, value));
                continue;
            };
            if name != list || value.contains(',') || (earlier.contains(',') && !is_listed) {
                let detail = format!("`{name}` is there more than once");
                return Err(Problem::new(Kind::ParameterRepeated, detail).parameter(name));
            }
            (plain, is_listed) = (false, true);
            *earlier = format!("{earlier},{value}").into();
        }
        Ok(Self { pairs, plain: plain.then_some(raw) })
    }

    /// Parameters that come from elsewhere than a query string, each there once.
    pub(super) fn of_pairs(pairs: Vec<(&'static str, Cow<'a, str>)>) -> Self {
        Self { pairs, plain: None }
    }

    /// Its parameters, and those of another one that it does not have.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        let missing = |(name, _): &&(&'static str, Cow<'a, str>)| !self.has(name);
        let missing: Vec<_> = other.pairs.iter().filter(missing).cloned().collect();
        self.pairs.extend(missing);
        Self { plain: None, ..self }
    }

    /// Whether a parameter is there.
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| *known == name)
    }

    /// A parameter that may be left out but not left empty. What is allowed is written only into an error.
    pub fn optional(&self, name: &'static str, allowed: impl fmt::Display) -> Result<Option<&str>, Problem> {
        match self.pairs.iter().find(|(known, _)| *known == name) {
            None => Ok(None),
            Some((_, value)) if value.is_empty() => {
                Err(Problem::new(Kind::ParameterInvalid, format!("`{name}` is empty"))
                    .parameter(name)
                    .allowed(allowed.to_string()))
            }
            Some((_, value)) => Ok(Some(value)),
        }
    }

    /// A parameter that must be there.
    pub fn required(&self, name: &'static str, allowed: impl fmt::Display) -> Result<&str, Problem> {
        self.optional(name, &allowed)?.ok_or_else(|| {
            Problem::new(Kind::ParameterMissing, format!("`{name}` is required"))
                .parameter(name)
                .allowed(allowed.to_string())
        })
    }

    /// The same query at a path, as a link.
    pub fn link(&self, path: &str) -> String {
        self.link_with(path, |_| false, None)
    }

    /// The same query at a path, as a link to what follows a cursor.
    pub fn next_link(&self, path: &str, cursor: &str) -> String {
        self.link_with(path, |name| name == "cursor", Some(("cursor", cursor)))
    }

    /// The same query at a path with another value of a parameter, or its first.
    pub fn link_as(&self, path: &str, name: &str, value: &str) -> String {
        self.link_with(path, |known| known == name, Some((name, value)))
    }

    fn link_with(&self, path: &str, dropped: impl Fn(&str) -> bool, added: Option<(&str, &str)>) -> String {
        let mut link = String::with_capacity(LINK_BYTES);
        link.push_str(path);
        link.push('?');
        let start = link.len();
        if let Some(plain) = self.plain.filter(|_| !self.pairs.iter().any(|(name, _)| dropped(name))) {
            link.push_str(plain);
            let Some((name, value)) = added else { return link };
            if value.bytes().all(as_it_is) {
                link.extend(["&", name, "=", value]);
                return link;
            }
            return Serializer::for_suffix(link, start).append_pair(name, value).finish();
        }
        let mut query = Serializer::for_suffix(link, start);
        query.extend_pairs(self.pairs.iter().filter(|(name, _)| !dropped(name)));
        query.extend_pairs(added);
        let mut link = query.finish();
        if link.len() == start {
            link.pop();
        }
        link
    }
}

/// Whether the form encoding writes a byte as it is.
fn as_it_is(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_')
}

/// A value as an error repeats it.
pub(super) fn echo(value: &str) -> String {
    let mut echo: String = value.chars().take(MAX_ECHO_CHARS).collect();
    if echo.len() < value.len() {
        echo.push('…');
    }
    echo
}

fn unknown(name: String, known: &[&'static str]) -> Problem {
    let allowed = if known.is_empty() { Cow::from("no parameters") } else { known.join(", ").into() };
    Problem::new(Kind::ParameterUnknown, format!("there is no parameter `{}` here", echo(&name)))
        .parameter(name)
        .allowed(allowed)
}

fn decode<'a>(text: &'a str, name: Option<&'static str>) -> Result<Cow<'a, str>, Problem> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(text.into());
    }
    let malformed = |what: &str| {
        let problem = Problem::new(Kind::QueryMalformed, format!("the query holds {what}"))
            .allowed("percent-encoded UTF-8");
        match name {
            Some(name) => problem.parameter(name),
            None => problem,
        }
    };
    if !escapes_are_whole(text) {
        return Err(malformed("a `%` that two hexadecimal digits do not follow"));
    }
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned().into()),
        Err(_) => Err(malformed("bytes that are not UTF-8")),
    }
}

fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes();
        digits.len() >= 2 && digits[..2].iter().all(u8::is_ascii_hexdigit)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind_of(raw: &str) -> Kind {
        QueryText::parse(Some(raw), &["a", "cursor"]).unwrap_err().kind()
    }

    #[test]
    fn decodes_as_forms_do() {
        let query = QueryText::parse(Some("&a=%C3%A9+%2B%26&"), &["a"]).unwrap();
        assert_eq!(query.required("a", "").unwrap(), "é +&");
        assert!(QueryText::parse(None, &[]).is_ok());
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        assert_eq!(kind_of("a=%"), Kind::QueryMalformed);
        assert_eq!(kind_of("a=%2"), Kind::QueryMalformed);
        assert_eq!(kind_of("a=%zz"), Kind::QueryMalformed);
        assert_eq!(kind_of("a=%FF"), Kind::QueryMalformed);
        assert_eq!(kind_of("a=1&%61=2"), Kind::ParameterRepeated);
        assert_eq!(kind_of("A=1"), Kind::ParameterUnknown);
        let empty = QueryText::parse(Some("a="), &["a"]).unwrap();
        assert_eq!(empty.optional("a", "").unwrap_err().kind(), Kind::ParameterInvalid);
        assert_eq!(empty.required("cursor", "").unwrap_err().kind(), Kind::ParameterMissing);
    }

    #[test]
    fn a_next_link_replaces_the_cursor() {
        let query = QueryText::parse(Some("a=x+y&cursor=1"), &["a", "cursor"]).unwrap();
        assert_eq!(query.link("/p"), "/p?a=x+y&cursor=1");
        assert_eq!(query.next_link("/p", "2"), "/p?a=x+y&cursor=2");
        assert_eq!(QueryText::default().link("/p"), "/p");
    }

    #[test]
    fn a_link_is_the_same_whether_it_is_encoded_or_copied() {
        for raw in
            ["a=1.5", "a=-7&cursor=x", "a=x=y", "&a=1", "a=1&", "a", "a=%41", "a=x+y", "a=*", "a=~", "a=é"]
        {
            let query =
                QueryText::parse(Some(raw), &["a", "cursor"]).or_else(|_| QueryText::parse(None, &[]));
            let query = query.unwrap();
            let encoded = QueryText { plain: None, ..query.clone() };
            assert_eq!(query.link("/p"), encoded.link("/p"), "{raw}");
            for cursor in ["c_-1", "c/1="] {
                assert_eq!(query.next_link("/p", cursor), encoded.next_link("/p", cursor), "{raw}");
            }
        }
        assert!(QueryText::parse(Some("a=1.5&cursor=x"), &["a", "cursor"]).unwrap().plain.is_some());
    }

    proptest! {
        /// What a link says is what the request said, whatever that was.
        #[test]
        fn a_query_is_refused_or_its_link_is_read_as_the_same(raw in "([acurso]{1,6}|[=&%+]|[ -~]|[0-9a-fA-F]{2}|é){0,20}") {
            const KNOWN: [&str; 3] = ["a", "c", "cursor"];
            if let Ok(query) = QueryText::parse(Some(&raw), &KNOWN) {
                let link = query.link("/p");
                let again = link.split_once('?').map(|(_, query)| query);
                let again = QueryText::parse(again, &KNOWN).map_err(|_| TestCaseError::fail(link.clone()))?;
                prop_assert_eq!(&again.pairs, &query.pairs, "{}", link);
            }
        }
    }
}
