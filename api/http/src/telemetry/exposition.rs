//! The text formats of metrics, and which of them is wanted.
//!
//! Prometheus names both, with what it prefers; a person or an old agent names neither. Nobody is refused: who accepts only
//! something else gets the plain text, as Prometheus' own libraries have it.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::http::{HeaderMap, header};

/// A text format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
    /// Prometheus 0.0.4.
    Prometheus,
}

/// Media types that are looked at: a header that names more is not from anybody who reads metrics.
const MOST: usize = 32;

impl Format {
    /// What a request prefers: `OpenMetrics` if it names that, and does not prefer plain text.
    pub fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let (mut open, mut plain) = (0.0, 0.0);
        for range in lines.flat_map(|line| line.split(',')).take(MOST) {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut quality, mut version) = (1.0_f32, None);
            for (key, value) in parts.filter_map(|part| part.split_once('=')) {
                match key.trim().to_ascii_lowercase().as_str() {
                    "q" => quality = value.trim().parse().unwrap_or(0.0),
                    "version" => version = Some(value.trim()),
                    _ => {}
                }
            }
            match name.as_str() {
                "application/openmetrics-text" if version.is_none_or(|version| version.starts_with("1.")) => {
                    open = quality.max(open);
                }
                "text/plain" => plain = quality.max(plain),
                _ => {}
            }
        }
        if open > 0.0 && open >= plain { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// `OpenMetrics` text in this format.
    pub fn render(self, open_metrics: String) -> String {
        match self {
            Self::OpenMetrics => open_metrics,
            Self::Prometheus => prometheus(&open_metrics),
        }
    }
}

/// The older format names a counter as its sample is named, knows no info and no units, and has no end.
fn prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        let typed = |line: &str| {
            let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
            let (name, kind): (Cow<'_, str>, _) = match kind {
                "counter" => (format!("{name}_total").into(), "counter"),
                "info" => (format!("{name}_info").into(), "gauge"),
                kind => (name.into(), kind),
            };
            Some((name.into_owned(), kind.to_owned()))
        };
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        if let Some(help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            let name =
                lines.peek().and_then(|next| typed(next)).map_or_else(|| help.0.to_owned(), |typed| typed.0);
            let _ = writeln!(text, "# HELP {name} {}", help.1);
        } else if let Some((name, kind)) = typed(line) {
            let _ = writeln!(text, "# TYPE {name} {kind}");
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(accept: &str) -> Format {
        Format::of(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())]))
    }

    #[test]
    fn who_names_openmetrics_gets_it_unless_plain_text_is_preferred() {
        // What Prometheus 2.53 and 3.5 send.
        for scraper in [
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "Application/OpenMetrics-Text",
            "application/openmetrics-text; version=1.0.0, text/plain",
        ] {
            assert_eq!(of(scraper), Format::OpenMetrics, "{scraper}");
        }
        for other in [
            "",
            "*/*",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "application/json",
            "text/plain;version=0.0.4",
            "text/plain, application/openmetrics-text;q=0.5",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=nonsense",
            "application/openmetrics-text;version=2.0.0",
        ] {
            assert_eq!(of(other), Format::Prometheus, "{other}");
        }
        assert_eq!(Format::of(&HeaderMap::new()), Format::Prometheus);
    }

    #[test]
    fn a_long_header_is_no_work() {
        let long = "a/b;q=0.1,".repeat(800) + "application/openmetrics-text";
        assert!(long.len() > 8_000);
        assert_eq!(of(&long), Format::Prometheus);
    }

    #[test]
    fn the_older_format_names_counters_as_their_samples() {
        let open = "# HELP a Things.\n# TYPE a counter\na_total{b=\"c\"} 1\n# HELP d_seconds Time.\n# TYPE d_seconds gauge\n\
                    # UNIT d_seconds seconds\nd_seconds 2\n# HELP e What it is.\n# TYPE e info\ne_info{v=\"1\"} 1\n# EOF\n";
        assert_eq!(
            Format::Prometheus.render(open.to_owned()),
            "# HELP a_total Things.\n# TYPE a_total counter\na_total{b=\"c\"} 1\n# HELP d_seconds Time.\n\
             # TYPE d_seconds gauge\nd_seconds 2\n# HELP e_info What it is.\n# TYPE e_info gauge\ne_info{v=\"1\"} 1\n"
        );
        assert_eq!(Format::OpenMetrics.render(open.to_owned()), open);
    }
}
