//! In which form a document is wanted: as `f` says, else as `Accept` does.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::query::QueryText;
use super::values;
use crate::problem::Problem;

/// The parameter.
pub(super) const NAME: &str = "f";
const ALLOWED: &str = "json, html";

/// A form of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For programs.
    Json,
    /// For people.
    Html,
}

/// The form of a document that has no other parameters.
#[derive(Clone, Copy, Debug)]
pub struct OnlyFormat(pub Format);

impl<S: Send + Sync> FromRequestParts<S> for OnlyFormat {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Format::of(&QueryText::parse(parts.uri.query(), &[NAME])?, &parts.headers).map(Self)
    }
}

impl Format {
    /// As a query says in which `f` is known, or else the headers of its request.
    pub fn of(query: &QueryText<'_>, headers: &HeaderMap) -> Result<Self, Problem> {
        Self::named(query.optional(NAME, ALLOWED)?, headers)
    }

    /// As a query says that may hold anything else: people come to the landing page by links with parameters of others.
    pub fn of_any(raw: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        let mut pairs = form_urlencoded::parse(raw.unwrap_or_default().as_bytes());
        let found = pairs.find(|(name, _)| name == NAME);
        Self::named(found.as_ref().map(|(_, value)| value.as_ref()), headers)
    }

    /// The text of `f`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Html => "html",
        }
    }

    fn named(f: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        match f {
            None => Ok(Self::accepted(headers)),
            Some("json") => Ok(Self::Json),
            Some("html") => Ok(Self::Html),
            Some(other) => Err(values::invalid(NAME, other, "which is no form of this document", ALLOWED)),
        }
    }

    /// HTML if it weighs more than JSON, or as much and only HTML is named (RFC 9110, section 12.5.1): browsers name it, and
    /// of programs that name both JSON is what they read. What accepts neither gets JSON.
    fn accepted(headers: &HeaderMap) -> Self {
        let (mut html, mut json, mut others) = (0, None, 0);
        let lines = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in lines.flat_map(|line| line.split(',')) {
            let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
            let media_type = media_type.trim();
            let is = |known: &[&str]| known.iter().any(|known| media_type.eq_ignore_ascii_case(known));
            let weight = weight(parameters);
            if is(&["text/html", "application/xhtml+xml"]) {
                html = html.max(weight);
            } else if is(&["application/json", "application/geo+json"]) {
                json = Some(weight.max(json.unwrap_or(0)));
            } else if is(&["application/*", "*/*"]) {
                others = others.max(weight);
            }
        }
        let is_html = match json {
            Some(json) => html > json,
            None => html > 0 && html >= others,
        };
        if is_html { Self::Html } else { Self::Json }
    }
}

/// Thousandths; what is no weight is taken for 1.
fn weight(parameters: &str) -> u16 {
    let named = |parameter: &str| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok())?
    };
    let weight = parameters.split(';').find_map(named).filter(|weight| (0.0..=1.0).contains(weight));
    (weight.unwrap_or(1.0) * 1_000.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())])
    }

    #[test]
    fn browsers_are_told_from_programs() {
        use Format::{Html, Json};
        for (accept, format) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Html),
            ("Text/HTML ;q=0.5", Html),
            ("text/html, */*", Html),
            ("application/json;q=0.4, text/html;q=0.5", Html),
            ("application/json, text/html", Json),
            ("application/json, text/html;q=0.5", Json),
            ("text/html;q=0.2, */*;q=0.8", Json),
            ("application/geo+json", Json),
            ("*/*", Json),
            ("text/html;q=0, */*", Json),
            ("text/html;q=0", Json),
            ("text/*", Json),
            ("application/xml", Json),
            ("", Json),
            (";;;,,q=;q=x,text/html;q", Html),
        ] {
            assert_eq!(Format::of_any(None, &headers(accept)).unwrap(), format, "{accept}");
        }
        assert_eq!(Format::of_any(None, &HeaderMap::new()).unwrap(), Json);
    }

    #[test]
    fn what_is_said_by_f_counts() {
        let browser = headers("text/html");
        assert_eq!(Format::of_any(Some("utm=1&f=json"), &browser).unwrap(), Format::Json);
        assert_eq!(Format::of_any(Some("f=html"), &HeaderMap::new()).unwrap(), Format::Html);
        for bad in ["f=xml", "f=", "f=JSON", "f=json%20"] {
            assert!(Format::of_any(Some(bad), &browser).is_err(), "{bad}");
            let text = QueryText::parse(Some(bad), &[NAME]).unwrap();
            assert!(Format::of(&text, &browser).is_err(), "{bad}");
        }
    }
}
