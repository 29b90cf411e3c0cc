//! `Cache-Status` (RFC 9211): a list of caches, the one nearest to the origin first, each with what it did.

/// What a cache says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// The cache's name.
    pub(super) name: &'a str,
    /// Whether it had the answer.
    pub(super) hit: bool,
    /// The parameter `detail`, without quotes.
    pub(super) detail: Option<&'a str>,
}

/// The members of a header, in order. What is no member is passed over.
pub(super) fn members(value: &str) -> impl DoubleEndedIterator<Item = Member<'_>> {
    split_outside_quotes(value, ',').into_iter().filter_map(member)
}

fn member(text: &str) -> Option<Member<'_>> {
    let mut parts = split_outside_quotes(text, ';').into_iter().map(str::trim);
    let name = unquoted(parts.next()?);
    let mut member = Member { name, hit: false, detail: None };
    for part in parts {
        match part.split_once('=').unwrap_or((part, "?1")) {
            ("hit", "?1") => member.hit = true,
            ("detail", value) => member.detail = Some(unquoted(value)),
            _ => {}
        }
    }
    (!name.is_empty()).then_some(member)
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// Splits at a character that is not within quotes, where a backslash takes the next character's meaning away.
fn split_outside_quotes(text: &str, at: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let split = |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return c == at && !quoted,
        }
        false
    };
    text.split(split).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_are_read_as_the_origin_and_the_edge_write_them() {
        let value = r#"cellar-l2; hit; ttl=281; detail="3 of 3", cellar-l1; fwd=partial; detail="4 of 7", edge; fwd=uri-miss"#;
        let read: Vec<_> = members(value).map(|member| (member.name, member.hit, member.detail)).collect();
        let l2 = ("cellar-l2", true, Some("3 of 3"));
        assert_eq!(read, [l2, ("cellar-l1", false, Some("4 of 7")), ("edge", false, None)]);
    }

    #[test]
    fn quotes_hide_separators_and_garbage_is_passed_over() {
        let value = r#", ;hit, "a, b"; hit; detail="x; \"hit, y", c; hit=?0; detail"#;
        let read: Vec<_> = members(value).map(|member| (member.name, member.hit)).collect();
        assert_eq!(read, [("a, b", true), ("c", false)]);
    }

    proptest! {
        #[test]
        fn any_header_is_a_list_and_what_is_written_is_read(
            text in "([;=, ?]|hit|detail|[\\\\\"]|[ -~]{0,3}){0,20}", names in proptest::collection::vec("[a-z]{1,5}", 0..4),
        ) {
            prop_assert!(members(&text).count() <= text.len());
            let written: Vec<String> = names.iter().map(|name| format!("{name}; hit; detail=\"a, b;\"")).collect();
            let read: Vec<String> = members(&written.join(", "))
                .filter(|member| member.hit && member.detail == Some("a, b;"))
                .map(|member| member.name.to_owned())
                .collect();
            prop_assert_eq!(read, names);
        }
    }
}
