//! Where users' last answers ended.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Users whose last answer is remembered. Users ask for a next page soon or not at all, so others may be forgotten.
const MAX_USERS: usize = 65_536;

/// The `next` links of users' last answers.
#[derive(Debug, Default)]
pub(super) struct LastAnswers(Mutex<HashMap<u64, String>>);

impl LastAnswers {
    /// Remembers where an answer ends, by the beginning of its body, or that there is no next page.
    pub(super) fn learn(&self, user: u64, body: &[u8]) {
        let mut users = self.0.lock();
        match next_link(body) {
            None => drop(users.remove(&user)),
            Some(link) => {
                if users.len() >= MAX_USERS {
                    users.clear();
                }
                users.insert(user, link.to_owned());
            }
        }
    }

    /// The path of the page after the last answer.
    pub(super) fn take(&self, user: u64) -> Option<String> {
        self.0.lock().remove(&user)
    }
}

/// The `href` of the `next` link. Links precede features and contain no quotes.
fn next_link(body: &[u8]) -> Option<&str> {
    let features = find(body, br#""features":"#).unwrap_or(body.len());
    let text = std::str::from_utf8(&body[..features]).ok()?;
    let mut links = text.split('{').filter(|link| link.contains(r#""rel":"next""#));
    links.next()?.split(r#""href":""#).nth(1)?.split('"').next().filter(|path| path.starts_with("/v1/"))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_behind_the_last_one_once() {
        let last = LastAnswers::default();
        let body = br#"{"type":"FeatureCollection","links":[{"href":"/v1/a","rel":"self","type":"x"},{"href":"/v1/a?cursor=c","rel":"next","type":"x"}],"features":[{"href":"/v1/b","rel":"next"}]}"#;
        last.learn(7, body);
        assert_eq!(last.take(8), None);
        assert_eq!(last.take(7).as_deref(), Some("/v1/a?cursor=c"));
        assert_eq!(last.take(7), None);
        last.learn(7, body);
        last.learn(
            7,
            br#"{"links":[{"href":"/v1/a","rel":"self"}],"features":[{"rel":"next","href":"/v1/b"}]}"#,
        );
        assert_eq!(last.take(7), None);
    }
}
