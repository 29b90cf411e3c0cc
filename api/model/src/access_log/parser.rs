//! From a line of a log to a request: which format it is in.

use super::{LogError, LoggedRequest, json, text};

/// Parses a log line by line. The order of columns in `CloudFront`'s log is that of the last `#Fields` line.
///
/// ```
/// use cellar_model::access_log::LogParser;
///
/// let line = r#"::1 - - [10/Oct/2000:13:55:36 -0700] "GET /v1/collections/bars/nearby?lat=1&lon=2 HTTP/1.1" 200 5"#;
/// let request = LogParser::default().parse(line)?.unwrap();
/// assert_eq!((&*request.client, request.at_ns()?), ("::1", 971_211_336_000_000_000));
/// assert_eq!(request.search().unwrap().name(), "bars");
/// # Ok::<(), cellar_model::access_log::LogError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogParser {
    columns: Vec<String>,
}

impl Default for LogParser {
    /// Without a `#Fields` line columns are where they have been since the first version of the log.
    fn default() -> Self {
        let known = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
                     cs(User-Agent) cs-uri-query";
        Self { columns: known.split(' ').map(str::to_owned).collect() }
    }
}

impl LogParser {
    /// Parses a line; `None` for a blank line or a comment.
    ///
    /// # Errors
    ///
    /// The line is in no known format.
    pub fn parse<'a>(&mut self, line: &'a str) -> Result<Option<LoggedRequest<'a>>, LogError> {
        if let Some(comment) = line.strip_prefix('#') {
            if let Some(names) = comment.strip_prefix("Fields:") {
                self.columns = names.split_whitespace().map(str::to_owned).collect();
            }
            return Ok(None);
        }
        match line.as_bytes() {
            [] => Ok(None),
            [b'{', ..] => json::parse(line).map(Some),
            // A header such as the user agent may hold a tab, too.
            _ if line.contains('\t') => text::cloudfront(&self.columns, line)
                .or_else(|why| text::parse(line).map_err(|_| why))
                .map(Some),
            _ => match inner_object(line) {
                Some(object) => {
                    json::parse(object).or_else(|why| text::parse(line).map_err(|_| why)).map(Some)
                }
                None => text::parse(line).map(Some),
            },
        }
    }
}

/// The object behind what a container engine or a collector of logs writes before every line.
fn inner_object(line: &str) -> Option<&str> {
    let start = line.find(" {")?;
    line.ends_with('}').then(|| &line[start + 1..])
}
