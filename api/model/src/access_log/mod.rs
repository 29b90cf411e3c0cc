//! Searches in access logs.
//!
//! | module | what it holds |
//! |---|---|
//! | `parser` | which format a line is in |
//! | `text`, `json` | lines of text, and lines that are objects |
//! | `request` | what was requested, when and by whom |
//! | `time` | times as logs write them |
//! | `search` | the URL of a search |
//! | `error` | why a line is of no use |
//!
//! Formats are told apart line by line: the common and the combined log format, also with a virtual host or a container
//! engine's prefix before it, `CloudFront`'s standard log (tab-separated, its columns named by a `#Fields` line), that of AWS's load
//! balancers, and one JSON object per line, as `CloudFront` (v2), Traefik, Caddy, nginx, Fastly and others write it.
//!
//! Invariant: a line is a request, or it is blank or a comment, or it is an error that says why.

mod error;
mod json;
mod parser;
mod request;
mod search;
mod text;
mod time;

pub use error::LogError;
pub use parser::LogParser;
pub use request::LoggedRequest;
pub use search::LoggedSearch;
