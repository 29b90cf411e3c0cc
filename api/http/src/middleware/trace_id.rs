//! The trace that a request is part of, if its caller says so: W3C Trace Context, or AWS X-Ray.

use axum::http::{HeaderMap, HeaderName};

/// W3C Trace Context, of requests: `00-<trace id>-<parent id>-<flags>`.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// X-Ray, of requests: `Root=1-<8 digits>-<24 digits>;Parent=…;Sampled=…`.
const AMAZON: HeaderName = HeaderName::from_static("x-amzn-trace-id");
/// The trace, of answers.
pub const HEADER: HeaderName = HeaderName::from_static("x-cellar-trace-id");

/// The id of a request's trace: 32 hexadecimal digits. An X-Ray id is written as OpenTelemetry does, without its
/// version and dashes. `traceparent` counts before X-Ray: a caller sets it, Lambda adds the other to every event.
///
/// ```
/// use axum::http::HeaderMap;
/// use cellar_http::middleware::trace_id;
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(trace_id::of(&headers), None);
/// headers.insert("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".parse()?);
/// assert_eq!(trace_id::of(&headers).as_deref(), Some("5759e988bd862e3fe1be46a994272793"));
/// headers.insert("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?);
/// assert_eq!(trace_id::of(&headers).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn of(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name)?.to_str().ok();
    text(TRACEPARENT).and_then(w3c).or_else(|| text(AMAZON).and_then(x_ray))
}

fn w3c(text: &str) -> Option<String> {
    let mut parts = text.trim().split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let (parent, flags) = (parts.next()?, parts.next()?);
    let whole = is_hex(version, 2) && version != "ff" && is_hex(parent, 16) && is_hex(flags, 2);
    // Later versions may have more parts, the first has none.
    let ends = version != "00" || parts.next().is_none();
    (whole && ends && is_hex(id, 32) && id.bytes().any(|digit| digit != b'0')).then(|| id.to_owned())
}

fn x_ray(text: &str) -> Option<String> {
    let root = text.split(';').find_map(|field| field.trim().strip_prefix("Root="))?;
    let (epoch, random) = root.strip_prefix("1-")?.split_once('-')?;
    (is_hex(epoch, 8) && is_hex(random, 24)).then(|| format!("{epoch}{random}"))
}

/// Lower case only, as both formats demand.
fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_trace_could_forge_a_log_line() {
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-\"}f92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(w3c(bad), None, "{bad}");
        }
        for bad in ["", "Root=", "Root=1-5759e988-bd862e3f", "Parent=1-5759e988-bd862e3fe1be46a994272793"] {
            assert_eq!(x_ray(bad), None, "{bad}");
        }
        assert!(w3c("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later").is_some());
        let relayed = "Self=1-67891234-12456789abcdef012345678;Root=1-67891233-abcdef012345678912345678";
        assert_eq!(x_ray(relayed).as_deref(), Some("67891233abcdef012345678912345678"));
    }
}
